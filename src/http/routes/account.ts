import { type Account, changeAccount, NOTICES, type Notice, readAccount } from '../../accounts/account.js'
import type { BrowserPorts } from '../../oauth/browser-ports.js'
import type { EndingPorts } from '../../oauth/ending-ports.js'
import type { Ports } from '../../oauth/ports.js'
import type { BrowserSession } from '../../oauth/records.js'
import { type AccountApp, type AccountProps, accountPage } from '../../ui/pages/account.js'
import { assertOwnForm, browserOf, csrfToken } from '../browser.js'
import { userActor } from '../caller.js'
import { goodbye } from '../farewell.js'
import { beginFlow, sessionOf } from '../flow.js'
import { formParams, queryParams } from '../form.js'
import type { Handler, HttpRequest, HttpResponse } from '../handler.js'
import { page } from '../page.js'
import type { IssuerRoute } from '../route.js'
import { seeOther, tenantPath } from '../see-other.js'

export type AccountDeps = Pick<
  Ports & BrowserPorts & EndingPorts,
  'sessions' | 'signInStates' | 'accounts' | 'endings' | 'throttle'
>

const CSRF_PURPOSE = 'account'

/** GET {issuer}/account: where a person is signed in, and which apps may act for them. */
const get: Handler<AccountDeps> = async (request, deps) => {
  const browser = browserOf(request)
  const session = await sessionOf(request, browser, deps)
  if (!browser || !session) return signIn(request, deps)
  const account = await readAccount(session, deps)
  const notice = noticeOf(queryParams(request).get('notice'))
  const props = propsOf({ session, account, notice }, csrfToken(browser, CSRF_PURPOSE))
  const action = tenantPath(request.tenant, '/account')
  return page(request, (context) => accountPage({ ...props, action }, context))
}

/** POST {issuer}/account: an end of something, from a form of that page. */
const post: Handler<AccountDeps> = async (request, deps) => {
  const { tenant } = request
  const params = formParams(request)
  const browser = browserOf(request)
  assertOwnForm(request, browser, { purpose: CSRF_PURPOSE, token: params.get('csrf') })
  const session = await sessionOf(request, browser, deps)
  if (!session) return signIn(request, deps)
  const change = await changeAccount({ session, params, by: userActor(request, session.user) }, deps)
  if ('notice' in change) return seeOther(tenantPath(tenant, `/account?notice=${change.notice}`))
  return goodbye(request, {
    farewell: { clientId: undefined, continueTo: undefined, vouched: false },
    client: undefined,
    told: { session, uris: change.frontchannelLogoutUris },
    uiLocales: undefined,
  })
}

/** Signing in leads back here: it is no client's. Throws as `beginFlow`. */
function signIn(request: HttpRequest, deps: AccountDeps): Promise<HttpResponse> {
  return beginFlow(request, { flow: { purpose: 'account' }, clientId: undefined }, deps)
}

/** One of those there are: nothing of the URL is shown. */
const noticeOf = (text: string | undefined): Notice | undefined => NOTICES.find((notice) => notice === text)

function propsOf(
  { session, account, notice }: { session: BrowserSession; account: Account; notice: Notice | undefined },
  csrf: string,
): Omit<AccountProps, 'action'> {
  const { username, name } = session.user
  return { csrf, notice, user: { username, name }, sessions: account.sessions, apps: account.apps.map(appOf) }
}

function appOf({ scope, permissions, usedAt, ...app }: Account['apps'][number]): AccountApp {
  const worded = permissions.map(({ api, scope: name, description }) => ({ text: description ?? name, api }))
  return { ...app, lastUsedAt: usedAt, permissions: [...scope.map((one) => ({ scope: one })), ...worded] }
}

export const accountRoute: IssuerRoute<AccountDeps> = {
  name: 'account',
  path: '/account',
  body: 'form',
  answers: 'page',
  methods: { GET: get, POST: post },
}
