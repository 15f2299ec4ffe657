import { setTimeout as wait } from 'node:timers/promises'
import { freePort, type RunningServer, startServer } from '../support/server.js'
import { familyCpu } from './family-cpu.js'
import { newGrants, REFRESHES, refreshTokensOf } from './grants.js'
import { type Exchange, FORM, openConnection, overHttp, post, success } from './http-load.js'
import { refreshTokenOf } from './login.js'
import type { Bench, Report } from './report.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** What one worker spends, and two. */
const WORKERS = [1, 2] as const
const MOST_RATIO = 1.1
const PART_OF_SATURATION = 0.5

type Work = { readonly what: string; readonly exchanges: () => Promise<Exchange[]> }
type Line = () => Promise<unknown>
type Contestant = {
  readonly workers: number
  readonly server: RunningServer
  readonly lines: readonly Line[]
  /** Requests a second. */
  readonly rate: number
}

/** The CPU that a request costs a server of two workers, beside a server of one, each at half of what it can do. */
export async function workers(bench: Bench): Promise<Report[]> {
  const stage = await bench.stage()
  const works: Work[] = [
    { what: 'POST /oauth2/token, client_credentials', exchanges: async () => tokens(stage) },
    { what: 'POST /oauth2/token, refresh_token', exchanges: () => refreshes(stage) },
  ]
  const servers: RunningServer[] = []
  try {
    for (const workers of WORKERS) servers.push(await start(stage, workers))
    const found = []
    for (const work of works) found.push(await compare(work, servers, bench))
    return [
      {
        title: `Workers, each server at ${100 * PART_OF_SATURATION} % of what it can do`,
        columns: [
          '',
          ...WORKERS.map((count) => `requests/s, WORKERS=${count}`),
          ...WORKERS.map((count) => `CPU ms a request, WORKERS=${count}`),
          'ratio',
          'least',
          'most',
        ],
        rows: found.map(({ row }) => row),
        goals: found.map(({ what, ratio }) => ({
          what: `${what}: CPU a request of two workers over one`,
          value: ratio,
          atMost: MOST_RATIO,
        })),
      },
    ]
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

/** Of the same installation, on a port of its own. */
const start = async ({ env }: Stage, workers: number) =>
  startServer({ ...env, PORT: String(await freePort()), WORKERS: String(workers) }, 'ignore')

const tokens = (stage: Stage): Exchange[] =>
  Array(CONNECTIONS).fill({ request: () => clientCredentials(stage), accept: success })

/** Enough for each connection, whatever it has done before. */
const GRANTS = 40

async function refreshes(stage: Stage): Promise<Exchange[]> {
  const tokens = await refreshTokensOf(await newGrants(stage, CONNECTIONS * GRANTS), stage)
  return Array.from({ length: CONNECTIONS }, (_, n) => rotation(stage, tokens.slice(n * GRANTS, (n + 1) * GRANTS)))
}

/** Refreshes one grant as often as may be, then the next. */
function rotation({ server, app }: Stage, grants: string[]): Exchange {
  let current = ''
  let left = 0
  return {
    request() {
      if (left === 0) [current, left] = [grants.pop() ?? '', REFRESHES]
      left -= 1
      const form = `grant_type=refresh_token&client_id=${app.id}&refresh_token=${current}`
      return post(`${server.url}/oauth2/token`, form, FORM)
    },
    accept(answer) {
      current = refreshTokenOf(answer)
    },
  }
}

async function compare({ what, exchanges }: Work, servers: readonly RunningServer[], { quick }: Bench) {
  const { turn, warmUp, rounds } = quick
    ? { turn: 500, warmUp: 1_000, rounds: 5 }
    : { turn: 2_000, warmUp: 4_000, rounds: 9 }
  const contestants: Contestant[] = []
  for (const [index, workers] of WORKERS.entries()) {
    const server = servers[index]
    if (!server) throw new Error('A server for each was started.')
    const saturate = await overHttp(server.url, await exchanges())
    // By requests and not by time: each worker has code of its own to compile.
    for (let asked = 0; asked < warmUp * workers; ) asked += (await saturate(turn)).count
    const { count, clock = 1 } = await saturate(turn)
    const rate = (PART_OF_SATURATION * count) / clock
    contestants.push({ workers, server, lines: await openLines(server.url, await exchanges()), rate })
  }
  const spent = new Map(contestants.map(({ workers }) => [workers, [] as number[]]))
  for (let round = 0; round < rounds; round++) {
    for (const { workers, server, lines, rate } of round % 2 === 0 ? contestants : contestants.toReversed()) {
      spent.get(workers)?.push(await cpuOfRequest(server, lines, { rate, turn }))
    }
  }
  const [one = [], two = []] = WORKERS.map((workers) => spent.get(workers) ?? [])
  const ratios = one.map((cpu, round) => (two[round] ?? Number.NaN) / cpu)
  const row = [
    what,
    ...contestants.map(({ rate }) => Math.round(rate)),
    1000 * median(one),
    1000 * median(two),
    median(ratios),
    Math.min(...ratios),
    Math.max(...ratios),
  ]
  return { what, ratio: median(ratios), row }
}

const openLines = (url: string, exchanges: readonly Exchange[]): Promise<Line[]> =>
  Promise.all(
    exchanges.map(async ({ request, accept }) => {
      const send = await openConnection(url)
      return async () => accept(await send(request()))
    }),
  )

/** Seconds. */
async function cpuOfRequest(
  { process }: RunningServer,
  lines: readonly Line[],
  { rate, turn }: { rate: number; turn: number },
): Promise<number> {
  const before = familyCpu(process.pid)
  const count = await atRate(lines, rate, turn)
  const after = familyCpu(process.pid)
  if (before === undefined || after === undefined) throw new Error('This system does not tell the CPU of a process.')
  return (after - before) / count
}

/** Asks so often a second for so many milliseconds, over all lines in turn; a line that is late does not wait. Answers how often. */
async function atRate(lines: readonly Line[], rate: number, milliseconds: number): Promise<number> {
  const start = performance.now()
  const planned = Math.floor((rate * milliseconds) / 1000)
  await Promise.all(
    lines.map(async (line, first) => {
      for (let n = first; n < planned; n += lines.length) {
        const early = start + (1000 * n) / rate - performance.now()
        if (early >= 1) await wait(early)
        await line()
      }
    }),
  )
  return planned
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
