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
 * Writes an answer, once, under the request's id; `common` are headers it does not set itself. Of a stream the
 * head alone: what follows has no length, so it is sent in chunks, and to HTTP/1.0 until the connection closes. RFC 9112 §6.3.
 */
export function send(
  { req, res }: { readonly req: IncomingMessage; readonly res: ServerResponse },
  response: HttpResponse,
  { id, common }: { readonly id: string; readonly common: ResponseHeaders },
): void {
  const { status, body, stream } = response
  const known = response.fixed ? fixedHead(response, common) : headOf(response, common)
  const own = bodyUnread(req) ? ['x-request-id', id, 'connection', 'close'] : ['x-request-id', id]
  res.writeHead(status, [...known, ...own])
  if (stream && req.method !== 'HEAD') res.flushHeaders()
  else res.end(req.method === 'HEAD' || isBodyless(status) ? undefined : body)
}

const isBodyless = (status: number) => status === 204 || status === 304

/** Names and values in turn, as Node takes them with the least work. */
type Head = readonly (string | string[])[]

const fixedHeads = new WeakMap<HttpResponse, { readonly common: ResponseHeaders; readonly head: Head }>()

/** The head of an answer that is given again, for the headers it was given with last. */
function fixedHead(response: HttpResponse, common: ResponseHeaders): Head {
  const known = fixedHeads.get(response)
  if (known?.common === common) return known.head
  const head = headOf(response, common)
  fixedHeads.set(response, { common, head })
  return head
}

function headOf({ status, headers, body, stream }: HttpResponse, common: ResponseHeaders): Head {
  const all: Record<string, string | readonly string[]> = { ...common, ...headers }
  if (common['vary'] && headers['vary']) all['vary'] = [common['vary'], headers['vary']].flat().join(', ')
  const head: (string | string[])[] = []
  for (const name in all) {
    const value = all[name]
    if (value !== undefined) head.push(name, typeof value === 'string' ? value : [...value])
  }
  if (!isBodyless(status) && !stream) {
    head.push('content-length', String(body === undefined ? 0 : Buffer.byteLength(body)))
  }
  return head
}
