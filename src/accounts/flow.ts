import { authorizationError, type OAuthError } from '../oauth/errors.js'
import type { AuthorizationRequest, BrowserSession } from '../oauth/records.js'

/**
 * What a browser is in the middle of, kept on the server: what it was asked for is never read again from anything a browser holds.
 * RFC 9700 §4.7.
 */
export type Flow = FlowProgress &
  (
    | {
        readonly purpose: 'authorize'
        readonly request: AuthorizationRequest
        /** Of the pushed request that it came as. */
        readonly pushed?: string | undefined
      }
    /** On the way to the account's own page. */
    | { readonly purpose: 'account' }
  )

/** What happened in it so far. */
export type FlowProgress = {
  /** The session whose user signed in here, in this flow. */
  readonly session?: string | undefined
  /** What was said of the account that was signed in then: it is meant, in the session named, or another one is. */
  readonly account?: { readonly current: string } | 'other' | undefined
}

/** What a person must be asked next. */
export type Need = 'sign_in' | 'select_account' | 'consent'

/** What the next step is judged by. */
export type FlowFacts = {
  readonly session: BrowserSession | undefined
  /** Whether the user of the session is the one that the request names, where it names one. */
  readonly isNamedUser: boolean
  readonly needsConsent: boolean
  /** Seconds since 1970. */
  readonly now: number
}

/** What is needed next of a person; undefined when nothing is. OpenID Connect Core §3.1.2.3, §3.1.2.4. */
export function nextNeed(flow: Flow, facts: FlowFacts): Need | undefined {
  if (mustSelect(flow, facts)) return 'select_account'
  if (!isSignedIn(flow, facts)) return 'sign_in'
  return flow.purpose === 'authorize' && facts.needsConsent ? 'consent' : undefined
}

/** Where nobody may be asked: what the client is told instead. OpenID Connect Core §3.1.2.6. */
export function refusalOf(need: Need): OAuthError {
  switch (need) {
    case 'sign_in':
      return authorizationError('login_required')
    case 'consent':
      return authorizationError('consent_required')
    case 'select_account':
      return authorizationError('interaction_required')
  }
}

/** Whether the person must say which account they mean; who signed in here has said so. */
function mustSelect(flow: Flow, { session }: FlowFacts): boolean {
  if (flow.purpose !== 'authorize' || !session || flow.account === 'other') return false
  if (!flow.request.prompt.includes('select_account')) return false
  // Said of one session, it says nothing of whoever signed in elsewhere in the browser since.
  return flow.session !== session.id && flow.account?.current !== session.id
}

function isSignedIn(flow: Flow, { session, isNamedUser, now }: FlowFacts): boolean {
  if (!session) return false
  if (flow.session === session.id) return true
  if (flow.account === 'other') return false
  if (flow.purpose === 'account') return true
  const { prompt, maxAge } = flow.request
  if (prompt.includes('login') || !isNamedUser) return false
  // OpenID Connect Core §3.1.2.1: with 0 it is as with `login`, whatever two clocks say.
  return maxAge === undefined || (maxAge > 0 && now - session.authTime.getTime() / 1000 <= maxAge)
}
