import { refreshHeld } from '../../accounts/held-refresh.js'
import { authenticateClient } from '../../oauth/client-auth.js'
import { OAuthError, withHeaders } from '../../oauth/errors.js'
import type { GrantPorts } from '../../oauth/grants/grant.js'
import type { Ports } from '../../oauth/ports.js'
import { callerOf, clientActor } from '../caller.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import { jsonParams } from '../json-body.js'
import { assertPageOf, forgetRefreshToken, heldRefreshToken, holdRefreshToken } from '../refresh-cookie.js'
import type { IssuerRoute } from '../route.js'

export type RefreshDeps = GrantPorts & Pick<Ports, 'throttle'>

/** POST {issuer}/auth/refresh: a new access token for a page whose refresh token is in a cookie. RFC 6749 §6. */
const post: Handler<RefreshDeps> = async (request, deps) => {
  const params = jsonParams(request, { repeatable: ['resource'] })
  const { tenant } = request
  const client = await authenticateClient(callerOf(request), params, deps)
  assertPageOf(request, client)
  const token = heldRefreshToken(request, client)
  try {
    const { response, held } = await refreshHeld(
      { tenant, client, params, by: clientActor(request, client) },
      token,
      deps,
    )
    return json(200, response, { ...NO_STORE, ...(held && holdRefreshToken({ tenant, client }, held)) })
  } catch (error) {
    // What is over for good is not sent again. After any other refusal the same token may be good.
    const isOver = error instanceof OAuthError && error.code === 'invalid_grant'
    throw isOver ? withHeaders(error, forgetRefreshToken({ tenant, client })) : error
  }
}

export const refreshRoute: IssuerRoute<RefreshDeps> = {
  name: 'refresh',
  path: '/auth/refresh',
  body: 'json',
  cors: 'clients_with_cookie',
  methods: { POST: post },
}
