import { type AuthorizationPorts, flowOver, type Progress, proceed, recipientOf } from '../accounts/authorization.js'
import { type Flow, nextNeed } from '../accounts/flow.js'
import type { Recipient } from '../oauth/authorization-response.js'
import type { BrowserPorts } from '../oauth/browser-ports.js'
import { tooManyRequests } from '../oauth/errors.js'
import type { Ports } from '../oauth/ports.js'
import type { BrowserSession } from '../oauth/records.js'
import { matchRedirectUri } from '../oauth/redirect-uri.js'
import { type Browser, browserOf, newBrowser, rememberBrowser } from './browser.js'
import { addressKey } from './client-address.js'
import type { HttpRequest, HttpResponse, ResponseHeaders } from './handler.js'
import { itemOf } from './route.js'
import { seeOther, tenantPath } from './see-other.js'

/** A flow in the hands of the browser that began it. */
export type OpenFlow = {
  readonly id: string
  readonly version: number
  readonly flow: Flow
  readonly browser: Browser
  readonly session: BrowserSession | undefined
  /** Undefined on the way to the account's own page. */
  readonly to: Recipient | undefined
}

/** Where a flow stands; `arrived`: at the account's own page. */
export type Standing = Progress | { readonly arrived: true }

export type FlowDeps = AuthorizationPorts &
  Pick<Ports, 'clients' | 'throttle'> &
  Pick<BrowserPorts, 'sessions' | 'signInStates'>

/** Seconds from the beginning of a flow to when it is over. */
const LIFETIME = 3600

/** Who is signed in to a browser. */
export async function sessionOf(
  { tenant }: Pick<HttpRequest, 'tenant'>,
  browser: Browser | undefined,
  { sessions }: Pick<BrowserPorts, 'sessions'>,
): Promise<BrowserSession | undefined> {
  return browser?.session === undefined ? undefined : sessions.find(tenant.id, browser.session)
}

/** Counts what is kept for a browser, and throws 429 for an address that has too much of it kept. */
export async function countKept(
  { tenant, address }: Pick<HttpRequest, 'tenant' | 'address'>,
  { throttle }: Pick<FlowDeps, 'throttle'>,
): Promise<void> {
  const counted = await throttle.flowBegun(tenant.id, addressKey(address))
  if (counted !== 'counted') throw tooManyRequests('flows_throttled', counted.retryAfter)
}

/** Keeps a flow for the browser that begins it, and sends that to its pages. Throws as `countKept`. */
export async function beginFlow(
  request: HttpRequest,
  { flow, clientId }: { readonly flow: Flow; readonly clientId: string | undefined },
  { signInStates, throttle }: Pick<FlowDeps, 'signInStates' | 'throttle'>,
): Promise<HttpResponse> {
  const { tenant } = request
  await countKept(request, { throttle })
  const known = browserOf(request)
  const browser = known ?? newBrowser()
  const begun = { browser: browser.id, clientId, state: flow, lifetime: LIFETIME }
  const id = await signInStates.begin(tenant.id, begun)
  return seeOther(pathOf(request, { id }), known ? {} : rememberBrowser(tenant, browser))
}

/**
 * The flow that a browser asks for by its id. Throws unless it is this browser's own and not over: in another browser the id is worth
 * nothing. RFC 9700 §4.7.
 */
export async function openFlow(request: HttpRequest, deps: FlowDeps): Promise<OpenFlow> {
  const { tenant } = request
  const id = itemOf(request)
  const browser = browserOf(request)
  if (!browser) throw flowOver('flow_without_browser')
  const kept = await deps.signInStates.find(tenant.id, { id, browser: browser.id })
  if (!kept) throw flowOver('flow_unknown')
  // What is kept was made here, of a request that was checked then; of what else is kept in the same way, there is nothing to show.
  const flow = kept.state as Flow
  if (flow.purpose !== 'authorize' && flow.purpose !== 'account') throw flowOver('flow_of_another_kind')
  const session = await sessionOf(request, browser, deps)
  const opened = { id, version: kept.version, flow, browser, session }
  if (flow.purpose === 'account') return { ...opened, to: undefined }
  const client = await deps.clients.find(tenant.id, flow.request.clientId)
  if (!client || client.disabled || tenant.disabled) throw flowOver('client_or_tenant_disabled')
  // RFC 9700 §4.1.3: it may have been taken from the client because others have got hold of it.
  if (matchRedirectUri(client.redirectUris, flow.request.redirectUri) === undefined) throw flowOver('redirect_uri_lost')
  return { ...opened, to: recipientOf(tenant, client, flow.request) }
}

/** Where a flow stands, taken as far as it goes without asking anybody. */
export async function standingOf(request: HttpRequest, opened: OpenFlow, deps: FlowDeps): Promise<Standing> {
  const { flow, session, to } = opened
  if (to && flow.purpose === 'authorize') return proceed({ to, flow, session }, claimOf(request, opened, deps), deps)
  const need = nextNeed(flow, { session, isNamedUser: true, needsConsent: false, now: deps.now() })
  return need ? { need, asked: new Map(), apis: [] } : { arrived: true }
}

/** Ends a flow, once: of two answers to the same page one is taken. */
export function claimOf(
  { tenant }: HttpRequest,
  { id, browser }: OpenFlow,
  { signInStates }: Pick<BrowserPorts, 'signInStates'>,
): () => Promise<boolean> {
  return async () => (await signInStates.end(tenant.id, { id, browser: browser.id })) === 'ended'
}

/** Keeps what happened, and shows the flow as it stands then. */
export async function changeFlow(
  request: HttpRequest,
  {
    opened,
    to: state,
    headers = {},
  }: { readonly opened: OpenFlow; readonly to: Flow; readonly headers?: ResponseHeaders },
  { signInStates }: Pick<BrowserPorts, 'signInStates'>,
): Promise<HttpResponse> {
  const { id, browser, version } = opened
  await signInStates.change(request.tenant.id, { id, browser: browser.id, version, state })
  // Where another answer came first, that is shown.
  return seeOther(pathOf(request, opened), headers)
}

/** Where a flow is shown and answered. */
export const pathOf = (request: HttpRequest, { id }: Pick<OpenFlow, 'id'>): string =>
  tenantPath(request.tenant, `/sign-in/${id}`)
