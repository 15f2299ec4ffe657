import { logoutByAccessToken, logoutByRefreshToken } from '../../accounts/logout.js'
import { authenticateClient } from '../../oauth/client-auth.js'
import { invalidRequest } from '../../oauth/errors.js'
import type { Client } from '../../oauth/records.js'
import { callerOf, clientActor } from '../caller.js'
import { type Handler, type HttpRequest, type HttpResponse, json, NO_STORE } from '../handler.js'
import { jsonParams } from '../json-body.js'
import { assertPageOf, endHeldTokens, forgetRefreshToken, isFromPage } from '../refresh-cookie.js'
import type { IssuerRoute } from '../route.js'

type Deps = Parameters<typeof logoutByAccessToken>[1] & Parameters<typeof authenticateClient>[2]

// RFC 6750 §2.1; one space, as no scheme of ours needs more.
const BEARER = /^bearer ([A-Za-z0-9._~+/-]+=*)$/i

/**
 * POST {issuer}/auth/logout: ends the grant of a refresh token, with client authentication, or that of the access token in the
 * header; for a page of the client that of the refresh token its browser holds, which it then forgets. 200 `{}` whether there was one or
 * not.
 */
const post: Handler<Deps> = async (request, deps) => {
  const params = jsonParams(request)
  const { tenant } = request
  const [, bearer] = BEARER.exec(request.headers.authorization ?? '') ?? []
  if (bearer !== undefined) {
    await logoutByAccessToken({ token: bearer, tenant, address: request.address, request: request.id }, deps)
    return json(200, {}, NO_STORE)
  }
  const client = await authenticateClient(callerOf(request), params, deps)
  const token = params.get('refresh_token')
  if (token === undefined && isFromPage(request)) return endHeld(request, client, deps)
  // RFC 6749 §3.2: a parameter that must be there.
  if (token === undefined) throw invalidRequest('refresh_token or a Bearer access token is required.')
  await logoutByRefreshToken({ token, client, tenant, by: clientActor(request, client) }, deps)
  return json(200, {}, NO_STORE)
}

async function endHeld(request: HttpRequest, client: Client, deps: Deps): Promise<HttpResponse> {
  assertPageOf(request, client)
  const { tenant } = request
  await endHeldTokens(request, client, deps)
  return json(200, {}, { ...NO_STORE, ...forgetRefreshToken({ tenant, client }) })
}

export const logoutRoute: IssuerRoute<Deps> = {
  name: 'logout',
  path: '/auth/logout',
  body: 'json',
  cors: 'clients_with_cookie',
  methods: { POST: post },
}
