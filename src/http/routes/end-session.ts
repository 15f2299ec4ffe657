import type { BrowserPorts } from '../../oauth/browser-ports.js'
import { endBrowserSession, type Farewell, LOGOUT_PARAMS, readSignOut } from '../../oauth/end-session.js'
import type { EndingPorts } from '../../oauth/ending-ports.js'
import { invalidRequest, OAuthError } from '../../oauth/errors.js'
import type { Params } from '../../oauth/params.js'
import type { Ports } from '../../oauth/ports.js'
import { signOutPage } from '../../ui/pages/sign-out.js'
import { assertOwnForm, browserOf, csrfToken } from '../browser.js'
import { userActor } from '../caller.js'
import { contentTooLarge } from '../errors.js'
import { goodbye } from '../farewell.js'
import { countKept, sessionOf } from '../flow.js'
import { formParams, queryParams } from '../form.js'
import { formActionTo } from '../form-action.js'
import type { Handler } from '../handler.js'
import { page } from '../page.js'
import { type IssuerRoute, itemOf } from '../route.js'
import { seeOther, tenantPath } from '../see-other.js'

export type EndSessionDeps = Pick<
  Ports & BrowserPorts & EndingPorts,
  'clients' | 'jwtVerifier' | 'subjects' | 'log' | 'sessions' | 'signInStates' | 'endings' | 'throttle'
>

/** What is kept while the person is asked: of what the browser sends then, the answer alone counts. */
type AskedSignOut = {
  readonly purpose: 'sign_out'
  readonly sessionId: string
  readonly farewell: Farewell
  readonly uiLocales: string | undefined
}

/** Seconds a person may think about it. */
const LIFETIME = 600
/** Characters: beside other headers a URL must fit into what servers and proxies read. */
const MAX_QUERY = 8_192

/** GET {issuer}/oauth2/logout, OpenID Connect RP-Initiated Logout §2. */
const get: Handler<EndSessionDeps> = async (request, deps) => {
  const { tenant } = request
  const params = queryParams(request)
  const browser = browserOf(request)
  const session = await sessionOf(request, browser, deps)
  const { next, farewell, client } = await readSignOut({ tenant, params, session }, deps)
  const uiLocales = params.get('ui_locales')
  if (!session || !browser || next === 'over') return goodbye(request, { farewell, client, told: undefined, uiLocales })
  if (next === 'end') {
    const uris = await endBrowserSession(session, deps, userActor(request, session.user))
    return goodbye(request, { farewell, client, told: { session, uris }, uiLocales })
  }
  await countKept(request, deps)
  const state: AskedSignOut = { purpose: 'sign_out', sessionId: session.id, farewell, uiLocales }
  const id = await deps.signInStates.begin(tenant.id, {
    browser: browser.id,
    clientId: client?.id,
    state,
    lifetime: LIFETIME,
  })
  const form = { action: tenantPath(tenant, `/sign-out/${id}`), csrf: csrfToken(browser, purposeOf(id)) }
  return page(request, (context) => signOutPage({ ...form, client, user: userOf(session.user) }, context), {
    uiLocales,
    formAction: farewell.continueTo === undefined ? [] : formActionTo(farewell.continueTo),
  })
}

/**
 * POST {issuer}/oauth2/logout, OpenID Connect RP-Initiated Logout §2: the same by GET. A form of another site comes without our
 * cookie; the browser that is sent on brings it. RFC 6265 §5.2.
 */
const post: Handler<EndSessionDeps> = async (request) => {
  const params = formParams(request)
  const query = queryOf(params, LOGOUT_PARAMS)
  // Without the largest of them the person is asked.
  const shorter = query.length <= MAX_QUERY ? query : queryOf(params, LOGOUT_PARAMS.slice(1))
  if (shorter.length > MAX_QUERY) throw contentTooLarge()
  return seeOther(tenantPath(request.tenant, `/oauth2/logout${shorter === '' ? '' : `?${shorter}`}`))
}

function queryOf(params: Params, names: readonly string[]): string {
  const pairs = names.flatMap((name): [string, string][] => {
    const value = params.get(name)
    return value === undefined ? [] : [[name, value]]
  })
  return new URLSearchParams(pairs).toString()
}

/** POST {issuer}/sign-out/{id}: the person's answer. */
const decide: Handler<EndSessionDeps> = async (request, deps) => {
  const { tenant } = request
  const params = formParams(request)
  const id = itemOf(request)
  const browser = browserOf(request)
  assertOwnForm(request, browser, { purpose: purposeOf(id), token: params.get('csrf') })
  const mine = { id, browser: browser.id }
  const asked = askedSignOut(await deps.signInStates.find(tenant.id, mine))
  const decision = params.get('decision')
  if (decision !== 'stay' && decision !== 'sign_out') {
    throw invalidRequest('There is no such decision.', 'decision_unknown')
  }
  // Of two answers one counts.
  if (!asked || (await deps.signInStates.end(tenant.id, mine)) !== 'ended') throw expired()
  if (decision === 'stay') return seeOther(tenantPath(tenant, '/account'))

  const session = await sessionOf(request, browser, deps)
  const { clientId, continueTo } = asked.farewell
  const client = clientId === undefined ? undefined : await deps.clients.find(tenant.id, clientId)
  // The page named the client, and the person went on.
  const farewell = { clientId, continueTo, vouched: true }
  const about = { farewell, client, uiLocales: asked.uiLocales }
  if (session?.id !== asked.sessionId) return goodbye(request, { ...about, told: undefined })
  const uris = await endBrowserSession(session, deps, userActor(request, session.user))
  return goodbye(request, { ...about, told: { session, uris } })
}

function askedSignOut(kept: { readonly state: unknown } | undefined): AskedSignOut | undefined {
  const state = kept?.state as AskedSignOut | undefined
  return state?.purpose === 'sign_out' ? state : undefined
}

const purposeOf = (id: string) => `sign_out ${id}`

/** As the page names a person. */
const userOf = ({ name, username }: { name: string | undefined; username: string }) => ({ name, username })

const expired = () =>
  new OAuthError('invalid_request', 'sign_out_expired', { problem: 'expired', description: 'The page has expired.' })

export const endSessionRoute: IssuerRoute<EndSessionDeps> = {
  name: 'end_session',
  path: '/oauth2/logout',
  body: 'form',
  answers: 'page',
  methods: { GET: get, POST: post },
}

export const signOutRoute: IssuerRoute<EndSessionDeps> = {
  name: 'sign_out',
  path: '/sign-out/',
  item: /^[A-Za-z0-9_-]{22}$/,
  body: 'form',
  answers: 'page',
  methods: { POST: decide },
}
