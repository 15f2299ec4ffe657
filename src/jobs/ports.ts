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
