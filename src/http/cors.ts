import type { Clients } from '../oauth/ports.js'
import type { HttpRequest, HttpResponse, ResponseHeaders } from './handler.js'

/**
 * Who may read an endpoint's answers from a page of another origin: `any` for public documents, `clients` for the origins
 * of the tenant's clients, `none` for the rest. Never with credentials: no `Access-Control-Allow-Credentials` anywhere.
 */
export type CorsPolicy = 'any' | 'clients' | 'none'

const EXPOSED = { 'access-control-expose-headers': 'WWW-Authenticate, Retry-After, X-Request-Id' }

/** The CORS headers of every answer of an endpoint; the Fetch standard's protocol, as RFC 10017 §6.3.2 asks for it. */
export async function corsHeaders(
  policy: CorsPolicy,
  request: Pick<HttpRequest, 'headers' | 'tenant'>,
  clients: Pick<Clients, 'allowsOrigin'>,
): Promise<ResponseHeaders> {
  if (policy === 'none') return {}
  if (policy === 'any') return { 'access-control-allow-origin': '*', ...EXPOSED }
  const { origin } = request.headers
  const known = isOrigin(origin) && (await clients.allowsOrigin(request.tenant.id, origin))
  // Vary also where there is no origin: else a cache gives that answer to a page.
  return known ? { 'access-control-allow-origin': origin, vary: 'Origin', ...EXPOSED } : { vary: 'Origin' }
}

/** The answer to a preflight. It carries no token yet, so what a request may hold is the same for all. */
export const preflight = (methods: object): HttpResponse => ({
  status: 204,
  headers: {
    'access-control-allow-methods': Object.keys(methods).join(', '),
    'access-control-allow-headers': 'Authorization, Content-Type',
    'access-control-max-age': '600',
  },
})

// `null` is every sandboxed frame and local file at once, so it is nobody.
const isOrigin = (origin: string | undefined): origin is string =>
  origin !== undefined && origin !== 'null' && origin.length <= 300
