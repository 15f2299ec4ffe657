import { readAuthorizationRequest } from '../oauth/authorization-request.js'
import type { Recipient } from '../oauth/authorization-response.js'
import type { BrowserPorts } from '../oauth/browser-ports.js'
import {
  authorizationError,
  insufficientAuthorization,
  invalidGrant,
  invalidRequest,
  invalidSession,
  invalidTarget,
  redirectToWeb,
  tooManyRequests,
  unauthorizedClient,
} from '../oauth/errors.js'
import { type Params, params as paramsOf } from '../oauth/params.js'
import type { Ports } from '../oauth/ports.js'
import { type AuthorizationParams, authorizationParams, keepRequest } from '../oauth/pushed-request.js'
import type { AuthorizationRequest, Client } from '../oauth/records.js'
import { matchRedirectUri } from '../oauth/redirect-uri.js'
import type { AuthSessions } from './auth-session.js'
import { isNamedUser, issueCode } from './code.js'
import { next, type SignInContext, type SignInState } from './sign-in.js'

export type ChallengeRequest = Omit<SignInContext, 'apis' | 'client'> & {
  readonly client: Client
  readonly params: Params
}

/** What was asked for at the beginning, and what is known of who asks. */
export type ChallengeState = { readonly asked: AuthorizationParams; readonly signIn: SignInState }

export type ChallengePorts = Pick<Ports, 'apis' | 'mint' | 'jwtVerifier' | 'users' | 'throttle' | 'passwords' | 'now'> &
  Pick<BrowserPorts, 'codes' | 'pushedRequests' | 'subjects'> & {
    readonly challengeSessions: AuthSessions<ChallengeState>
  }

/**
 * Signs a user in to a first-party app that asks by itself, in the steps that a browser would be led through: an authorization code, or
 * `insufficient_authorization` with an `auth_session` that holds the request while something is missing. Throws `redirect_to_web` for
 * what only a browser can do, and otherwise as `next` and the authorization endpoint. draft-ietf-oauth-first-party-apps §5.
 */
export async function authorizationChallenge(
  challenge: ChallengeRequest,
  ports: ChallengePorts,
): Promise<{ readonly authorization_code: string }> {
  const { client, params } = challenge
  // draft-ietf-oauth-first-party-apps §5: a password given to somebody else's app is a password given away.
  if (!client.firstParty) throw unauthorizedClient('client_not_first_party')
  // OpenID Connect Core §6: what is not supported is said. The request is here already, on a way that no browser sees.
  if (params.get('request') !== undefined) throw authorizationError('request_not_supported')
  if (params.get('request_uri') !== undefined) throw authorizationError('request_uri_not_supported')

  // Everything that can fail without the password is settled before it is looked at.
  const { asked, signIn } = begunOrContinued(challenge, ports)
  const given = paramsOf(new Map(Object.entries(asked)))
  const to = recipientOf(challenge, given)
  const request = await readAuthorizationRequest(to, given, ports)
  await assertAnswerable({ to, request, asked }, challenge, ports)

  const hint = signIn.username === undefined ? request.loginHint : undefined
  const answer = { username: params.get('username') ?? hint, password: params.get('password') }
  const step = await next({ state: signIn, answer }, { ...challenge, apis: request.apis }, ports)
  if ('need' in step) {
    const authSession = ports.challengeSessions.issue({ asked, signIn: step.state }, challenge)
    throw insufficientAuthorization(authSession, `sign_in_needs_${step.need}`)
  }
  const { done } = step
  if (!done.clientLive) throw unauthorizedClient('client_or_tenant_disabled')
  if (request.apis.some((id) => !done.liveApis.includes(id))) throw invalidTarget('api_disabled')
  // OpenID Connect Core §3.1.2.1
  if (!(await isNamedUser({ client, request }, done.userId, ports))) {
    throw authorizationError('login_required', 'another_user_signed_in')
  }
  const issued = await issueCode({ client, request }, { ...done, sessionId: undefined }, ports)
  // The password was changed, or the user disabled, while it was being checked.
  if (issued.result === 'superseded') throw invalidGrant('credentials_superseded')
  return { authorization_code: issued.code }
}

/**
 * What the request was when it began. Whatever of it comes again must be the same, its code challenge above all: who got hold of an
 * `auth_session` has no code out of it for a verifier of their own. draft-ietf-oauth-first-party-apps §5.3.1, §9.6.
 */
function begunOrContinued(
  { params, ...bearer }: ChallengeRequest,
  { challengeSessions }: Pick<ChallengePorts, 'challengeSessions'>,
): ChallengeState {
  const authSession = params.get('auth_session')
  const now = authorizationParams(params)
  if (authSession === undefined) return { asked: now, signIn: {} }
  const begun = challengeSessions.open(authSession, bearer)
  if (!begun) throw invalidSession('auth_session_unknown_or_over')
  for (const [name, values] of Object.entries(now)) {
    if (JSON.stringify(values) !== JSON.stringify(begun.asked[name]))
      throw invalidSession('auth_session_of_other_request')
  }
  return begun
}

/** No redirect is made here; the code is held to what it was asked for with. draft-ietf-oauth-first-party-apps §6. */
function recipientOf({ tenant, client }: Pick<ChallengeRequest, 'tenant' | 'client'>, given: Params): Recipient {
  const asked = given.get('redirect_uri')
  const redirectUri = matchRedirectUri(client.redirectUris, asked)
  if (redirectUri === undefined && asked !== undefined) throw invalidRequest('redirect_uri is not registered.')
  return { tenant, client, redirectUri: redirectUri ?? '', responseMode: 'query', state: undefined }
}

type Answerable = {
  readonly to: Recipient
  readonly request: AuthorizationRequest
  readonly asked: AuthorizationParams
}

/** Throws where a person must be shown what no app can show for this server, or nothing may be asked at all. */
async function assertAnswerable(
  { to, request: { prompt }, asked }: Answerable,
  { tenant, address }: ChallengeRequest,
  ports: Pick<ChallengePorts, 'pushedRequests' | 'throttle'>,
): Promise<void> {
  // OpenID Connect Core §3.1.2.6: nobody is signed in here, and nobody may be asked to.
  if (prompt.includes('none')) throw authorizationError('login_required', 'prompt_none_without_browser')
  if (!prompt.includes('consent')) return
  // Without a redirect URI there is none to go on with from there.
  if (to.redirectUri === '') throw redirectToWeb('consent_needs_browser', undefined)
  const counted = await ports.throttle.flowBegun(tenant.id, address)
  if (counted !== 'counted') throw tooManyRequests('pushed_requests_throttled', counted.retryAfter)
  // draft-ietf-oauth-first-party-apps §5.2.2.1.1: never without PKCE, and the request has it.
  throw redirectToWeb('consent_needs_browser', await keepRequest(to, asked, ports))
}
