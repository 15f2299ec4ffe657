import type pg from 'pg'
import { createGrants } from '../../src/store/grants.js'
import { newPlace } from '../support/mint.js'
import { clientOf, unlimited, usernameOf } from './fill.js'
import { type Filled, type Sampled, sampleGrants } from './filled.js'
import { newGrants } from './grants.js'
import type { Report } from './report.js'

const MADE = 2_000

/** What is kept, and what is written, for all that a database holds. */
export async function storage(small: Filled, large: Filled, { quick }: { quick: boolean }): Promise<Report[]> {
  const kept = await Promise.all([small, large].map(sizes))
  return [
    {
      title: 'Bytes a row, with its indexes',
      columns: ['table', ...[small, large].flatMap(({ size }) => [`rows of ${size.grants} grants`, 'heap', 'indexes'])],
      rows: (kept[0] ?? []).map((cells, n) => [...cells, ...(kept[1]?.[n]?.slice(1) ?? [])]),
      goals: [],
    },
    {
      title: 'Bytes of WAL',
      columns: ['for', ...[small, large].map(({ size }) => `${size.grants} grants`)],
      rows: transpose(await Promise.all([small, large].map(wal))),
      goals: [],
    },
    await refreshedOften(small, quick ? 2 : 20),
  ]
}

type Cell = string | number

/** Rows are columns: the first of each row is the same in all. */
const transpose = (columns: readonly (readonly (readonly [string, number])[])[]): Cell[][] =>
  (columns[0] ?? []).map(([what], n) => [what, ...columns.map((column) => Math.round(column[n]?.[1] ?? Number.NaN))])

const KEPT = ['grants', 'sessions', 'users', 'credentials', 'consents', 'clients', 'client_apis', 'audit_events']

// Of partitions all there are. With what is kept beside the heap: the visibility and free space maps, and what is too long for a row.
const SIZES = `
  SELECT sum(reltuples)::bigint AS rows, sum(pg_table_size(c.oid)) AS heap, sum(pg_indexes_size(c.oid)) AS indexes
    FROM pg_class c WHERE c.relkind = 'r' AND (c.oid = $1::regclass OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = $1::regclass))
     AND reltuples > 0`

async function sizes({ pool }: Filled): Promise<Cell[][]> {
  return Promise.all(
    KEPT.map(async (table) => {
      const { rows: found } = await pool.query(SIZES, [table])
      const [rows, heap, indexes] = [found[0].rows, found[0].heap, found[0].indexes].map(Number)
      return [table, rows ?? 0, Math.round((heap ?? 0) / (rows || 1)), Math.round((indexes ?? 0) / (rows || 1))]
    }),
  )
}

/** As each is done by one connection at a time, so that nothing else is written meanwhile. */
async function wal(filled: Filled): Promise<(readonly [string, number])[]> {
  const client = await unlimited(filled)
  const each = async (count: number, work: () => Promise<unknown>) => {
    const { rows: before } = await client.query('SELECT pg_current_wal_insert_lsn() AS lsn')
    await work()
    const { rows } = await client.query('SELECT pg_current_wal_insert_lsn() - $1::pg_lsn AS bytes', [before[0].lsn])
    return Number(rows[0].bytes) / count
  }
  try {
    const grants = await sampleGrants(filled, MADE)
    await client.query('CHECKPOINT')
    const first = await each(MADE, () => refreshAll(client, { grants, generation: 0 }))
    const again = await each(MADE, () => refreshAll(client, { grants, generation: 1 }))
    const userIds = (
      await client.query('SELECT id FROM users WHERE username = ANY ($1) AND credential_version = 1', [someUsers])
    ).rows.map(({ id }) => id)
    const owner = { ...filled, userIds, app: { id: clientOf(0).id } }
    const made = await each(MADE, () => newGrants(owner, MADE))
    return [
      ['a grant made, with its two audit events', made],
      ['a refresh, its page written since the last checkpoint', again],
      ['a refresh, the first of its page after a checkpoint', first],
    ]
  } finally {
    await client.end()
  }
}

const someUsers = Array.from({ length: 500 }, (_, n) => usernameOf(n))

type Round = { readonly grants: readonly Sampled[]; readonly generation: number }

/** `generation`: how often they were refreshed here before. */
async function refreshAll(client: pg.Client, { grants, generation: before }: Round): Promise<void> {
  const { refresh } = createGrants({ pool: client as unknown as pg.Pool })
  for (const { tenantId, id, generation } of grants) {
    const presented = { generation: generation + before, grace: 10, place: newPlace() }
    const { result } = await refresh({ tenantId, id, generation: presented.generation }, presented, { kind: 'system' })
    if (result !== 'rotated') throw new Error(`The grant is ${result}.`)
  }
}

const ACTIVITY = `
  SELECT sum(n_tup_upd) AS updated, sum(n_tup_hot_upd) AS hot, sum(n_dead_tup) AS dead, sum(pg_table_size(relid)) AS heap,
         sum(pg_indexes_size(relid)) AS indexes
    FROM pg_stat_user_tables WHERE relid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'grants'::regclass)`

/** What many refreshes of the same grants leave behind. */
async function refreshedOften(filled: Filled, times: number): Promise<Report> {
  const client = await unlimited(filled)
  const look = async () => {
    await client.query('SELECT pg_stat_force_next_flush()')
    return Object.entries((await client.query(ACTIVITY)).rows[0]).map(([what, n]) => [what, Number(n)] as const)
  }
  try {
    const grants = await sampleGrants(filled, MADE)
    const before = Object.fromEntries(await look())
    for (let generation = 0; generation < times; generation++) await refreshAll(client, { grants, generation })
    const after = Object.fromEntries(await look())
    const gained = (what: string) => (after[what] ?? 0) - (before[what] ?? 0)
    const hot = gained('hot') / gained('updated')
    return {
      title: `${times * MADE} refreshes of ${MADE} grants in turn, among ${filled.size.grants}`,
      columns: ['', 'before', 'after'],
      rows: [
        ['updated in place', '', `${(100 * hot).toFixed(2)} %`],
        ...(['heap', 'indexes', 'dead'] as const).map((what) => [
          { heap: 'bytes of heap', indexes: 'bytes of indexes', dead: 'dead rows' }[what],
          before[what] ?? 0,
          after[what] ?? 0,
        ]),
      ],
      goals: [{ what: 'share of refreshes that touch no index', value: hot, atLeast: 0.95 }],
    }
  } finally {
    await client.end()
  }
}
