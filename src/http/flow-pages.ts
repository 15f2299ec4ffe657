import { OF_THE_USER } from '../accounts/consent.js'
import type { ConsentedScopes } from '../oauth/browser-ports.js'
import type { Api } from '../oauth/records.js'
import { type ConsentProps, consentPage, type Destination } from '../ui/pages/consent.js'
import type { Permission } from '../ui/pages/permissions.js'
import { selectAccountPage } from '../ui/pages/select-account.js'
import { type SignInProps, signInPage } from '../ui/pages/sign-in.js'
import { csrfToken } from './browser.js'
import { type OpenFlow, pathOf } from './flow.js'
import { formActionTo } from './form-action.js'
import type { HttpRequest, HttpResponse } from './handler.js'
import { page } from './page.js'

/** What a person did that is to be said on the page they see again. */
export type Problem = Pick<SignInProps, 'username' | 'error' | 'retryAfter'> & { readonly status?: number }

type Shown = {
  readonly opened: OpenFlow
  readonly need: 'sign_in' | 'select_account' | 'consent'
  readonly asked: ConsentedScopes
  readonly apis: readonly Api[]
  readonly problem?: Problem | undefined
}

/** The page that asks a person for what a flow needs next. OpenID Connect Core §3.1.2.3, §3.1.2.4. */
export function askPerson(request: HttpRequest, shown: Shown): HttpResponse {
  const { opened, problem } = shown
  const { flow, to, browser } = opened
  const form = { action: pathOf(request, opened), csrf: csrfToken(browser, opened.id) }
  const options = {
    ...(problem?.status !== undefined && { status: problem.status }),
    ...(problem?.retryAfter && { headers: { 'retry-after': String(problem.retryAfter) } }),
    uiLocales: flow.purpose === 'authorize' ? flow.request.uiLocales.join(' ') : undefined,
    keepsOpener: to !== undefined,
    formAction: to ? formActionTo(to.redirectUri) : [],
  }
  switch (shown.need) {
    case 'sign_in':
      return page(request, (context) => signInPage({ ...form, ...signInProps(shown) }, context), options)
    case 'select_account': {
      const accounts = opened.session ? [opened.session.user] : []
      return page(request, (context) => selectAccountPage({ ...form, client: to?.client, accounts }, context), options)
    }
    case 'consent':
      return page(request, (context) => consentPage({ ...form, ...consentProps(shown) }, context), options)
  }
}

function signInProps({ opened, problem }: Shown): Omit<SignInProps, 'action' | 'csrf'> {
  const { flow, session, to } = opened
  const again = flow.account === 'other' ? undefined : session?.user.username
  const hint = flow.purpose === 'authorize' ? flow.request.loginHint : undefined
  return {
    client: to?.client,
    // Whoever is asked to sign in again may be somebody else by a hint.
    username: problem?.username ?? again ?? hint,
    fixed: again !== undefined,
    error: problem?.error,
    retryAfter: problem?.retryAfter,
    cancellable: to !== undefined,
  }
}

function consentProps({ opened, asked, apis }: Shown): Omit<ConsentProps, 'action' | 'csrf'> {
  const { to, session } = opened
  if (!to || !session) throw new Error('Consent is asked of somebody, for a client.')
  return {
    client: to.client,
    destination: destinationOf(to.redirectUri),
    permissions: permissionsOf(asked, apis),
    user: session.user,
  }
}

/** What is asked for, in the words of those who own it. */
export function permissionsOf(asked: ConsentedScopes, apis: readonly Api[]): readonly Permission[] {
  const own = (asked.get(OF_THE_USER) ?? []).map((scope) => ({ scope }))
  const ofApis = apis.flatMap((api) =>
    (asked.get(api.id) ?? []).map((scope) => ({ text: api.descriptions.get(scope) ?? scope, api: api.name })),
  )
  return [...own, ...ofApis]
}

/** Where an answer goes, as a person can check it. RFC 8252 §7. */
export function destinationOf(redirectUri: string): Destination {
  const { protocol, host, hostname } = new URL(redirectUri)
  if (protocol === 'https:') return { kind: 'web', host }
  return protocol === 'http:' ? { kind: 'device', host: hostname } : { kind: 'app', scheme: protocol.slice(0, -1) }
}
