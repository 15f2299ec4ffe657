import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPolling, type Polling } from '../../../src/store/polling.js'

let polling: Polling | undefined
beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(async () => {
  await polling?.close()
  vi.useRealTimers()
})

type Ask = { startedAt: number; answer: () => void; fail: () => void }

function start() {
  const asks: Ask[] = []
  const mine = createPolling(
    (startedAt) =>
      new Promise<void>((resolve, reject) => {
        asks.push({ startedAt, answer: resolve, fail: () => reject(new Error('down')) })
      }),
    { interval: 500, gap: 10 },
  )
  polling = { ...mine, close: async () => {} }
  const last = () => asks.at(-1) ?? expect.fail('nothing was asked')
  return { ...mine, asks, last }
}

test('polls at once, then at every interval from the start of the one before', async () => {
  const { asks, last } = start()
  await vi.advanceTimersByTimeAsync(1)
  expect(asks).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(400)
  last().answer()
  await vi.advanceTimersByTimeAsync(98)
  expect(asks).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(2)
  expect(asks).toHaveLength(2)
})

test('runs one at a time: whoever asks during a poll gets one that begins after it', async () => {
  const { asks, last, poll } = start()
  await vi.advanceTimersByTimeAsync(1)
  const done = vi.fn()
  const both = [poll().then(done), poll().then(done)]
  await vi.advanceTimersByTimeAsync(2_000)
  expect(asks).toHaveLength(1)
  last().answer()
  await vi.advanceTimersByTimeAsync(0)
  expect(asks).toHaveLength(2)
  expect(done).not.toHaveBeenCalled()
  last().answer()
  await Promise.all(both)
})

test('goes on after a failure, and tells it to those who wait for that poll alone', async () => {
  const { asks, last, poll } = start()
  await vi.advanceTimersByTimeAsync(1)
  const next = poll()
  last().fail()
  await vi.advanceTimersByTimeAsync(0)
  last().answer()
  await next
  const failing = expect(poll()).rejects.toThrow('down')
  last().fail()
  await failing
  const count = asks.length
  await vi.advanceTimersByTimeAsync(500)
  expect(asks).toHaveLength(count + 1)
})

test('polls soon when told to, a gap apart, however often', async () => {
  const { asks, last, soon } = start()
  await vi.advanceTimersByTimeAsync(1)
  last().answer()
  for (let i = 0; i < 20; i++) {
    soon()
    await vi.advanceTimersByTimeAsync(1)
    last().answer()
  }
  expect(asks.length).toBeGreaterThanOrEqual(2)
  expect(asks.length).toBeLessThanOrEqual(3)
})

test('never sets a timer for a moment that has passed', async () => {
  const delays = vi.spyOn(globalThis, 'setTimeout')
  await vi.advanceTimersByTimeAsync(1_000)
  const { last } = start()
  await vi.advanceTimersByTimeAsync(2_000)
  last().answer()
  await vi.advanceTimersByTimeAsync(0)
  expect(delays.mock.calls.map(([, delay]) => delay)).toEqual([0, 0])
})

test('stops when it is closed', async () => {
  const { asks, last, close } = start()
  await vi.advanceTimersByTimeAsync(1)
  last().answer()
  await close()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(asks).toHaveLength(1)
})
