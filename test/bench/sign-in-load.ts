import { assertKeys, ENDPOINTS } from './endpoints.js'
import { type Answer, type Exchange, get, JSON_BODY, linesTo, overHttp, post } from './http-load.js'
import { signIns } from './login.js'
import { openLoop } from './open-loop.js'
import { startProbed } from './probe.js'
import { MB, residentBytes, treeOf } from './processes.js'
import type { Bench, Report } from './report.js'
import { PASSWORD, type Stage } from './stage.js'

const TOKENS_PER_SECOND = 200
const CROWD = 500

/** Sign-ins alone, what they do to others, and too many of them. */
export async function signInLoad({ quick, stage: open }: Bench): Promise<Report[]> {
  const stage = await open()
  return [await alone(stage, quick), await besideTokens(stage, quick), await crowd(stage, quick)]
}

const LOW_RATE = 4

async function alone(stage: Stage, quick: boolean): Promise<Report> {
  const { url } = stage.server
  const saturated = await overHttp(url, signIns(stage))
  await saturated(quick ? 2_000 : 8_000)
  const { count, clock = 1 } = await saturated(quick ? 2_000 : 8_000)
  // Few enough that no connection rests until the server closes it.
  const lines = await linesTo(url, signIns(stage).slice(0, 4))
  const seconds = quick ? 5 : 50
  const { p50, p99, max } = await openLoop(lines, { rate: LOW_RATE, seconds })
  return {
    title: 'POST /auth/login to token',
    columns: ['sign-ins', '/s', 'p50 ms', 'p99 ms', 'max ms'],
    rows: [
      [`${LOW_RATE * seconds} at a fixed rate`, LOW_RATE, p50, p99, max],
      [`${stage.usernames.length} at a time`, count / clock, '', '', ''],
    ],
    goals: [],
  }
}

async function besideTokens(stage: Stage, quick: boolean): Promise<Report> {
  const { url } = stage.server
  const tokens = await linesTo(url, (await ENDPOINTS['client_credentials']?.(stage)) ?? [])
  const people = await linesTo(url, signIns(stage))
  const load = { rate: TOKENS_PER_SECOND, seconds: quick ? 3 : 10 }
  await openLoop(tokens, load)
  const quiet: number[] = []
  const crowded: number[] = []
  const rows: Report['rows'][number][] = []
  // In turns, so that what else the machine does meets both.
  for (let round = 1; round <= (quick ? 2 : 5); round++) {
    const without = await openLoop(tokens, load)
    const stop = keepBusy(people)
    const beside = await openLoop(tokens, load)
    const signedIn = await stop()
    quiet.push(without.p99)
    crowded.push(beside.p99)
    rows.push([round, 'without', without.kept ? 'yes' : 'no', without.p50, without.p99, without.p999, 0])
    rows.push([round, 'with', beside.kept ? 'yes' : 'no', beside.p50, beside.p99, beside.p999, signedIn / load.seconds])
  }
  const [before, after] = [median(quiet), median(crowded)]
  rows.push(['median', 'with over without', '', '', after / before, '', ''])
  return {
    title: `Tokens at ${TOKENS_PER_SECOND}/s, without and with as many sign-ins as there can be`,
    columns: ['round', 'sign-ins', 'rate kept', 'p50 ms', 'p99 ms', 'p99.9 ms', 'sign-ins/s'],
    rows,
    goals: [{ what: 'p99 of tokens with sign-ins over that without', value: after / before, atMost: 2 }],
  }
}

/** Has every line asked again and again until it is stopped, which answers how often in all. */
function keepBusy(lines: readonly (() => Promise<unknown>)[]): () => Promise<number> {
  let [stopped, count] = [false, 0]
  const workers = lines.map(async (line) => {
    for (; !stopped; count++) await line()
  })
  return async () => {
    stopped = true
    await Promise.all(workers)
    return count
  }
}

type Wave = { signedIn: number; refused: number }

/** More at the same moment than may wait, each from an address of its own: none is lost, and others are answered meanwhile. */
async function crowd(stage: Stage, quick: boolean): Promise<Report> {
  const server = await startProbed(stage, { TRUSTED_PROXY_HOPS: '1' })
  const keys = { request: () => get(`${server.url}/jwks`), accept: assertKeys }
  const others = await linesTo(server.url, Array<Exchange>(8).fill(keys))
  const before = residentBytes(treeOf(server.process.pid))
  const rows: Report['rows'][number][] = []
  const peaks: number[] = []
  for (let wave = 1; wave <= (quick ? 2 : 6); wave++) {
    const found: Wave = { signedIn: 0, refused: 0 }
    // Of what the one before left behind, V8 would keep as much as it sees fit: what counts is what is held.
    await server.collect()
    const lines = await linesTo(server.url, attempts({ ...stage, server }, found, wave))
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, residentBytes(treeOf(server.process.pid)))
    }, 50)
    const began = performance.now()
    const all = Promise.all(lines.map((line) => line())).then(() => (performance.now() - began) / 1000)
    const beside = await openLoop(others, { rate: 100, seconds: 2 })
    const seconds = await all
    clearInterval(watch)
    peaks.push(peak)
    const { signedIn, refused } = found
    rows.push([wave, signedIn, refused, CROWD - signedIn - refused, seconds, peak / MB, beside.p50, beside.p99])
  }
  const least = Math.min(...peaks)
  const later = Math.max(...peaks.slice(1)) / (peaks[0] ?? least)
  await server.stop()
  return {
    title: `${CROWD} sign-ins at the same moment; memory of the server and its argon2 processes, ${(before / MB).toFixed(0)} MB before`,
    columns: ['wave', 'signed in', 'refused, told when', 'lost', 'seconds', 'peak MB', 'JWKS p50 ms', 'JWKS p99 ms'],
    rows,
    goals: [{ what: 'memory at the peak of a later wave over that of the first', value: later, atMost: 1.25 }],
  }
}

function attempts({ server, app, usernames }: Stage, found: Wave, wave: number): Exchange[] {
  return Array.from({ length: CROWD }, (_, n) => {
    const body = JSON.stringify({ client_id: app.id, username: usernames[n % usernames.length], password: PASSWORD })
    const from = { 'x-forwarded-for': `198.18.${wave * 2 + Math.floor(n / 250)}.${(n % 250) + 1}` }
    const request = post(`${server.url}/auth/login`, body, { ...JSON_BODY, ...from })
    return { request: () => request, accept: (answer) => count(answer, found) }
  })
}

function count({ status, head, body }: Answer, found: Wave): void {
  if (status === 200) found.signedIn += 1
  else if ((status === 429 || status === 503) && /\r\nretry-after: *\d+/i.test(head)) found.refused += 1
  else throw new Error(`A sign-in among many is answered:\n${head}\n\n${body}`)
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
