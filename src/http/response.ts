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
  const { status, stream } = response
  const { head, body } = response.fixed ? prepared(response, common) : { head: headOf(response, common), ...response }
  const own = bodyUnread(req) ? ['x-request-id', id, 'connection', 'close'] : ['x-request-id', id]
  res.writeHead(status, [...head, ...own])
  if (stream && req.method !== 'HEAD') res.flushHeaders()
  else if (req.method === 'HEAD' || isBodyless(status) || body === undefined) res.end()
  else if (typeof body === 'string') res.end(body, response.fixed ? 'latin1' : 'utf8')
  else res.end(body)
}

const isBodyless = (status: number) => status === 204 || status === 304

/** Names and values in turn, as Node takes them with the least work. */
type Head = readonly (string | string[])[]

/** Longer bodies cost more to copy than a second piece costs to write. */
const MAX_TEXT = 16 * 1024

type Prepared = { readonly common: ResponseHeaders; readonly head: Head; readonly body: HttpResponse['body'] }

const fixed = new WeakMap<HttpResponse, Prepared>()

/**
 * Of an answer that is given again: its head, for the headers it was given with last, and its bytes as latin1, since Node writes text
 * together with the head, and bytes apart from it.
 */
function prepared(response: HttpResponse, common: ResponseHeaders): Prepared {
  const known = fixed.get(response)
  if (known?.common === common) return known
  const bytes = Buffer.from(response.body ?? '')
  const body = bytes.length > MAX_TEXT ? bytes : bytes.toString('latin1')
  const made = { common, head: headOf(response, common), body }
  fixed.set(response, made)
  return made
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
