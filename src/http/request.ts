import type { IncomingMessage } from 'node:http'
import { invalidRequest, type OAuthError } from '../oauth/errors.js'
import { mediaType } from './body.js'
import { clientAddress } from './client-address.js'
import { tooManyHeaders } from './errors.js'
import type { RootRequest } from './handler.js'

/** Path and query exactly as sent. Scheme and host of the absolute form are dropped unread, RFC 9112 §3.2.2. */
export function target(url: string): { readonly path: string; readonly query: string } {
  const relative = url.startsWith('/') ? url : url.replace(/^https?:\/\/[^/?]*/i, '')
  const mark = relative.indexOf('?')
  return mark < 0 ? { path: relative, query: '' } : { path: relative.slice(0, mark), query: relative.slice(mark + 1) }
}

// Node keeps the first of these and drops the others; a proxy in front may have looked at the last.
const ONCE = ['authorization', 'content-type', 'host', 'origin']

const MAX_HEADERS = 100

/** `invalid_request` when a header that decides came more than once, RFC 9110 §5.3, or there are more than 100, RFC 6585 §5. */
export function headersRefused(rawHeaders: readonly string[]): OAuthError | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return tooManyHeaders()
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const bit = bitOf(rawHeaders[i] ?? '')
    if ((seen & bit) > 0) {
      const name = ONCE[31 - Math.clz32(bit)] ?? ''
      return invalidRequest('A header was given more than once.', `repeated_${name.replace('-', '_')}_header`)
    }
    seen |= bit
  }
  return undefined
}

/** Its place among those that may come once, as a bit; 0 for all others, most of which differ in length already. */
function bitOf(name: string): number {
  for (const [n, one] of ONCE.entries()) {
    if (name.length === one.length && (name === one || name.toLowerCase() === one)) return 1 << n
  }
  return 0
}

/** What a handler sees of Node's request, its body not read yet. */
export function openRequest(id: string, req: IncomingMessage, trustedProxyHops: number): RootRequest {
  const forwardedFor = req.headers['x-forwarded-for']
  return {
    id,
    method: req.method === 'HEAD' ? 'GET' : (req.method ?? ''),
    ...target(req.url ?? ''),
    headers: req.headers,
    rawHeaders: req.rawHeaders,
    body: '',
    contentType: mediaType(req.headers['content-type']),
    address: clientAddress(req.socket.remoteAddress, String(forwardedFor ?? ''), trustedProxyHops),
  }
}
