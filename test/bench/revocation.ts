import { setTimeout as wait } from 'node:timers/promises'
import { issuerAt, tokensOf } from '../support/issuer.js'
import { proxyTo } from '../support/proxy.js'
import { type Environment, freePort, type RunningServer, startServer } from '../support/server.js'
import { newGrants, REFRESHES, refreshTokensOf } from './grants.js'
import type { Report } from './report.js'
import { type Revoked, revokeAll, revokeStored } from './revoke.js'
import type { Stage } from './stage.js'
import { nameOf, type Subscriber, subscribeAll } from './subscribers.js'
import { wideRevocation } from './wide.js'

const SUBSCRIBERS = 50
/** Milliseconds after the last revocation in which the last subscriber must have heard of it: the bound and a process's start. */
const PATIENCE = 20_000

/** From the answer to a revocation until its entry has reached a subscriber, in milliseconds; and what went wrong. */
type Told = { readonly lags: readonly number[]; readonly missed: number; readonly wrong: number }

/** How soon, and whether, subscribers at two processes hear of revocations, while both issue and refresh. */
export async function revocation(stage: Stage): Promise<Report[]> {
  const more = async (env: Environment = {}) =>
    startServer({ ...stage.env, ...env, PORT: String(await freePort()) }, 'ignore')
  const started: RunningServer[] = []
  const start = async (env?: Environment) => {
    const server = await more(env)
    started.push(server)
    return server
  }
  const rows: Row[] = []
  const scenario = async (...asked: Parameters<typeof play>) => void rows.push(await play(...asked))
  try {
    const second = await start()
    await scenario(stage, [stage.server, second], { what: 'two processes', count: 1_000 })
    await scenario(stage, [stage.server, second], { what: 'at full speed', count: 0, flood: 3_000 })
    await scenario(stage, [stage.server, await start({ NODE_OPTIONS: shifted(60_000) })], {
      what: 'clocks 60 s apart',
      count: 200,
    })
    const proxy = await proxyTo(stage.connection)
    const deaf = { ...stage.env, DATABASE_DIRECT_URL: directUrl(proxy.connection), AUTO_MIGRATE: 'false' }
    const pair = [await start(deaf), await start(deaf)] as const
    proxy.cut()
    await scenario(stage, pair, { what: 'without NOTIFY', count: 300 })
    await Promise.all(pair.map((server) => server.stop()))
    await proxy.close()

    let mortal = second
    const restart = async () => {
      const port = new URL(mortal.url).port
      await mortal.stop('SIGKILL')
      mortal = await startServer({ ...stage.env, PORT: port }, 'ignore')
      started.push(mortal)
    }
    await scenario(stage, [stage.server, second], { what: 'one killed, and restarted', count: 300, meanwhile: restart })
    return [
      { title: 'Revocations heard by subscribers', columns: COLUMNS, rows, goals: [] },
      await wideRevocation(stage),
    ]
  } finally {
    await Promise.all(started.map((server) => server.stop('SIGKILL')))
  }
}

const COLUMNS = ['what', 'made', 'per s', 'lag p50, ms', 'p99, ms', 'max, ms', 'missed', 'wrong']
type Row = Report['rows'][number]

type Plan = {
  readonly what: string
  readonly count: number
  /** Milliseconds in which Postgres revokes as many tokens as it can. */
  readonly flood?: number
  /** Done while they are made; then only those that stayed are asked how long it took. */
  readonly meanwhile?: () => Promise<void>
}

async function play(stage: Stage, servers: readonly [RunningServer, RunningServer], plan: Plan): Promise<Row> {
  const urls = servers.map(({ url }) => url)
  const subscribers = await subscribeAll(urls, stage.api, SUBSCRIBERS)
  const before = await revisionOf(stage)
  // A server that dies can't be asked, neither for tokens nor for revocations.
  const asked = plan.meanwhile ? urls.slice(0, 1) : urls
  const stop = busy(stage, asked)
  const began = performance.now()
  const [revoked] = await Promise.all([
    plan.flood ? flood(stage, plan.flood) : revokeAll(stage, asked, plan.count),
    wait(200).then(plan.meanwhile),
  ])
  const seconds = (performance.now() - began) / 1000
  await stop()
  const told = await compare(stage, { subscribers, revoked, before, timed: plan.meanwhile ? 1 : 2 })
  for (const subscriber of subscribers.flat()) subscriber.close()
  const { lags, missed, wrong } = told
  if (missed + wrong > 0) throw new Error(`${plan.what}: ${missed} missed, ${wrong} wrong.`)
  const at = (part: number) => Math.round(lags[Math.ceil(part * lags.length) - 1] ?? Number.NaN)
  const rate = Math.round(revoked.length / seconds)
  return [plan.what, revoked.length, rate, at(0.5), at(0.99), at(1), missed, wrong]
}

