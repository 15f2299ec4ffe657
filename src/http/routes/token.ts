import { authenticateClient } from '../../oauth/client-auth.js'
import type { GrantPorts } from '../../oauth/grants/grant.js'
import type { Ports } from '../../oauth/ports.js'
import { tokenEndpoint } from '../../oauth/token-endpoint.js'
import { callerOf, clientActor } from '../caller.js'
import { formParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type TokenDeps = GrantPorts & Pick<Ports, 'throttle'>

/** POST /oauth2/token, RFC 6749 §3.2. */
export const token: Handler<TokenDeps> = async (request, deps) => {
  // RFC 6749 §3.2: a repeated parameter is an error; RFC 8707 §2 lets this one repeat, and the endpoint says `invalid_target`.
  const params = formParams(request, { repeatable: ['resource'] })
  const client = await authenticateClient(callerOf(request), params, deps)
  const { tenant } = request
  const response = await tokenEndpoint({ tenant, client, params, by: clientActor(request, client) }, deps)
  // RFC 6749 §5.1: never to be stored.
  return json(200, response, NO_STORE)
}

export const tokenRoute: IssuerRoute<TokenDeps> = {
  name: 'token',
  path: '/oauth2/token',
  body: 'form',
  cors: 'clients',
  methods: { POST: token },
}
