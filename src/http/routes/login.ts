import { holdApart } from '../../accounts/held-refresh.js'
import { login } from '../../accounts/login.js'
import { authenticateClient } from '../../oauth/client-auth.js'
import { invalidRequest } from '../../oauth/errors.js'
import type { Params } from '../../oauth/params.js'
import { callerOf, clientActor } from '../caller.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import { jsonParams } from '../json-body.js'
import { assertPageOf, endHeldTokens, holdRefreshToken } from '../refresh-cookie.js'
import type { IssuerRoute } from '../route.js'

export type LoginDeps = Parameters<typeof login>[1] &
  Parameters<typeof authenticateClient>[2] &
  Parameters<typeof endHeldTokens>[2]

/**
 * POST {issuer}/auth/login: username and password of a first-party client's user, for tokens. With `refresh_token_delivery: "cookie"` a
 * page of the client gets the access token alone, and its browser the refresh token, for /auth/refresh.
 */
const post: Handler<LoginDeps> = async (request, deps) => {
  const params = jsonParams(request, { repeatable: ['resource'] })
  const caller = callerOf(request)
  const client = await authenticateClient(caller, params, deps)
  const byCookie = deliveryOf(params) === 'cookie'
  if (byCookie) assertPageOf(request, client)
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
  if (!byCookie) return json(200, tokens, NO_STORE)
  const { tenant } = request
  // What the browser held before it holds no longer, and nobody else may.
  await endHeldTokens(request, client, deps)
  const { response, held } = await holdApart(tokens, tenant, deps)
  return json(200, response, { ...NO_STORE, ...(held && holdRefreshToken({ tenant, client }, held)) })
}

function deliveryOf(params: Params): 'body' | 'cookie' {
  const asked = params.get('refresh_token_delivery') ?? 'body'
  if (asked !== 'body' && asked !== 'cookie') throw invalidRequest('refresh_token_delivery must be body or cookie.')
  return asked
}

export const loginRoute: IssuerRoute<LoginDeps> = {
  name: 'login',
  path: '/auth/login',
  body: 'json',
  cors: 'clients_with_cookie',
  methods: { POST: post },
}
