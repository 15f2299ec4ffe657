import type { IncomingMessage, ServerResponse } from 'node:http'
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
 * Writes an answer, once; `common` are headers it does not set itself. What says nothing about caches is not stored. Of a stream the
 * head alone: what follows has no length, so it is sent in chunks, and to HTTP/1.0 until the connection closes. RFC 9112 §6.3.
 */
export function send(
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  { status, headers, body, stream }: HttpResponse,
  common: ResponseHeaders,
): void {
  const vary = [common['vary'], headers['vary']].flat().filter((one) => one !== undefined)
  const bodyless = status === 204 || status === 304
  res.writeHead(status, {
    'cache-control': 'no-store',
    ...common,
    ...headers,
    ...(vary.length > 0 && { vary: vary.join(', ') }),
    ...(!bodyless && !stream && { 'content-length': body === undefined ? 0 : Buffer.byteLength(body) }),
    ...(bodyUnread(req) && { connection: 'close' }),
  })
  if (stream && req.method !== 'HEAD') res.flushHeaders()
  else res.end(req.method === 'HEAD' || bodyless ? undefined : body)
}
