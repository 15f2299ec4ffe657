import type { BrowserPorts } from './browser-ports.js'
import type { EndingPorts } from './ending-ports.js'
import { OAuthError } from './errors.js'
import { type IdTokenHint, verifyIdTokenHint } from './id-token-hint.js'
import type { Params } from './params.js'
import type { Ports } from './ports.js'
import type { Actor, BrowserSession, Client, Tenant } from './records.js'

/** Where a browser goes once it is signed out. */
export type Farewell = {
  /** Who asked, as far as that is known. */
  readonly clientId: string | undefined
  /** What the client registered and asked for, with its `state`. */
  readonly continueTo: string | undefined
  /** An ID token, or the person, vouches for the client: the browser may be sent on without another question. */
  readonly vouched: boolean
}

/** What a request to sign out comes to. */
export type SignOut = {
  /** `end`: an ID token of this very session asks. `ask`: the person is to say. `over`: nobody is signed in here. */
  readonly next: 'end' | 'ask' | 'over'
  readonly farewell: Farewell
  /** Undefined where the client is unknown, or nothing proves that it is the one it says. */
  readonly client: Client | undefined
}

/** The parameters of a request, OpenID Connect RP-Initiated Logout §2; `logout_hint` is a hint, and nothing here needs it. */
export const LOGOUT_PARAMS = [
  'id_token_hint',
  'logout_hint',
  'client_id',
  'post_logout_redirect_uri',
  'state',
  'ui_locales',
] as const

type SignOutPorts = Pick<Ports & BrowserPorts, 'clients' | 'jwtVerifier' | 'subjects' | 'log'>

/**
 * Judges a request to sign out, OpenID Connect RP-Initiated Logout §2: who asks, whether the person is asked, and where the browser
 * goes. Throws `invalid_request` for a client that is unknown or another than the ID token's, and for a URI that it did not register.
 */
export async function readSignOut(
  { tenant, params, session }: { tenant: Tenant; params: Params; session: BrowserSession | undefined },
  ports: SignOutPorts,
): Promise<SignOut> {
  const token = params.get('id_token_hint')
  // An expired one is a hint still, OpenID Connect RP-Initiated Logout §4.
  const hint = token === undefined ? undefined : await verifyIdTokenHint(tenant, token, ports)
  if (token !== undefined && !hint)
    ports.log.info({ tenant: tenant.id, reason: 'id_token_hint_invalid' }, 'a hint is no ID token of ours')
  // What comes with a false hint is not believed either.
  const client = token === undefined || hint ? await clientOf({ tenant, params, hint }, ports) : undefined
  const continueTo = client && continuation(client, params)
  const farewell = { clientId: client?.id, continueTo, vouched: hint !== undefined }
  if (!session) return { next: 'over', farewell, client }
  const own = hint && client && (await isOf(session, { hint, client }, ports))
  return { next: own ? 'end' : 'ask', farewell, client }
}

/** The client of the ID token, which must be the one that is named: OpenID Connect RP-Initiated Logout §2. */
async function clientOf(
  { tenant, params, hint }: { tenant: Tenant; params: Params; hint: IdTokenHint | undefined },
  { clients }: Pick<Ports, 'clients'>,
): Promise<Client | undefined> {
  const named = params.get('client_id')
  if (hint && named !== undefined && named !== hint.aud) throw badLink('id_token_hint_of_other_client')
  const id = hint?.aud ?? named
  if (id === undefined) return undefined
  const client = await clients.find(tenant.id, id)
  if (!client && !hint) throw badLink('client_unknown')
  return client?.disabled ? undefined : client
}

/** Byte for byte one of those registered, OpenID Connect RP-Initiated Logout §3; with the `state`, and nothing else of the request. */
function continuation({ openid }: Client, params: Params): string | undefined {
  const uri = params.get('post_logout_redirect_uri')
  if (uri === undefined) return undefined
  if (!openid.postLogoutRedirectUris.includes(uri)) throw badLink('post_logout_redirect_uri_unregistered')
  const state = params.get('state')
  return state === undefined ? uri : withQuery(uri, { state })
}

/** A URL with more in its query; what it had stays as it was. */
export function withQuery(uri: string, added: Readonly<Record<string, string>>): string {
  const [rest = '', ...fragment] = uri.split('#')
  const query = new URLSearchParams(added).toString()
  const joined = `${rest}${rest.includes('?') ? '&' : '?'}${query}`
  return [joined, ...fragment].join('#')
}

/** Whether an ID token is of this session, or of its user where it names none. */
async function isOf(
  session: BrowserSession,
  { hint, client }: { hint: IdTokenHint; client: Client },
  { subjects }: Pick<BrowserPorts, 'subjects'>,
): Promise<boolean> {
  if (hint.sid !== undefined) return hint.sessionId === session.id
  return hint.sub === (await subjects.of({ tenantId: session.tenantId, userId: session.user.id }, client.openid.sector))
}

/** Ends the session of a browser. Answers where the browser is to tell clients, OpenID Connect Front-Channel Logout §2. */
export async function endBrowserSession(
  session: BrowserSession,
  { endings }: Pick<EndingPorts, 'endings'>,
  by: Actor,
): Promise<readonly string[]> {
  const own = { id: session.id, userId: session.user.id }
  const outcome = await endings.endSession(session.tenantId, own, { reason: 'signed_out', by })
  return outcome.result === 'ended' ? outcome.frontchannelLogoutUris : []
}

// To the person: a page of ours, and never a redirect. To the log: what it was.
const badLink = (reason: string) =>
  new OAuthError('invalid_request', reason, {
    problem: 'bad_link',
    description: 'The app that asks to sign out, or where it wants to go on to, is not registered.',
  })
