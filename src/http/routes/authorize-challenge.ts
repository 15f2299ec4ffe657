import { authorizationChallenge, type ChallengePorts } from '../../accounts/authorization-challenge.js'
import { authenticateClient } from '../../oauth/client-auth.js'
import type { Ports } from '../../oauth/ports.js'
import { callerOf, clientActor } from '../caller.js'
import { formParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type ChallengeDeps = ChallengePorts & Pick<Ports, 'clients'>

/** POST /oauth2/authorize-challenge, draft-ietf-oauth-first-party-apps §4.1. */
const post: Handler<ChallengeDeps> = async (request, deps) => {
  const params = formParams(request, { repeatable: ['resource'] })
  const { tenant, address, ...caller } = callerOf(request)
  // draft-ietf-oauth-first-party-apps §4.1: as at the token endpoint.
  const client = await authenticateClient({ tenant, address, ...caller }, params, deps)
  const by = clientActor(request, client)
  return json(200, await authorizationChallenge({ tenant, client, params, address, by }, deps), NO_STORE)
}

export const authorizeChallengeRoute: IssuerRoute<ChallengeDeps> = {
  name: 'authorize_challenge',
  path: '/oauth2/authorize-challenge',
  body: 'form',
  cors: 'clients',
  methods: { POST: post },
}
