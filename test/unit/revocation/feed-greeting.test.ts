import { afterEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '../../support/app.js'
import { isGreeting, knownAfter, type MemorySink, memorySink } from '../../support/events.js'
import { eventually } from '../../support/eventually.js'
import { closeFeeds, feedProcess } from '../../support/feed-process.js'

const OURS = DEFAULT_TENANT.id
afterEach(closeFeeds)

/** Seconds of the clock that the heartbeats of this process tell. */
const clock = () => (performance.timeOrigin + performance.now()) / 1000
const greetings = (sink: MemorySink) => sink.events().filter(isGreeting)
const greetingOf = (sink: MemorySink) => greetings(sink)[0] ?? expect.fail('it was not greeted')

describe('a stream that has joined', () => {
  it('is told at once when it was opened and when Postgres was asked, without waiting for a heartbeat', async () => {
    const { store, subscribe } = feedProcess()
    store.append(OURS, 'before')
    const before = clock()
    const sink = await subscribe()
    const after = clock()
    await eventually(() => expect(sink.events().map(({ event }) => event)).toEqual(['snapshot', 'heartbeat']))
    const { told, id } = greetingOf(sink)
    expect(told).toMatchObject({ entries: [], after: 1_001, revision: 1_001, cursor: id, since: id, max_staleness: 5 })
    expect(told.opened_at).toBeGreaterThanOrEqual(before)
    expect(told.opened_at).toBeLessThanOrEqual(after)
    expect(told.polled_at).toBeLessThanOrEqual(after)
  })

  it('was opened when it asked, not when the pages were read for it', async () => {
    const { store, subscribe, joined } = feedProcess()
    await joined()
    store.append(OURS, 'unread')
    let proceed = () => {}
    store.held = new Promise<void>((resolve) => {
      proceed = resolve
    })
    const subscribing = subscribe()
    const asked = clock()
    await new Promise((resolve) => setTimeout(resolve, 20))
    proceed()
    const sink = await subscribing
    await eventually(() => expect(greetings(sink)).toHaveLength(1))
    expect(greetingOf(sink).told.opened_at).toBeLessThanOrEqual(asked)
  })

  it('hears with it of a poll long before it came, where there was no other', async () => {
    const { store, joined, subscribe } = feedProcess()
    const first = await joined()
    const polled = clock()
    store.broken = true
    await new Promise((resolve) => setTimeout(resolve, 30))
    // What comes after its cursor is in memory, so that it is let in all the same.
    const sink = await subscribe(first.events().at(-1)?.id)
    await eventually(() => expect(greetings(sink)).toHaveLength(1))
    const { polled_at = Number.NaN, opened_at = Number.NaN } = greetingOf(sink).told
    expect(polled_at).toBeLessThanOrEqual(polled)
    expect(opened_at - polled_at).toBeGreaterThan(0.025)
  })

  it('is greeted alone, once, and told the same as all others of everything else', async () => {
    const { store, joined } = feedProcess({ heartbeat: 5 })
    const sinks = [await joined(), await joined(), await joined()]
    store.append(OURS, 'new')
    store.poll(OURS)
    await eventually(() => {
      for (const sink of sinks) expect(knownAfter(sink.events()).digests).toContain('new')
    })
    for (const sink of sinks) expect(greetings(sink)).toHaveLength(1)
    expect(new Set(sinks.map((sink) => greetingOf(sink).told.opened_at)).size).toBe(3)
  })

  it('has a greeting that says no more than it was told, whatever comes meanwhile', async () => {
    const { store, subscribe } = feedProcess({ heartbeat: 1 })
    const sinks: MemorySink[] = []
    for (let i = 0; i < 200; i++) {
      store.append(OURS, `value-${i}`)
      if (i % 3 === 0) store.poll(OURS)
      if (i % 5 === 0) sinks.push(await subscribe())
      if (i % 7 === 0) await new Promise(setImmediate)
    }
    store.poll(OURS)
    await eventually(() => {
      for (const sink of sinks) expect(knownAfter(sink.events()).digests.size).toBe(200)
    })
    // Throws where an event follows from what the stream had not told yet.
    for (const sink of sinks) {
      expect(greetings(sink)).toHaveLength(1)
      const polls = sink.events().flatMap(({ told }) => told.polled_at ?? [])
      expect([...polls].sort((a, b) => a - b)).toEqual(polls)
    }
  })

  it('tells it when it goes on with a cursor too', async () => {
    const { joined, subscribe } = feedProcess()
    const first = await joined()
    const again = await subscribe(first.events().at(-1)?.id)
    await eventually(() => expect(again.events().map(({ event }) => event)).toEqual(['heartbeat']))
    expect(greetingOf(again).told.opened_at).toBeGreaterThan(greetingOf(first).told.opened_at ?? Number.NaN)
  })

  it('is not greeted while it is being told the pages', async () => {
    const { store, subscribe } = feedProcess({ buffer: 100, drain: 3_600_000 })
    for (let i = 0; i < 12; i++) store.append(OURS, `value-${i}`)
    const sink = memorySink()
    sink.stall()
    await subscribe(undefined, { sink })
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    expect(greetings(sink)).toEqual([])
    sink.drain()
    await eventually(() => expect(greetings(sink)).toHaveLength(1))
    expect(sink.events().at(-1)?.told.opened_at).toBeDefined()
  })
})
