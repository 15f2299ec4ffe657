import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { together } from '../../../src/store/together.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

type Asked = { asked: readonly number[]; answer: () => void; fail: () => void }

/** Answers ten times what was asked, when it is told to. */
function start({ most = 3, patience = 25 } = {}) {
  const runs: Asked[] = []
  const ask = together<number, number>(
    (asked) =>
      new Promise((resolve, reject) => {
        runs.push({ asked, answer: () => resolve(asked.map((n) => 10 * n)), fail: () => reject(new Error('down')) })
      }),
    { most, patience },
  )
  const run = (place: number) => runs[place] ?? expect.fail(`only ${runs.length} were asked`)
  return { ask, run, asked: () => runs.map(({ asked }) => asked) }
}

/** The end of this turn, and all that it leads to. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('what is asked in one turn goes together, and everybody gets their own answer', async () => {
  const { ask, asked, run } = start()
  const answers = [ask(1), Promise.resolve().then(() => ask(2)), ask(3)]
  await turn()
  expect(asked()).toEqual([[1, 3, 2]])
  run(0).answer()
  expect(await Promise.all(answers)).toEqual([10, 20, 30])
})

test('one alone goes at once', async () => {
  const { ask, asked } = start()
  void ask(1)
  await Promise.resolve()
  await new Promise<void>((resolve) => process.nextTick(resolve))
  expect(asked()).toEqual([[1]])
})

test('what is asked while an answer is under way goes together after it, so many at a time', async () => {
  const { ask, asked, run } = start()
  const first = ask(1)
  await turn()
  const rest = [2, 3, 4, 5].map(ask)
  await turn()
  expect(asked()).toEqual([[1]])
  run(0).answer()
  expect(await first).toBe(10)
  await turn()
  expect(asked()).toEqual([[1], [2, 3, 4]])
  run(1).answer()
  await turn()
  expect(asked()).toEqual([[1], [2, 3, 4], [5]])
  run(2).answer()
  expect(await Promise.all(rest)).toEqual([20, 30, 40, 50])
})

test('who asks when they have their answer goes with those who waited', async () => {
  const { ask, asked, run } = start()
  const again = ask(1).then((n) => ask(n + 1))
  await turn()
  const waiting = ask(2)
  run(0).answer()
  await turn()
  expect(asked()).toEqual([[1], [2, 11]])
  run(1).answer()
  expect(await Promise.all([again, waiting])).toEqual([110, 20])
})

test('a failure is everybody’s who went together, and nobody else’s', async () => {
  const { ask, run } = start()
  const failing = Promise.allSettled([ask(1), ask(2)])
  await turn()
  const next = ask(3)
  run(0).fail()
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  await turn()
  run(1).answer()
  expect(await next).toBe(30)
})

test('an answer that does not come is waited for by nobody else once patience is over', async () => {
  const { ask, asked, run } = start()
  const stuck = ask(1)
  await turn()
  const next = ask(2)
  await vi.advanceTimersByTimeAsync(24)
  await turn()
  expect(asked()).toEqual([[1]])
  await vi.advanceTimersByTimeAsync(1)
  await turn()
  expect(asked()).toEqual([[1], [2]])

  // It comes after all, while the next one is under way: that one is still waited for.
  run(0).answer()
  expect(await stuck).toBe(10)
  void ask(3)
  await turn()
  expect(asked()).toEqual([[1], [2]])
  run(1).answer()
  expect(await next).toBe(20)
  await turn()
  expect(asked()).toEqual([[1], [2], [3]])
})

test('no timer is left behind', async () => {
  const { ask, run } = start()
  const answer = ask(1)
  await turn()
  run(0).answer()
  await answer
  await turn()
  expect(vi.getTimerCount()).toBe(0)
})