async function revisionOf({ pool, tenantId }: Stage): Promise<string> {
  const { rows } = await pool.query('SELECT revision FROM revisions WHERE tenant_id = $1', [tenantId])
  return rows[0].revision
}

type Heard = {
  readonly subscribers: readonly Subscriber[][]
  readonly revoked: readonly Revoked[]
  readonly before: string
  /** Of how many servers the subscribers are asked how long it took. */
  readonly timed: number
}

/** Against the truth: what Postgres has is what was revoked, and what everybody must have heard, and nothing else. */
async function compare({ pool, tenantId }: Stage, { subscribers, revoked, before, timed }: Heard): Promise<Told> {
  const { rows } = await pool.query<{ digest: string; below: string | null }>(
    'SELECT digest, below FROM revocations WHERE tenant_id = $1 AND revision > $2 ORDER BY revision',
    [tenantId, before],
  )
  const truth = rows.map(({ digest, below }) => ({
    digest,
    name: nameOf({ d: digest, ...(below && { r: Number(below) }) }),
  }))
  const old = await pool.query<{ digest: string; below: string | null }>(
    'SELECT digest, below FROM revocations WHERE tenant_id = $1 AND revision <= $2',
    [tenantId, before],
  )
  const names = new Set(truth.map(({ name }) => name))
  for (const { digest, below } of old.rows) names.add(nameOf({ d: digest, ...(below && { r: Number(below) }) }))
  const deadline = performance.now() + PATIENCE
  const all = subscribers.flat()
  const missedBy = ({ heard }: Subscriber) => truth.filter(({ name }) => !heard.has(name)).length
  while (all.some((one) => missedBy(one) > 0) && performance.now() < deadline) await wait(100)

  // Of several of one digest each is the one of its turn.
  const answered = new Map<string, number[]>()
  for (const { digest, at } of revoked) answered.set(digest, [...(answered.get(digest) ?? []), at])
  const times = new Map(truth.map(({ digest, name }) => [name, answered.get(digest)?.shift()]))
  const unaccounted = [...times.values()].filter((at) => at === undefined).length
  const notKept = [...answered.values()].flat().length
  const lags = subscribers
    .slice(0, timed)
    .flat()
    .flatMap(({ heard }) =>
      [...times].map(([name, at]) => Math.max(0, (heard.get(name) ?? Number.NaN) - (at ?? Number.NaN))),
    )
    .filter((lag) => !Number.isNaN(lag))
    .sort((a, b) => a - b)
  const invented = all.reduce((sum, { heard }) => sum + [...heard.keys()].filter((name) => !names.has(name)).length, 0)
  const missed = notKept + all.reduce((sum, one) => sum + missedBy(one), 0)
  return { lags, missed, wrong: invented + unaccounted }
}

/** Two who ask for tokens and two who refresh at each server, as long as nobody stops them. */
function busy(stage: Stage, urls: readonly string[]): () => Promise<void> {
  let stopped = false
  const workers = urls.flatMap((url) => {
    const at = issuerAt(url, stage.issuer)
    const issue = async () => {
      // A refusal is an answer too: when its key was revoked just now.
      while (!stopped) await at.clientCredentials(stage.service)
    }
    const refresh = async () => {
      while (!stopped) {
        let [token] = await refreshTokensOf(await newGrants(stage, 1), stage)
        for (let n = 0; n < REFRESHES && token !== undefined && !stopped; n++) {
          const answer = await at.refresh(stage.app, token)
          token = answer.status === 200 ? tokensOf(answer).refresh_token : undefined
        }
      }
    }
    return [issue(), refresh()]
  })
  return async () => {
    stopped = true
    await Promise.all(workers)
  }
}

/** As many as Postgres makes durable, one a connection at a time. */
async function flood(stage: Stage, milliseconds: number): Promise<Revoked[]> {
  const until = performance.now() + milliseconds
  const revoked: Revoked[] = []
  await Promise.all(
    Array.from({ length: stage.pool.options.max }, async (_, worker) => {
      for (let n = 0; performance.now() < until; n++) revoked.push(await revokeStored(stage, `${until} ${worker} ${n}`))
    }),
  )
  return revoked
}

/** Has a process believe that it is so many milliseconds later. */
const shifted = (by: number): string =>
  `--import=data:text/javascript,${encodeURIComponent(
    `const Real=Date;globalThis.Date=class extends Real{constructor(...a){a.length?super(...a):super(Real.now()+${by})}static now(){return Real.now()+${by}}}`,
  )}`

const directUrl = ({ user, password, host, port, database }: Stage['connection']): string =>
  `postgresql://${user}:${password}@${host}:${port}/${database}`
