import type { Pool } from 'pg'

/** Which database this is. A cursor of another history, or of this one before a failover, is good for nothing. */
export type Installation = {
  readonly id: string
  /** SQL of the Postgres timeline, read with every cursor: a failover needs no restart here. Empty where Postgres won't tell. */
  readonly timeline: string
}

// Of the insertion point, not of the last checkpoint: right from the first write after a promotion.
const TIMELINE = 'left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)'

/** Asked once, at the start. Where Postgres won't tell its timeline, all are one. */
export async function readInstallation(pool: Pick<Pool, 'query'>): Promise<Installation> {
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM installation')
  const [row] = rows
  if (!row) throw new Error('The table installation is empty: restore the database whole.')
  const told = await pool.query(`SELECT ${TIMELINE}`).then(
    () => true,
    (error: { code?: string }) => {
      // Insufficient privilege, or a database that lacks the function. Anything else says nothing about either.
      if (error.code === '42501' || error.code === '42883' || error.code === '0A000') return false
      throw error
    },
  )
  return { id: row.id, timeline: told ? TIMELINE : '' }
}

/** Says what this server calls itself, for the scripts that work beside it. */
export async function recordPublicUrl(pool: Pick<Pool, 'query'>, publicUrl: string): Promise<void> {
  await pool.query('UPDATE installation SET public_url = $1 WHERE public_url IS DISTINCT FROM $1', [publicUrl])
}

/** What the server last said it calls itself; undefined before its first start. */
export async function readPublicUrl(pool: Pick<Pool, 'query'>): Promise<string | undefined> {
  const { rows } = await pool.query<{ public_url: string | null }>('SELECT public_url FROM installation')
  return rows[0]?.public_url ?? undefined
}
