import {
  type AuthorizationResponse,
  errorResponse,
  type Recipient,
  successResponse,
} from '../oauth/authorization-response.js'
import type { BrowserPorts, ConsentedScopes } from '../oauth/browser-ports.js'
import { authorizationError, OAuthError } from '../oauth/errors.js'
import type { Ports } from '../oauth/ports.js'
import type { Actor, Api, AuthorizationRequest, BrowserSession, Client, Tenant } from '../oauth/records.js'
import { isNamedUser, issueCode } from './code.js'
import { askedScopes, needsConsent } from './consent.js'
import { type Flow, type Need, nextNeed, refusalOf } from './flow.js'

export type AuthorizeFlow = Extract<Flow, { purpose: 'authorize' }>

/** Where a flow stands: what a person is to be asked, or what the client is told. */
export type Progress =
  | { readonly need: Need; readonly asked: ConsentedScopes; readonly apis: readonly Api[] }
  | { readonly response: AuthorizationResponse }

export type AuthorizationPorts = Pick<Ports, 'apis' | 'now'> &
  Pick<BrowserPorts, 'codes' | 'consents' | 'pushedRequests' | 'subjects'>

/** Who a flow's response goes to. The client is who it is now; where it is sent was settled at the beginning. */
export function recipientOf(tenant: Tenant, client: Client, request: AuthorizationRequest): Recipient {
  const { redirectUri, responseMode, state } = request
  return { tenant, client, redirectUri, responseMode, state }
}

type Parties = { readonly to: Recipient; readonly flow: AuthorizeFlow; readonly session: BrowserSession | undefined }

/**
 * Takes a flow as far as it goes without asking anybody: to what a person must be asked next, or to the end. `claim` is called before
 * anything is issued, and answers whether this caller is the one who may. OpenID Connect Core §3.1.2.
 */
export async function proceed(
  { to, flow, session }: Parties,
  claim: () => Promise<boolean>,
  ports: AuthorizationPorts,
): Promise<Progress> {
  const { tenant, client } = to
  const { request } = flow
  const apis = await ports.apis.list(tenant.id, request.apis)
  const asked = askedScopes(request, apis)
  const isNamed = !session || (await isNamedUser({ client, request }, session.user.id, ports))
  const given = session
    ? await ports.consents.find(tenant.id, { userId: session.user.id, clientId: client.id })
    : new Map()
  const facts = {
    session,
    isNamedUser: isNamed,
    needsConsent: needsConsent(client, request, { asked, given }),
    now: ports.now(),
  }
  const need = nextNeed(flow, facts)
  if (need && request.prompt.includes('none')) return { response: errorResponse(to, refusalOf(need)) }
  // OpenID Connect Core §3.1.2.1: who signed in here is not whom the request names.
  if (need !== 'sign_in' && session && !isNamed) return refused(to, 'login_required', 'another_user_signed_in')
  if (need || !session) return { need: need ?? 'sign_in', asked, apis }
  return finish({ to, flow, session }, claim, ports)
}

/** What the user answered to being asked for access: remembered, and the flow goes to its end. */
export async function allow(
  { to, flow, session, by }: Parties & { readonly session: BrowserSession; readonly by: Actor },
  claim: () => Promise<boolean>,
  ports: AuthorizationPorts,
): Promise<Progress> {
  const { tenant, client } = to
  const apis = await ports.apis.list(tenant.id, flow.request.apis)
  const scopes = askedScopes(flow.request, apis)
  await ports.consents.remember(tenant.id, { userId: session.user.id, clientId: client.id, scopes }, by)
  return finish({ to, flow, session }, claim, ports)
}

/** What the client is told when the user would not. RFC 6749 §4.1.2.1. */
export async function deny(
  { to, flow }: Pick<Parties, 'to' | 'flow'>,
  claim: () => Promise<boolean>,
  ports: Pick<BrowserPorts, 'pushedRequests'>,
): Promise<Progress> {
  await claimAll({ to, flow }, claim, ports)
  return refused(to, 'access_denied', 'denied_by_user')
}

async function finish(
  { to, flow, session }: Parties & { readonly session: BrowserSession },
  claim: () => Promise<boolean>,
  ports: AuthorizationPorts,
): Promise<Progress> {
  const { request } = flow
  await claimAll({ to, flow }, claim, ports)
  const { id: sessionId, user, authTime, amr, acr } = session
  const { id: userId, credentialVersion } = user
  const subject = { userId, sessionId, credentialVersion, authTime, amr, acr }
  const issued = await issueCode({ client: to.client, request }, subject, ports)
  // The session ended, or the client was disabled, since they were looked at.
  if (issued.result === 'superseded') return refused(to, 'login_required', 'session_superseded')
  return { response: successResponse(to, issued.code) }
}

/** Throws when another caller has ended the flow, or used the pushed request: one authorization, one answer. RFC 9126 §4. */
async function claimAll(
  { to, flow: { pushed } }: Pick<Parties, 'to' | 'flow'>,
  claim: () => Promise<boolean>,
  { pushedRequests }: Pick<BrowserPorts, 'pushedRequests'>,
): Promise<void> {
  if (!(await claim())) throw flowOver('flow_ended_meanwhile')
  if (pushed === undefined) return
  const used = await pushedRequests.use(to.tenant.id, { id: pushed, clientId: to.client.id })
  if (used !== 'used') throw flowOver('pushed_request_used_meanwhile')
}

/** For a page: there is nothing left to go on with. */
export const flowOver = (reason: string) =>
  new OAuthError('invalid_request', reason, {
    status: 410,
    problem: 'expired',
    description: 'This sign-in is over. Go back to the app and start again.',
  })

function refused(to: Recipient, code: 'login_required' | 'access_denied', reason: string): Progress {
  return { response: errorResponse(to, authorizationError(code, reason)) }
}
