import { setTimeout as wait } from 'node:timers/promises'
import { createMaintenance } from '../../src/store/maintenance.js'
import { APPS, clientOf, unlimited } from './fill.js'
import { type Filled, type Sampled, sampleGrants } from './filled.js'
import { hold, inTurn, refreshing } from './held.js'
import { type Exchange, openConnection, success } from './http-load.js'
import type { Report } from './report.js'
import { clientCredentials } from './token.js'

/** Half ask for tokens, half refresh; few enough that nobody waits for the machine alone. */
const WORKERS = 4
/** Milliseconds before the month leaves, and after it has. */
const AROUND = 2_000

/** What those notice who ask for tokens while a month of grants leaves. */
export async function expiry(filled: Filled, { grants }: { grants: number }): Promise<Report> {
  // Before there are any that are over.
  const refreshed = await sampleGrants(filled, 4_000)
  const month = await oldMonth(filled, grants)
  const reader = await unlimited(filled)
  const load = await busy(filled, refreshed)
  const maintain = async () => {
    const began = performance.now()
    const { maintainPartitions } = createMaintenance(filled.pool)
    const outcome = await maintainPartitions({ grantLifetime: filled.config.grantLifetime, auditMonths: 13 })
    return { ...outcome, milliseconds: performance.now() - began }
  }
  try {
    await wait(AROUND)
    const rows: (string | number)[][] = []
    const during = async (what: string, work: () => Promise<string>) => {
      const [from, said] = [performance.now(), await work()]
      await wait(AROUND / 4)
      const found = load.between(from, performance.now())
      rows.push([what, said, ...found])
      return found
    }
    const quiet = await during('nothing', () => wait(AROUND).then(() => ''))
    await reader.query('BEGIN')
    await reader.query(`SELECT FROM grants LIMIT 1`)
    const read = await during('a month must stay, for somebody reads', async () => {
      const { postponed, milliseconds } = await maintain()
      if (postponed === 0) throw new Error('The month left under its reader.')
      return `${milliseconds.toFixed(0)} ms`
    })
    await reader.query('COMMIT')
    const left = await during(`a month leaves, ${grants} grants`, async () => {
      const { dropped, milliseconds } = await maintain()
      if (dropped === 0) throw new Error('The month did not leave.')
      return `${milliseconds.toFixed(0)} ms`
    })
    return {
      title: `Latency of tokens and refreshes while ${month} leaves, ${WORKERS} at a time`,
      columns: ['meanwhile', 'took', 'answers', 'p50 ms', 'p99 ms', 'longest ms'],
      rows,
      goals: [
        { what: 'p99 while a month leaves, of that before', value: left[2] / quiet[2], atMost: 2 },
        { what: 'p99 while one must stay, of that before', value: read[2] / quiet[2], atMost: 2 },
      ],
    }
  } finally {
    await load.stop()
    await reader.end()
  }
}

/** A partition that nothing needs any more, of copies of grants that are. */
async function oldMonth(filled: Filled, count: number): Promise<string> {
  const client = await unlimited(filled)
  try {
    const { rows: months } = await client.query('SELECT month_of(now())::int - 2 AS month')
    const { month } = months[0]
    await client.query(`SELECT maintain_table('grants', 'm', $1, $1, 0, 'WITH (fillfactor = 70)')`, [month])
    const { rows } = await client.query(
      `SELECT string_agg(CASE attname WHEN 'month' THEN $1::text
                WHEN 'id' THEN format($q$encode(int2send(%s::smallint) || substring(uuid_send(id) FROM 3), 'hex')::uuid$q$, $1::text)
                WHEN 'expires_at' THEN 'expires_at - interval ''60 days'''
                ELSE attname::text END, ', ' ORDER BY attnum) AS columns
         FROM pg_attribute WHERE attrelid = 'grants'::regclass AND attnum > 0 AND NOT attisdropped`,
      [month],
    )
    await client.query('SET session_replication_role = replica; SET synchronous_commit = off')
    await client.query(`INSERT INTO grants SELECT ${rows[0].columns} FROM grants LIMIT ${count}`)
    await client.query(`VACUUM (ANALYZE) grants_m${month}`)
    return `grants_m${month}`
  } finally {
    await client.end()
  }
}

type Answered = { readonly at: number; readonly took: number }

/** Asks until it is told to stop, and remembers when each answer came and how long it took. */
async function busy(filled: Filled, grants: readonly Sampled[]) {
  const { server } = filled
  const next = inTurn(await hold(filled, grants))
  const service = clientCredentials({ server, service: clientOf(APPS) })
  const answered: Answered[] = []
  let stopped = false
  const worker = async ({ request, accept }: Exchange) => {
    const send = await openConnection(server.url)
    while (!stopped) {
      const asked = performance.now()
      accept(await send(request()))
      const at = performance.now()
      answered.push({ at, took: at - asked })
    }
  }
  const workers = Promise.all(
    Array.from({ length: WORKERS }, (_, n) =>
      worker(n % 2 ? refreshing(server.url, next) : { request: () => service, accept: success }),
    ),
  )
  // It is told to whoever stops it.
  workers.catch(() => {})
  return {
    /** How many answers there were, the median, the 99th percentile and the longest. */
    between(from: number, to: number): [number, number, number, number] {
      const times = answered
        .filter(({ at }) => at >= from && at <= to)
        .map(({ took }) => took)
        .sort((a, b) => a - b)
      const at = (part: number) => times[Math.ceil(part * times.length) - 1] ?? Number.NaN
      return [times.length, at(0.5), at(0.99), at(1)]
    },
    async stop() {
      stopped = true
      await workers
    },
  }
}
