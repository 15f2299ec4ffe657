import { insufficientAuthorization, invalidGrant, invalidTarget, unauthorizedClient } from '../oauth/errors.js'
import type { AccessTokenResponse, Ports } from '../oauth/ports.js'
import type { Client } from '../oauth/records.js'
import { grantTargets, scopeAt } from '../oauth/resource.js'
import type { AuthSessions } from './auth-session.js'
import { next, type SignInAnswer, type SignInContext, type SignInState } from './sign-in.js'

export type LoginRequest = Omit<SignInContext, 'apis' | 'client'> & {
  readonly client: Client
  readonly answer: SignInAnswer
  /** What an earlier answer of this server gave to go on with. */
  readonly authSession: string | undefined
  readonly scope: string | undefined
  /** Identifiers of the APIs the grant is to cover. */
  readonly resources: readonly string[]
}

type LoginPorts = Pick<
  Ports,
  'users' | 'throttle' | 'passwords' | 'apis' | 'grants' | 'mint' | 'refreshTokens' | 'policy' | 'now'
> & { authSessions: AuthSessions<SignInState> }

/**
 * Signs a user in for a first-party client without a browser: the token response of RFC 6749 §5.1, or `insufficient_authorization`
 * with an `auth_session` (draft-ietf-oauth-first-party-apps §5.2.2.1) while something is missing.
 */
export async function login(
  request: LoginRequest,
  ports: LoginPorts,
): Promise<AccessTokenResponse & { refresh_token?: string }> {
  const { tenant, client, by } = request
  if (tenant.disabled) throw unauthorizedClient('tenant_disabled')
  // A password given to somebody else's app is a password given away.
  if (!client.firstParty) throw unauthorizedClient('client_not_first_party')

  // Everything that can fail without the password is settled before it is looked at.
  const { apis, scope, first } = grantTargets(client, request, await ports.apis.list(tenant.id, client.apis))
  await ports.mint.assertReady(tenant, first)

  const { authSession } = request
  const state = authSession === undefined ? {} : ports.authSessions.open(authSession, request)
  if (!state) throw invalidGrant('auth_session_invalid')
  const covered = apis.map((api) => api.id)
  const step = await next({ state, answer: request.answer }, { ...request, apis: covered }, ports)
  if ('need' in step) {
    throw insufficientAuthorization(ports.authSessions.issue(step.state, request), `sign_in_needs_${step.need}`)
  }
  const { done } = step
  if (!done.clientLive) throw unauthorizedClient('client_or_tenant_disabled')
  if (covered.some((id) => !done.liveApis.includes(id))) throw invalidTarget('api_disabled')

  const lifetime = ports.policy.grantLifetime
  const expiresAt = new Date((ports.now() + lifetime) * 1000)
  const prepared = await ports.mint.prepare({ tenant, api: first, clientId: client.id, judged: done, expiresAt })
  const made = await ports.grants.make(
    {
      ...done,
      tenantId: tenant.id,
      clientId: client.id,
      scope,
      apis: covered,
      rotate: client.rotation === 'always',
      lifetime,
      place: prepared.place,
      idleLifetime: ports.policy.grantIdleLifetime,
    },
    by,
  )
  // The password was changed, or the user disabled, while it was being checked.
  if (made.result === 'superseded') throw invalidGrant('credentials_superseded')

  const { grant } = made
  const token = await prepared.accessToken({ scope: scopeAt(first, scope), subject: done.userId, grant })
  if (!client.grantTypes.includes('refresh_token')) return token
  return { ...token, refresh_token: await ports.refreshTokens.issue(grant, grant.generation) }
}
