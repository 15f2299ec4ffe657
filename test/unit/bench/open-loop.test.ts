import { expect, test } from 'vitest'
import { type Clock, latenciesOf, openLoop } from '../../bench/open-loop.js'

/** A clock that moves when everybody waits for it, and lines that take as long as `takes` says of the n-th request. */
function simulated(takes: (n: number) => number) {
  let time = 0
  let count = 0
  const answers: { at: number; done: () => void }[] = []
  const clock: Clock = {
    now: () => time,
    async rest(until) {
      answers.sort((a, b) => a.at - b.at)
      const [first] = answers
      if (first && first.at <= until) {
        answers.shift()
        time = first.at
        first.done()
      } else time = until
      // What waited for the answer goes on before the clock does.
      await new Promise(setImmediate)
    },
  }
  const line = () =>
    new Promise<void>((resolve) => {
      answers.push({ at: time + takes(count++), done: resolve })
    })
  return { clock, lines: (size: number) => Array<typeof line>(size).fill(line), count: () => count }
}

test('every request is sent at its moment, whatever the answers before it take', async () => {
  const { clock, lines } = simulated(() => 30)
  const found = await openLoop(lines(4), { rate: 100, seconds: 1 }, clock)
  expect(found).toMatchObject({ planned: 100, unsent: 0, p50: 30, max: 30, kept: true, late: 0 })
})

test('a request that had to wait for a line is as late as it was due', async () => {
  // One of a second, with one line: the hundred that were due meanwhile find it busy.
  const { clock, lines } = simulated((n) => (n === 100 ? 1_000 : 1))
  const found = await openLoop(lines(1), { rate: 100, seconds: 4 }, clock)
  expect(found.max).toBe(1_000)
  // From one second down to nothing, ten milliseconds less each, and a millisecond of its own more each: a quarter of all.
  expect(found.p99).toBeGreaterThan(900)
  expect(found.p50).toBe(1)
  expect(found.kept).toBe(true)
})

test('says when the rate was not reached, and does not go on for ever', async () => {
  const { clock, lines, count } = simulated(() => 100)
  const found = await openLoop(lines(1), { rate: 100, seconds: 2 }, clock)
  expect(found).toMatchObject({ planned: 200, unsent: 160, achieved: 10, kept: false })
  expect(count()).toBe(40)
})

test('a wrong answer ends it', async () => {
  const { clock } = simulated(() => 1)
  const refuse = () => Promise.reject(new Error('No token.'))
  await expect(openLoop([refuse], { rate: 10, seconds: 1 }, clock)).rejects.toThrow('No token.')
})

test('percentiles are values that were measured', () => {
  const thousand = Array.from({ length: 1_000 }, (_, n) => 1_000 - n)
  expect(latenciesOf(thousand)).toEqual({ p50: 500, p99: 990, p999: 999, max: 1_000 })
  expect(latenciesOf([7])).toEqual({ p50: 7, p99: 7, p999: 7, max: 7 })
})
