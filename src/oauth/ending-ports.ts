import type { Actor } from './records.js'

/** How sessions and access end by their owner's hand, and what the owner is shown of them. Each method is one atomic step. */

/** `reason`: a snake_case literal, for the audit trail. */
export type Ending = { readonly reason: string; readonly by: Actor }

export type Endings = {
  /**
   * Ends a session of this user and the grants made in it, those aside that outlive it, and leaves word for every client that is to
   * be told, OpenID Connect Back-Channel Logout §2.7. Answers where the browser is to tell clients itself.
   */
  endSession(
    tenantId: string,
    session: { readonly id: string; readonly userId: string },
    ending: Ending,
  ): Promise<
    { readonly result: 'ended'; readonly frontchannelLogoutUris: readonly string[] } | { readonly result: 'nothing' }
  >
  /** All live ones of the user but one, in the same way. */
  endOtherSessions(
    tenantId: string,
    kept: { readonly id: string; readonly userId: string },
    ending: Ending,
  ): Promise<'ended' | 'nothing'>
  /** All that the user gave a client: consents, grants, codes. */
  endAccess(
    tenantId: string,
    access: { readonly userId: string; readonly clientId: string },
    ending: Ending,
  ): Promise<'ended' | 'nothing'>
}

/** A session as the person sees it whose it is. */
export type OwnSession = {
  readonly id: string
  readonly createdAt: Date
  readonly usedAt: Date
  readonly userAgent: string | undefined
  readonly address: string | undefined
}

/** A client that may act for a user, or may without asking again. */
export type AppWithAccess = {
  readonly clientId: string
  readonly name: string
  readonly verified: boolean
  readonly since: Date
  /** When a grant was last made or refreshed; undefined when there is none. */
  readonly usedAt: Date | undefined
  /** Of who the user is, OpenID Connect's scopes among others. */
  readonly scope: readonly string[]
  /** What it may do, by API and scope; `description` as the API's owner wrote it. */
  readonly permissions: readonly Permission[]
}

export type Permission = { readonly api: string; readonly scope: string; readonly description: string | undefined }

export type Accounts = {
  /** The live ones, the newest first, at most 100. */
  sessions(tenantId: string, userId: string): Promise<readonly OwnSession[]>
  /** Those last used first, at most 100. */
  apps(tenantId: string, userId: string): Promise<readonly AppWithAccess[]>
}

/** A client that is to be told of a session that is over. */
export type LogoutDelivery = {
  readonly tenantId: string
  /** The tenant's slug. */
  readonly tenant: string
  readonly sessionId: string
  readonly clientId: string
  readonly userId: string
  /** This one included. */
  readonly tries: number
}

/** Durations are seconds. Of any number of processes one has a delivery, until it answers or its lease is over. */
export type LogoutDeliveries = {
  /** Those that are due, the longest waiting first; none of the clients that are `busy`. */
  claim(about: { lease: number; limit: number; busy: readonly string[] }): Promise<readonly LogoutDelivery[]>
  /** The client knows, or will never. */
  done(delivery: LogoutDelivery): Promise<void>
  /** Another try after the pause; `given_up` when that is more than `keep` after the session ended. */
  later(
    delivery: LogoutDelivery,
    about: { pause: number; keep: number },
  ): Promise<'postponed' | 'given_up' | 'superseded'>
}

export type EndingPorts = {
  endings: Endings
  accounts: Accounts
}
