import { authenticateClient } from '../../oauth/client-auth.js'
import type { Ports } from '../../oauth/ports.js'
import { type RevocationPorts, revoke } from '../../oauth/revocation.js'
import { callerOf, clientActor } from '../caller.js'
import { formParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type RevocationDeps = RevocationPorts & Pick<Ports, 'clients' | 'throttle'>

/** POST /oauth2/revoke, RFC 7009 §2. */
export const revocation: Handler<RevocationDeps> = async (request, deps) => {
  const params = formParams(request)
  const client = await authenticateClient(callerOf(request), params, deps)
  await revoke({ tenant: request.tenant, client, params, by: clientActor(request, client) }, deps)
  // RFC 7009 §2.2: clients ignore the body, but some refuse an answer that has none, or none of JSON.
  return json(200, {}, NO_STORE)
}

export const revocationRoute: IssuerRoute<RevocationDeps> = {
  name: 'revocation',
  path: '/oauth2/revoke',
  body: 'form',
  cors: 'clients',
  methods: { POST: revocation },
}
