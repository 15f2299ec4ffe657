import { invalidRequest } from '../../oauth/errors.js'
import { type UserinfoPorts, userinfo } from '../../oauth/userinfo.js'
import { formParams, queryParams } from '../form.js'
import { type Handler, type HttpRequest, type HttpResponse, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

// RFC 6750 §2.1; one space, as no scheme of ours needs more.
const BEARER = /^bearer (?:([A-Za-z0-9._~+/-]+=*)$)?/i

// RFC 6750 §3.1: who has shown nothing is told nothing but how to.
const ANONYMOUS: HttpResponse = { status: 401, headers: { ...NO_STORE, 'www-authenticate': 'Bearer' } }

/** GET and POST {issuer}/oauth2/userinfo, OpenID Connect Core §5.3. */
const answer: Handler<UserinfoPorts> = async (request, deps) => {
  const token = presentedToken(request)
  if (token === undefined) return ANONYMOUS
  const told = await userinfo({ tenant: request.tenant, token }, deps)
  if ('claims' in told) return json(200, told.claims, NO_STORE)
  // OpenID Connect Core §5.3.2.
  return { status: 200, headers: { 'content-type': 'application/jwt', ...NO_STORE }, body: told.jwt }
}

/**
 * The access token of the header or of a posted form, RFC 6750 §2; undefined when there is none. Throws `invalid_request` when there are
 * two, or one in the URL, which others log.
 */
function presentedToken(request: HttpRequest): string | undefined {
  const { authorization } = request.headers
  if (request.method === 'GET' && queryParams(request).get('access_token') !== undefined) {
    throw invalidRequest('access_token does not belong in the URL.', 'access_token_in_url')
  }
  const posted = request.method === 'POST' ? formParams(request).get('access_token') : undefined
  // RFC 6750 §2: one method per request.
  if (authorization !== undefined && posted !== undefined) {
    throw invalidRequest('The access token was given twice.', 'two_access_tokens')
  }
  const presented = BEARER.exec(authorization ?? '')
  // Another scheme's credentials are none here.
  if (!presented) return posted
  const [, bearer] = presented
  if (bearer === undefined)
    throw invalidRequest('The Authorization header holds no Bearer token.', 'authorization_malformed')
  return bearer
}

export const userinfoRoute: IssuerRoute<UserinfoPorts> = {
  name: 'userinfo',
  path: '/oauth2/userinfo',
  body: 'form',
  // OpenID Connect Core §5.3.1: the token may come in the header of a POST, too.
  bodyOptional: true,
  cors: 'clients',
  methods: { GET: answer, POST: answer },
}
