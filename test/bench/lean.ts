import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  type Environment,
  embeddedInstallation,
  freePort,
  type RunningServer,
  readiness,
  spawnServer,
} from '../support/server.js'
import { ENDPOINTS } from './endpoints.js'
import { linesTo, overHttp } from './http-load.js'
import { mixed } from './mixed.js'
import { sizesOf } from './package-size.js'
import { type Memory, startProbed } from './probe.js'
import { MB, postmaster, proportionalBytes, residentBytes, treeOf, watchCpu } from './processes.js'
import type { Bench, Report } from './report.js'
import type { Stage } from './stage.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What the server needs while it does little, and whether it needs more the longer it runs. */
export async function lean({ quick, stage: open }: Bench): Promise<Report[]> {
  const stage = await open()
  return [await starts(stage, quick), await resident(stage, quick), sizes(), await leak(stage, quick)]
}

async function untilReady(env: Environment): Promise<{ server: RunningServer; milliseconds: number }> {
  const began = performance.now()
  const server = await spawnServer(env, 'ignore')
  while (server.process.exitCode === null) {
    if ((await readiness(server))?.status === 200) return { server, milliseconds: performance.now() - began }
    await wait(5)
  }
  throw new Error(`The server ended with ${await server.ended} before it was ready:\n${server.output()}`)
}

async function starts(stage: Stage, quick: boolean): Promise<Report> {
  const [first, second, existing]: [number[], number[], number[]] = [[], [], []]
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    const dataDir = mkdtempSync(join(tmpdir(), 'bulla-start-'))
    // Where this runs as root, the user that Postgres runs as must be able to enter.
    chmodSync(dataDir, 0o711)
    const env = await embeddedInstallation(dataDir)
    for (const times of [first, second]) {
      const { server, milliseconds } = await untilReady(env)
      times.push(milliseconds)
      await server.stop()
    }
    rmSync(dataDir, { recursive: true, force: true })
    const { server, milliseconds } = await untilReady({ ...stage.env, PORT: String(await freePort()) })
    existing.push(milliseconds)
    await server.stop()
  }
  const row = (what: string, times: number[]) => [what, median(times), Math.min(...times), Math.max(...times)]
  return {
    title: 'From the start of the process until it says that it is ready, in milliseconds',
    columns: ['start', 'median', 'least', 'most'],
    rows: [
      row('first, on an empty data directory: makes a Postgres, its tables and keys', first),
      row('second, on the same directory', second),
      row('on a database that is there and runs', existing),
    ],
    goals: [],
  }
}

async function resident(stage: Stage, quick: boolean): Promise<Report> {
  const server = await startProbed(stage)
  const postgres = await postmaster(stage.pool)
  const rows: Report['rows'][number][] = []
  const note = async (when: string) => {
    const [own, children] = [[server.process.pid ?? 0], treeOf(server.process.pid).slice(1)]
    const { heapUsed } = await server.memory()
    const bytes = [residentBytes(own), heapUsed, residentBytes(children), proportionalBytes(treeOf(postgres))]
    rows.push([when, ...bytes.map((value) => Math.round(value / MB))])
  }
  const milliseconds = quick ? 1_500 : 10_000
  await note('after the start')
  for (const name of ['client_credentials', 'refresh', 'introspection', 'sign-in']) {
    const load = await overHttp(server.url, (await ENDPOINTS[name]?.({ ...stage, server })) ?? [])
    await load(milliseconds)
    await note(`under load: ${name}`)
  }
  const idle = await restOf(stage, server, quick ? { settle: 1, seconds: 4 } : { settle: SETTLED, seconds: 20 })
  await note(`after ${idle.seconds} s of rest`)
  await server.stop()
  const columns = ['when', 'server RSS MB', 'its heap MB', 'argon2 processes RSS MB', 'Postgres PSS MB']
  const title = `Memory. At rest: ${idle.server.toFixed(2)} % of a core for the server, ${idle.postgres.toFixed(2)} % for Postgres, ${idle.transactions.toFixed(1)} transactions a second of two servers`
  return {
    title,
    columns,
    rows,
    goals: [{ what: 'part of a core at rest, in percent', value: idle.server, atMost: 2 }],
  }
}

/** Seconds after which an idle process of Postgres has told what it did, and nothing of the load is counted as rest. */
const SETTLED = 12

/** What is spent while nobody asks for anything: percent of a core, and what Postgres is asked. */
async function restOf(
  { pool }: Stage,
  { process: { pid } }: RunningServer,
  { settle, seconds }: { readonly settle: number; readonly seconds: number },
) {
  await wait(settle * 1000)
  const transactions = async () => {
    const text = 'SELECT xact_commit::float AS n FROM pg_stat_database WHERE datname = current_database()'
    return (await pool.query<{ n: number }>(text)).rows[0]?.n ?? 0
  }
  const before = await transactions()
  const [own, postgres] = [watchCpu(pid), watchCpu(await postmaster(pool))]
  await wait(seconds * 1000)
  const [ownSeconds, theirs] = [own(), postgres()]
  const after = await transactions()
  const percent = (value: number) => Math.max(0, (100 * value) / seconds)
  return {
    seconds,
    server: percent(ownSeconds),
    postgres: percent(theirs),
    transactions: (after - before) / seconds,
  }
}

function sizes(): Report {
  const { packages, modules, image } = sizesOf(ROOT)
  return {
    title: 'Size, in MB of files',
    columns: ['what', 'MB'],
    rows: [
      [`node_modules, ${packages} packages, without development, optional and peer dependencies`, modules / MB],
      ['what the image holds on top of the one it is made from (node:24-bookworm-slim)', image / MB],
    ],
    goals: [],
  }
}

/** A line through so many points says what each request leaves behind. The first are those in which caches fill. */
const LEFT_OUT = 0.4

async function leak(stage: Stage, quick: boolean): Promise<Report> {
  const server = await startProbed(stage)
  const [blocks, size] = quick ? [6, 5_000] : [10, 100_000]
  const found: { requests: number; memory: Memory }[] = []
  const note = async () => found.push({ requests: found.length * size, memory: await server.collect() })
  await note()
  for (let block = 0; block < blocks; block++) {
    // New grants: each can be refreshed so many times and no more.
    await ask(await linesTo(server.url, await mixed({ ...stage, server })), size)
    await note()
  }
  await server.stop()
  const slope = slopeOf(found.slice(Math.floor(LEFT_OUT * found.length)))
  return {
    title: `Heap after forced collections, over ${blocks * size} requests: tokens, refreshes, introspections, keys, revocations`,
    columns: ['requests', 'heap MB', 'external MB', 'RSS MB'],
    rows: found.map(({ requests, memory: { heapUsed, external, rss } }) => [
      requests,
      heapUsed / MB,
      external / MB,
      Math.round(rss / MB),
    ]),
    // In a short run what caches take is more than what any leak would.
    goals: quick ? [] : [{ what: 'bytes left on the heap by a request', value: slope, atMost: 4 }],
  }
}

async function ask(lines: readonly (() => Promise<unknown>)[], count: number): Promise<void> {
  let left = count
  const work = async (line: () => Promise<unknown>) => {
    while (left-- > 0) await line()
  }
  await Promise.all(lines.map(work))
}

/** Of the line that is nearest to all points, by least squares. */
function slopeOf(points: readonly { requests: number; memory: Memory }[]): number {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const [x, y] = [mean(points.map((each) => each.requests)), mean(points.map((each) => each.memory.heapUsed))]
  const across = points.map((each) => (each.requests - x) * (each.memory.heapUsed - y))
  return mean(across) / mean(points.map((each) => (each.requests - x) ** 2))
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
