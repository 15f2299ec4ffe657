import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { bodyUnread } from './body.js'
import type { HttpResponse, ResponseHeaders } from './handler.js'

/** The headers of every answer, whatever it is. HSTS only where the server is reached by https, RFC 6797 §7.2. */
export function securityHeaders(publicUrl: string): ResponseHeaders {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000' }),
  }
}

/**
 * Writes an answer, once, under the request's id; `common` are headers it does not set itself. Of a stream the
 * head alone: what follows has no length, so it is sent in chunks, and to HTTP/1.0 until the connection closes. RFC 9112 §6.3.
 */
export function send(
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  { status, headers, body, stream }: HttpResponse,
  { id, common }: { readonly id: string; readonly common: ResponseHeaders },
): void {
  const bodyless = status === 204 || status === 304
  const head: OutgoingHttpHeaders = { ...common, ...headers, 'x-request-id': id }
  if (common['vary'] && headers['vary']) head['vary'] = [common['vary'], headers['vary']].flat().join(', ')
  if (!bodyless && !stream) head['content-length'] = body === undefined ? 0 : Buffer.byteLength(body)
  if (bodyUnread(req)) head['connection'] = 'close'
  res.writeHead(status, head)
  if (stream && req.method !== 'HEAD') res.flushHeaders()
  else res.end(req.method === 'HEAD' || bodyless ? undefined : body)
}
