import { APPS, clientOf } from './fill.js'
import { type Filled, sampleGrants } from './filled.js'
import { hold, inTurn, refreshing } from './held.js'
import { openConnection, success } from './http-load.js'
import type { Report } from './report.js'
import { CONNECTIONS } from './stage.js'
import { clientCredentials } from './token.js'

/** Which tables grow, and by how much, when so many access tokens are made by refreshes, and as many for clients themselves. */
export async function rowsAdded(filled: Filled, count: number): Promise<Report> {
  const before = await rowsOf(filled)
  await tokens(filled, count)
  const between = await rowsOf(filled)
  await refreshes(filled, count)
  const after = await rowsOf(filled)
  const tables = [...after.keys()].filter((table) => after.get(table) !== before.get(table))
  const gained = (table: string, from: Counts, to: Counts) => (to.get(table) ?? 0) - (from.get(table) ?? 0)
  const leased = (table: string) => /^(?:leases|lists)_/.test(table)
  const other = tables.filter((table) => !leased(table)).reduce((sum, table) => sum + gained(table, before, after), 0)
  return {
    title: `Rows added by ${count} tokens of clients for themselves, and by ${count} refreshes`,
    columns: ['table', 'by the tokens', 'by the refreshes'],
    rows: tables.map((table) => [table, gained(table, before, between), gained(table, between, after)]),
    goals: [{ what: 'rows added, but for the ranges of status lists', value: Math.abs(other), atMost: 0 }],
  }
}

type Counts = ReadonlyMap<string, number>

async function rowsOf({ pool }: Filled): Promise<Counts> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
  )
  const each = tables.map(({ name }) => `SELECT '${name}' AS name, count(*)::int AS n FROM ${name}`)
  const { rows } = await pool.query<{ name: string; n: number }>(each.join(' UNION ALL '))
  return new Map(rows.map(({ name, n }) => [name, n]))
}

async function tokens({ server }: Filled, count: number): Promise<void> {
  const request = clientCredentials({ server, service: clientOf(APPS) })
  await shared(server.url, count, async (send) => void success(await send(request)))
}

async function refreshes(filled: Filled, count: number): Promise<void> {
  const { url } = filled.server
  const next = inTurn(await hold(filled, await sampleGrants(filled, Math.min(count, 5_000))))
  const each = Array.from({ length: CONNECTIONS }, () => refreshing(url, next))
  await shared(url, count, async (send, n) => {
    const { request, accept } = each[n] ?? refreshing(url, next)
    accept(await send(request()))
  })
}

type Send = Awaited<ReturnType<typeof openConnection>>

async function shared(url: string, count: number, work: (send: Send, n: number) => Promise<void>): Promise<void> {
  let left = count
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, n) => {
      const send = await openConnection(url)
      while (left-- > 0) await work(send, n)
    }),
  )
}
