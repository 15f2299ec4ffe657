import type { Clients } from '../oauth/ports.js'
import type { HttpRequest, HttpResponse, ResponseHeaders } from './handler.js'

/**
 * Who may read an endpoint's answers from a page of another origin: `any` for public documents, `clients` for the origins
 * of the tenant's clients, `none` for the rest. With credentials nowhere but for `clients_with_cookie`: the endpoints where a browser
 * app's refresh token is in a cookie, each of which asks by itself whose page it is.
 */
export type CorsPolicy = 'any' | 'clients' | 'clients_with_cookie' | 'none'

const EXPOSED = { 'access-control-expose-headers': 'WWW-Authenticate, Retry-After, X-Request-Id' }

/** Of answers that no page of another origin may read. */
export const NO_CORS: ResponseHeaders = {}

/** Of answers that any page may read. */
export const CORS_FOR_ANY: ResponseHeaders = { 'access-control-allow-origin': '*', ...EXPOSED }

/** The CORS headers of every answer of an endpoint; the Fetch standard's protocol, as RFC 10017 §6.3.2 asks for it. */
export async function corsHeaders(
  policy: CorsPolicy,
  request: Pick<HttpRequest, 'headers' | 'tenant'>,
  clients: Pick<Clients, 'allowsOrigin'>,
): Promise<ResponseHeaders> {
  if (policy === 'none') return NO_CORS
  if (policy === 'any') return CORS_FOR_ANY
  const { origin } = request.headers
  const known = isOrigin(origin) && (await clients.allowsOrigin(request.tenant.id, origin))
  // Vary also where there is no origin: else a cache gives that answer to a page.
  if (!known) return { vary: 'Origin' }
  const credentials = policy === 'clients_with_cookie' && { 'access-control-allow-credentials': 'true' }
  return { 'access-control-allow-origin': origin, ...credentials, vary: 'Origin', ...EXPOSED }
}

/** The answer to a preflight. It carries no token yet, so what a request may hold is the same for all. */
export const preflight = (methods: object, policy: CorsPolicy): HttpResponse => ({
  status: 204,
  headers: {
    'access-control-allow-methods': Object.keys(methods).join(', '),
    'access-control-allow-headers':
      policy === 'clients_with_cookie'
        ? 'Authorization, Content-Type, X-Requested-With'
        : 'Authorization, Content-Type',
    'access-control-max-age': '600',
  },
})

// `null` is every sandboxed frame and local file at once, so it is nobody.
const isOrigin = (origin: string | undefined): origin is string =>
  origin !== undefined && origin !== 'null' && origin.length <= 300
