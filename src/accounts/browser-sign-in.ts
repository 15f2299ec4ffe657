import type { BrowserPorts } from '../oauth/browser-ports.js'
import type { Endings } from '../oauth/ending-ports.js'
import { OAuthError, unauthorizedClient } from '../oauth/errors.js'
import type { Ports } from '../oauth/ports.js'
import type { BrowserSession } from '../oauth/records.js'
import { next, type SignInAnswer, type SignInContext, type SignInStep } from './sign-in.js'

type Need = Extract<SignInStep, { need: unknown }>
type SignedIn = Extract<SignInStep, { done: unknown }>['done']

/** A browser in which somebody may be signed in already. `userAgent` as it was sent. */
export type SignInBrowser = {
  readonly session: BrowserSession | undefined
  readonly userAgent: string | undefined
}

type BrowserSignInPorts = Pick<Ports, 'users' | 'throttle' | 'passwords' | 'now'> &
  Pick<BrowserPorts, 'sessions' | 'browserPolicy'> & { readonly endings: Pick<Endings, 'endSession'> }

/**
 * Signs somebody in to a browser by the same steps as everywhere: what is needed next, or the session and what the browser is to hold of
 * it from now on, which is never what it held before. OpenID Connect Core §3.1.2.3. Throws as `next`.
 */
export async function signInBrowser(
  { answer, browser }: { answer: SignInAnswer; browser: SignInBrowser },
  context: SignInContext,
  ports: BrowserSignInPorts,
): Promise<Need | { readonly session: string; readonly token: string }> {
  const step = await next({ state: {}, answer }, context, ports)
  if ('need' in step) return step
  const { done } = step
  if (!done.clientLive) throw unauthorizedClient('client_or_tenant_disabled')
  const begun = await beginSession(done, { browser, context }, ports)
  // The password was changed, or the user disabled, while it was being checked.
  if (begun === 'superseded') throw new OAuthError('invalid_grant', 'credentials_superseded')
  return begun
}

async function beginSession(
  done: SignedIn,
  { browser, context }: { browser: SignInBrowser; context: SignInContext },
  { sessions, endings, browserPolicy }: BrowserSignInPorts,
): Promise<{ session: string; token: string } | 'superseded'> {
  const { tenant, address } = context
  const by = { ...context.by, kind: 'user', id: done.userId } as const
  const current = browser.session
  if (current?.user.id === done.userId) {
    const renewed = await sessions.renew(current, done, by)
    if (renewed.result === 'renewed') return { session: current.id, token: renewed.token }
    // It ended meanwhile: whoever has just signed in begins another.
  }
  const made = await sessions.make(
    {
      ...done,
      tenantId: tenant.id,
      lifetime: browserPolicy.sessionLifetime,
      idleLifetime: browserPolicy.sessionIdleLifetime,
      userAgent: browser.userAgent,
      address,
    },
    by,
  )
  if (made.result === 'superseded') return 'superseded'
  // Another person's: this browser is no longer theirs.
  if (current)
    await endings.endSession(tenant.id, { id: current.id, userId: current.user.id }, { reason: 'replaced', by })
  return { session: made.id, token: made.token }
}
