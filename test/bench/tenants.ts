import { setTimeout as wait } from 'node:timers/promises'
import { createEnvelope } from '../../src/crypto/envelope.js'
import { openRotation } from '../../src/deps.js'
import type { Actor } from '../../src/oauth/records.js'
import { silent } from '../../src/store/log.js'
import { createTenantRegistry } from '../../src/store/registry/tenants.js'
import { withCpuOf } from './children.js'
import { assertKeys } from './endpoints.js'
import { type Exchange, get, linesTo, overHttp } from './http-load.js'
import { type Memory, type ProbedServer, startProbed } from './probe.js'
import { MB, postmaster, watchCpu } from './processes.js'
import type { Bench, Report } from './report.js'
import { CONNECTIONS, openStage, type Stage } from './stage.js'

const OPERATOR: Actor = { kind: 'operator', id: 'bench' }

/** One server for many tenants. They have a database of their own: nobody else's figures are to depend on them. */
export async function tenants({ quick }: Bench): Promise<Report[]> {
  // Each has an RSA key, which takes a third of a second to make.
  const count = quick ? 20 : 1_000
  const stage = await openStage()
  try {
    const few = await started(stage, quick)
    const began = performance.now()
    const slugs = await make(stage, count)
    const making = (performance.now() - began) / 1000
    const many = await started(stage, quick, slugs)
    const row = (what: string, one: string | number, all: string | number) => [what, one, all]
    const mb = (bytes: number | undefined) => (bytes === undefined ? '' : bytes / MB)
    return [
      {
        title: `${count} tenants, made with their keys in ${making.toFixed(1)} s`,
        columns: ['what', '1 tenant', `${count + 1} tenants`],
        rows: [
          row('start on the database, ms', few.start, many.start),
          row('heap after the start, MB', mb(few.before.heapUsed), mb(many.before.heapUsed)),
          row('heap with the keys of each, MB', mb(few.after.heapUsed), mb(many.after.heapUsed)),
          row('resident memory then, MB', mb(few.after.rss), mb(many.after.rss)),
          row('JWKS of one tenant, /s CPU', few.rateOfOne, many.rateOfOne),
          row('JWKS of any tenant, /s CPU', few.rateOfAny, many.rateOfAny),
          row('the server at rest, % of a core', few.rest.server, many.rest.server),
          row('its Postgres at rest, % of a core', few.rest.postgres, many.rest.postgres),
          row('transactions at rest, /s', few.rest.transactions, many.rest.transactions),
        ],
        goals: [
          { what: 'rate of random tenants over that of one', value: many.rateOfAny / many.rateOfOne, atLeast: 0.8 },
          {
            what: 'transactions a second at rest with all of them, over those with one',
            value: many.rest.transactions / few.rest.transactions,
            atMost: 1.5,
          },
        ],
      },
    ]
  } finally {
    await stage.close()
  }
}

async function make({ prisma, pool, config, masterKey }: Stage, count: number): Promise<string[]> {
  const registry = createTenantRegistry(prisma)
  const rotation = openRotation(config, { pool, envelope: createEnvelope(masterKey), log: silent })
  const slugs = Array.from({ length: count }, (_, n) => `tenant-${n}`)
  const rest = [...slugs]
  const worker = async () => {
    for (let slug = rest.pop(); slug !== undefined; slug = rest.pop()) {
      const made = await registry.create({ slug, name: slug, maxTokenLifetime: config.maxTokenLifetime }, OPERATOR)
      if (made.result !== 'created') throw new Error(`There is a tenant ${slug} already.`)
      await rotation.ensure(made.id)
    }
  }
  await Promise.all([1, 2, 3, 4].map(worker))
  return slugs
}

type Found = {
  readonly start: number
  readonly before: Memory
  readonly after: Memory
  readonly rateOfOne: number
  readonly rateOfAny: number
  readonly rest: { readonly server: number; readonly postgres: number; readonly transactions: number }
}

async function started(stage: Stage, quick: boolean, slugs: readonly string[] = []): Promise<Found> {
  const began = performance.now()
  const server = await startProbed(stage)
  const start = performance.now() - began
  const before = await server.collect()
  const requests = [get(`${server.url}/jwks`), ...slugs.map((slug) => get(`${server.url}/t/${slug}/jwks`))]
  const [first = ''] = requests
  // Of a tenant that nobody asked about before, nothing is remembered until its revision is known, a poll later.
  for (const _ of ['the first time', 'remembered']) {
    for (const request of requests)
      await (await linesTo(server.url, [{ request: () => request, accept: assertKeys }]))[0]?.()
    await wait(POLLED)
  }
  const after = await server.collect()
  const random = () => requests[Math.floor(Math.random() * requests.length)] ?? first
  const [rateOfOne, rateOfAny] = await rates(server, [() => first, random], quick ? 300 : 1_000)
  const rest = await atRest(stage, server, quick)
  await server.stop()
  return { start, before, after, rateOfOne, rateOfAny, rest }
}

/** Milliseconds after which every tenant that was asked about has been polled. */
const POLLED = 1_500

const ROUNDS = 5

/** Answers for a second of the server's CPU. In turns, so that what else the machine does meets both. */
async function rates(
  { url, process: { pid } }: ProbedServer,
  requests: readonly [() => string, () => string],
  turn: number,
): Promise<[number, number]> {
  const loads = await Promise.all(
    requests.map(async (request) => {
      const exchanges = Array<Exchange>(CONNECTIONS).fill({ request, accept: assertKeys })
      return { work: withCpuOf(pid, await overHttp(url, exchanges)), count: 0, seconds: 0 }
    }),
  )
  for (const { work } of loads) await work(turn)
  for (let round = 0; round < ROUNDS; round++) {
    for (const load of round % 2 === 0 ? loads : loads.toReversed()) {
      const { count, clock, cpu = clock ?? 1 } = await load.work(turn)
      load.count += count
      load.seconds += cpu
    }
  }
  const [one, any] = loads.map(({ count, seconds }) => count / seconds)
  return [one ?? Number.NaN, any ?? Number.NaN]
}

/** More than a minute: every job that looks at all tenants has its turn. */
const REST = 70
/** Seconds after which an idle process of Postgres has told what it did. */
const SETTLED = 12

async function atRest({ pool }: Stage, { process: { pid } }: ProbedServer, quick: boolean): Promise<Found['rest']> {
  const seconds = quick ? 4 : REST
  await wait(quick ? 1_000 : SETTLED * 1000)
  const text = 'SELECT xact_commit::float AS n FROM pg_stat_database WHERE datname = current_database()'
  const transactions = async () => (await pool.query<{ n: number }>(text)).rows[0]?.n ?? 0
  const before = await transactions()
  const [own, postgres] = [watchCpu(pid), watchCpu(await postmaster(pool))]
  await wait(seconds * 1000)
  const percent = (spent: number) => (100 * spent) / seconds
  const found = { server: percent(own()), postgres: percent(postgres()) }
  return { ...found, transactions: ((await transactions()) - before) / seconds }
}
