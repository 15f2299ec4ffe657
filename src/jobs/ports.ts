/** What keeps the database from growing with traffic. Durations are seconds. */
export type Maintenance = {
  /** Makes the partitions that will be needed and drops those that nothing needs; `postponed` tables were too busy. */
  maintainPartitions(about: { grantLifetime: number; auditMonths: number }): Promise<{
    readonly made: number
    readonly dropped: number
    readonly postponed: number
  }>
  /** Removes at most `batch` of each kind that were deleted `keep` and a token's life ago. Answers how many. */
  removeTombstones(about: { keep: number; batch: number }): Promise<number>
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
