import type { Pool } from 'pg'

type Partitions = { made: number; dropped: number; postponed: number }

/** What keeps the database from growing with traffic. Durations are seconds. */
export function createMaintenance(pool: Pick<Pool, 'query'>) {
  return {
    /** Makes the partitions that will be needed and drops those that nothing needs; `postponed` tables were too busy. */
    async maintainPartitions({
      grantLifetime,
      auditMonths,
    }: {
      grantLifetime: number
      auditMonths: number
    }): Promise<Partitions> {
      // Outside of a transaction: the procedure commits table by table.
      const { rows } = await pool.query<Partitions>('CALL maintain_partitions(make_interval(secs => $1), $2)', [
        grantLifetime,
        auditMonths,
      ])
      return rows[0] ?? { made: 0, dropped: 0, postponed: 0 }
    },

    /** Removes at most `batch` of each kind that were deleted `keep` and a token's life ago. Answers how many. */
    async removeTombstones({ keep, batch }: { keep: number; batch: number }): Promise<number> {
      const { rows } = await pool.query<{ removed: number }>(
        'SELECT remove_tombstones(make_interval(secs => $1), $2) AS removed',
        [keep, batch],
      )
      return rows[0]?.removed ?? 0
    },
  }
}
