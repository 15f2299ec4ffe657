import type { Pool } from 'pg'
import { type Contestant, together } from './contest.js'

/** One row for each connection, so that none waits for another's: what is left is the work of Postgres and of the disk. */
export async function makeRows(pool: Pool): Promise<void> {
  await pool.query('DROP TABLE IF EXISTS bench')
  await pool.query('CREATE TABLE bench (id integer PRIMARY KEY, n bigint NOT NULL) WITH (fillfactor = 70)')
  await pool.query('INSERT INTO bench SELECT id, 0 FROM generate_series(1, $1) AS id', [pool.options.max])
}

const overAllConnections = ({ query, name }: { query: string; name: string }, pool: Pool): Contestant =>
  together(
    Array.from({ length: pool.options.max }, (_, n) => async () => {
      const { rowCount } = await pool.query({ name, text: query, values: [n + 1] })
      if (rowCount !== 1) throw new Error('The row is gone.')
    }),
  )

/** The least that Postgres can be asked to keep: every one is on the disk before it is answered. */
export const bareUpdate = (pool: Pool): Contestant =>
  overAllConnections({ name: 'bench_update', query: 'UPDATE bench SET n = n + 1 WHERE id = $1' }, pool)

/** The least that it can be asked. */
export const bareSelect = (pool: Pool): Contestant =>
  overAllConnections({ name: 'bench_select', query: 'SELECT n FROM bench WHERE id = $1' }, pool)
