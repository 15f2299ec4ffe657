import { endBrowserSession } from '../oauth/end-session.js'
import type { AppWithAccess, EndingPorts, OwnSession } from '../oauth/ending-ports.js'
import { invalidRequest } from '../oauth/errors.js'
import type { Params } from '../oauth/params.js'
import type { Actor, BrowserSession } from '../oauth/records.js'
import { isOpenidScope } from '../oauth/registration/scopes.js'

/** What a person sees of their account. */
export type Account = {
  readonly sessions: readonly (OwnSession & { readonly current: boolean })[]
  /** Of `scope` those of OpenID Connect alone: the others stand in `permissions`. */
  readonly apps: readonly AppWithAccess[]
}

export const NOTICES = ['session_ended', 'access_ended', 'signed_out_elsewhere'] as const

/** What was just done, to be said on the next page. */
export type Notice = (typeof NOTICES)[number]

/** Everything there is to end for the person whose session this is. */
export async function readAccount(
  { tenantId, id, user }: BrowserSession,
  { accounts }: Pick<EndingPorts, 'accounts'>,
): Promise<Account> {
  const [sessions, apps] = await Promise.all([accounts.sessions(tenantId, user.id), accounts.apps(tenantId, user.id)])
  return {
    sessions: sessions.map((session) => ({ ...session, current: session.id === id })),
    apps: apps.map((app) => ({ ...app, scope: app.scope.filter(isOpenidScope) })),
  }
}

/** `signedOut`: it was this browser's own session. */
export type AccountChange =
  | { readonly notice: Notice }
  | { readonly signedOut: true; readonly frontchannelLogoutUris: readonly string[] }

/**
 * Ends what the form names: `action` is `sign_out`, `sign_out_others`, `end_session` with `session`, or `end_access` with `client`. What
 * is not the person's own is not there for them, and what has ended already has ended: the answer is the same. Throws `invalid_request`.
 */
export async function changeAccount(
  { session, params, by }: { session: BrowserSession; params: Params; by: Actor },
  { endings }: Pick<EndingPorts, 'endings'>,
): Promise<AccountChange> {
  const { tenantId, user } = session
  const signOut = async () => ({
    signedOut: true as const,
    frontchannelLogoutUris: await endBrowserSession(session, { endings }, by),
  })
  switch (params.get('action')) {
    case 'sign_out':
      return signOut()
    case 'sign_out_others':
      await endings.endOtherSessions(tenantId, { id: session.id, userId: user.id }, { reason: 'ended_by_user', by })
      return { notice: 'signed_out_elsewhere' }
    case 'end_session': {
      const id = params.get('session')
      if (id === undefined) throw invalidRequest('session is required.')
      if (id === session.id) return signOut()
      await endings.endSession(tenantId, { id, userId: user.id }, { reason: 'ended_by_user', by })
      return { notice: 'session_ended' }
    }
    case 'end_access': {
      const clientId = params.get('client')
      if (clientId === undefined) throw invalidRequest('client is required.')
      await endings.endAccess(tenantId, { userId: user.id, clientId }, { reason: 'ended_by_user', by })
      return { notice: 'access_ended' }
    }
    default:
      throw invalidRequest('There is no such action.', 'action_unknown')
  }
}
