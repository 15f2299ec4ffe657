import { login } from '../../accounts/login.js'
import { authenticateClient } from '../../oauth/client-auth.js'
import { callerOf, clientActor } from '../caller.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import { jsonParams } from '../json-body.js'
import type { IssuerRoute } from '../route.js'

export type LoginDeps = Parameters<typeof login>[1] & Parameters<typeof authenticateClient>[2]

/** POST {issuer}/auth/login: username and password of a first-party client's user, for tokens. */
const post: Handler<LoginDeps> = async (request, deps) => {
  const params = jsonParams(request, { repeatable: ['resource'] })
  const caller = callerOf(request)
  const client = await authenticateClient(caller, params, deps)
  const tokens = await login(
    {
      tenant: request.tenant,
      client,
      address: caller.address,
      by: clientActor(request, client),
      answer: { username: params.get('username'), password: params.get('password') },
      authSession: params.get('auth_session'),
      scope: params.get('scope'),
      resources: params.getAll('resource'),
    },
    deps,
  )
  return json(200, tokens, NO_STORE)
}

export const loginRoute: IssuerRoute<LoginDeps> = {
  name: 'login',
  path: '/auth/login',
  body: 'json',
  cors: 'clients',
  methods: { POST: post },
}
