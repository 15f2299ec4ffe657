import type { Pool } from 'pg'
import type { StatusListStore } from '../revocation/ports.js'
import { isStorable } from './text.js'

/** Indices in one answer: about a millisecond of reading. */
const BATCH = 50_000

// As `maintain_partitions` drops them: an hour's lists are done with five minutes after it.
const IN_USE = `slot >= slot_of(statement_timestamp() - interval '5 minutes')`

const FIND = {
  name: 'status_lists_find',
  text: `SELECT slot, number AS list FROM lists WHERE tenant_id = $1 AND id = $2 AND ${IN_USE}`,
}

const LIST = {
  name: 'status_lists_list',
  text: `SELECT id FROM lists WHERE tenant_id = $1 AND ${IN_USE} ORDER BY slot, number`,
}

type FlipsRow = {
  revision: string
  indices: Buffer | null
  count: string
  last_revision: string | null
  leases: [first: number, size: number][]
}

// The revision and what flipped up to it in one snapshot; see `page` of the revocations for why nothing comes late.
const FLIPS = {
  name: 'status_lists_flips',
  text: `
    SELECT r.revision, f.*,
           (SELECT coalesce(json_agg(json_build_array(first, size)), '[]') FROM leases
             WHERE tenant_id = $1 AND slot = $2 AND list = $3 AND flipped_revision > $4) AS leases
      FROM revisions r, LATERAL (
        SELECT string_agg(int4send(index), '' ORDER BY revision, index) AS indices, count(*) AS count,
               max(revision) AS last_revision
          FROM (SELECT index, revision FROM flips
                 WHERE tenant_id = $1 AND slot = $2 AND list = $3 AND (revision, index) > ($4, $5)
                 ORDER BY revision, index LIMIT ${BATCH}) AS batch
      ) AS f
     WHERE r.tenant_id = $1`,
}

/** The status lists in Postgres: which there are, and what flipped in them. */
export function createStatusListStore({ pool }: { pool: Pick<Pool, 'query'> }): StatusListStore {
  return {
    async find(tenantId, listId) {
      if (!isStorable(listId)) return undefined
      const { rows } = await pool.query<{ slot: number; list: number }>({ ...FIND, values: [tenantId, listId] })
      return rows[0]
    },
    async list(tenantId) {
      const { rows } = await pool.query<{ id: string }>({ ...LIST, values: [tenantId] })
      return rows.map(({ id }) => id)
    },
    async flips(tenantId, { slot, list }, after) {
      const values = [tenantId, slot, list, after.revision, after.index]
      const { rows } = await pool.query<FlipsRow>({ ...FLIPS, values })
      const [row] = rows
      if (!row) throw new Error('There is no such tenant.')
      const indices = row.indices ?? Buffer.alloc(0)
      const isFull = Number(row.count) === BATCH
      return {
        indices,
        leases: row.leases,
        revision: Number(row.revision),
        rest: isFull
          ? { revision: Number(row.last_revision), index: indices.readUInt32BE(indices.length - 4) }
          : undefined,
      }
    },
  }
}
