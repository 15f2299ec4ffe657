import { setImmediate as nextTurn, setTimeout as wait } from 'node:timers/promises'

/** What has one request under way at a time; throws when an answer is wrong. */
export type Line = () => Promise<unknown>

export type Load = {
  /** Requests a second. */
  readonly rate: number
  readonly seconds: number
}

/** Milliseconds from the moment a request was to be sent until its answer was there. */
export type Latencies = {
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

export type OpenLoop = Latencies & {
  /** Requests that were to be sent, and those that never were: all lines were busy until long after the end. */
  readonly planned: number
  readonly unsent: number
  /** Answers a second. */
  readonly achieved: number
  /** Whether the rate was reached. Where it was not, the latencies say how far behind this fell, and nothing else. */
  readonly kept: boolean
  /** By how much this process itself was late to send while a line was idle, at p99: what the latencies can't tell apart. */
  readonly late: number
}

/** Milliseconds. `rest` comes back at that moment or before. */
export type Clock = { now(): number; rest(until: number): Promise<unknown> }

const KEPT = 0.98
// Sent for so many times the time they were planned in, and then no more.
const PATIENCE = 2

/**
 * Asks at a fixed rate, whatever the answers take. A request that finds no idle line waits for one, and its wait counts: latency is
 * taken from the moment it was due, so that a server that stalls can't keep the requests from being asked that would have met the
 * stall.
 */
export async function openLoop(lines: readonly Line[], load: Load, clock: Clock = wallClock): Promise<OpenLoop> {
  const planned = Math.floor(load.rate * load.seconds)
  const start = clock.now()
  const due = (n: number) => start + (n * 1000) / load.rate
  const end = start + PATIENCE * load.seconds * 1000
  const idle = [...lines]
  const latencies: number[] = []
  const lateness: number[] = []
  let [next, underWay, last] = [0, 0, start]
  let failed: { readonly error: unknown } | undefined

  const isDue = () => next < planned && due(next) <= clock.now() && clock.now() < end && !failed

  // A line goes on by itself while there is something to be sent, or the loop below would have to look for it.
  async function occupy(line: Line): Promise<void> {
    underWay += 1
    lateness.push(clock.now() - due(next))
    try {
      while (isDue()) {
        const meant = due(next++)
        await line()
        last = clock.now()
        latencies.push(last - meant)
      }
    } catch (error) {
      failed ??= { error }
    }
    underWay -= 1
    idle.push(line)
  }

  while (underWay > 0 || (next < planned && clock.now() < end && !failed)) {
    while (isDue()) {
      const line = idle.shift()
      if (!line) break
      void occupy(line)
    }
    await clock.rest(next < planned && idle.length > 0 && !failed ? due(next) : Number.POSITIVE_INFINITY)
  }
  if (failed) throw failed.error
  const achieved = (latencies.length * 1000) / (last - start)
  return {
    ...latenciesOf(latencies),
    planned,
    unsent: planned - latencies.length,
    achieved,
    kept: latencies.length === planned && achieved >= KEPT * load.rate,
    late: latenciesOf(lateness).p99,
  }
}

/** By nearest rank: each is one that was measured. */
export function latenciesOf(unsorted: readonly number[]): Latencies {
  const sorted = Float64Array.from(unsorted).sort()
  const at = (part: number) => sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}

/** What a timer can't be trusted with: it wakes up to so many milliseconds late. */
const COARSE = 2
const NAP = 0.1
const sleeper = new Int32Array(new SharedArrayBuffer(4))

/**
 * Timers know whole milliseconds alone, which is more than most answers take. The last of them are slept through in naps, with a
 * look at what has come in after each: a loop without naps would take a core from the server.
 */
export const wallClock: Clock = {
  now: () => performance.now(),
  async rest(until) {
    const left = until - performance.now()
    if (left === Number.POSITIVE_INFINITY || left > COARSE)
      return wait(left > COARSE + 1 && Number.isFinite(left) ? left - COARSE : 1)
    if (left > 0) Atomics.wait(sleeper, 0, 0, Math.min(left, NAP))
    return nextTurn()
  },
}
