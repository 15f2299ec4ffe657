import { afterEach, describe, expect, it } from 'vitest'
import { DEFAULT_TENANT } from '../../support/app.js'
import { memorySink } from '../../support/events.js'
import { eventually } from '../../support/eventually.js'
import { closeFeeds, feedProcess } from '../../support/feed-process.js'
import { append, known, last, names } from '../../support/feed-told.js'

const OURS = DEFAULT_TENANT.id
afterEach(closeFeeds)

describe('a reader that does not read', () => {
  const size = { buffer: 2_000, drain: 3_600_000 }

  it('is sent no more, and for a snapshot once it has read what waited; others are not held up', async () => {
    const { store, joined } = feedProcess(size)
    const [slow, other] = [await joined(), await joined()]
    slow.stall()
    await eventually(async () => {
      store.append(OURS)
      store.poll(OURS)
      await new Promise(setImmediate)
      expect(slow.buffered()).toBeGreaterThan(2_000)
    })
    const before = slow.buffered()
    const revisions = append(store, 20)
    store.poll(OURS)
    await eventually(() => expect(known(other).revision).toBe(revisions.at(-1)))
    expect(slow.buffered()).toBe(before)
    expect(slow.state()).toBe('open')
    slow.drain()
    await eventually(() => expect(slow.state()).toBe('ended'))
    expect(last(slow)).toMatchObject({ event: 'reset', data: '{"error":"reset"}', id: undefined })
  })

  it('is cut off when it takes too long', async () => {
    const { store, joined, feed } = feedProcess({ ...size, drain: 5 })
    const slow = await joined()
    slow.stall()
    await eventually(async () => {
      store.append(OURS)
      store.poll(OURS)
      await new Promise(setImmediate)
      expect(slow.state()).toBe('destroyed')
    })
    expect(feed.subscribers()).toBe(0)
  })

  it('is waited for between pages, and so long only', async () => {
    const { store, subscribe } = feedProcess({ buffer: 100, drain: 3_600_000 })
    append(store, 12)
    const sink = memorySink()
    sink.stall()
    await subscribe(undefined, { sink })
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    expect(names(sink)).toEqual(['snapshot'])
    sink.drain()
    await eventually(() => expect(known(sink).digests.size).toBe(12))
  })
})

describe('a stream ends', () => {
  it('when its API may read no more, and no other', async () => {
    const { store, joined } = feedProcess()
    let allowed = true
    const sink = await joined(undefined, { allowed: async () => allowed })
    const other = await joined()
    store.configure(OURS)
    store.poll(OURS)
    await new Promise(setImmediate)
    expect(sink.state()).toBe('open')
    allowed = false
    store.configure(OURS)
    store.poll(OURS)
    await eventually(() => expect(sink.state()).toBe('ended'))
    expect(other.state()).toBe('open')
  })

  it('when that was decided while it was let in', async () => {
    const { subscribe } = feedProcess()
    const sink = await subscribe(undefined, { allowed: async () => false })
    await eventually(() => expect(sink.state()).toBe('ended'))
  })

  it('with the next poll, when it could not be told before', async () => {
    const { store, joined } = feedProcess()
    let answer = async () => true
    const sink = await joined(undefined, { allowed: () => answer() })
    answer = () => Promise.reject(new Error('The database is away.'))
    store.configure(OURS)
    store.poll(OURS)
    await new Promise(setImmediate)
    expect(sink.state()).toBe('open')
    answer = async () => false
    store.poll(OURS)
    await eventually(() => expect(sink.state()).toBe('ended'))
  })

  it('when its tenant has gone', async () => {
    const { store, joined } = feedProcess()
    const sink = await joined()
    store.remove(OURS)
    store.poll(OURS)
    expect(sink.state()).toBe('ended')
  })

  it('with a reset when Postgres has another history, and the next one begins anew', async () => {
    const { store, joined, subscribe } = feedProcess()
    const sink = await joined()
    store.failOver()
    store.append(OURS, 'after')
    store.poll(OURS)
    await eventually(() => expect(sink.state()).toBe('ended'))
    expect(last(sink).event).toBe('reset')
    expect(known(await subscribe()).digests).toEqual(new Set(['probe', 'after']))
  })

  it('after its time, without a reset', async () => {
    const { subscribe } = feedProcess({ lifetime: 5 })
    const sink = await subscribe()
    await eventually(() => expect(sink.state()).toBe('ended'))
    expect(names(sink)).toEqual(['snapshot'])
  })

  it('with the process, which lets nobody in any more', async () => {
    const { feed, joined, open } = feedProcess()
    const [sink, slow] = [await joined(), await joined()]
    slow.stall()
    slow.write(Buffer.from('waits'))
    await feed.close()
    await eventually(() => expect(sink.state()).toBe('ended'))
    await expect(open()).rejects.toMatchObject({ reason: 'stopping', status: 503 })
    await eventually(() => expect(slow.state()).toBe('destroyed'))
  })

  it('with the process, as soon for those that take nothing and still wait for their turn', async () => {
    // Hours for who falls behind; who is told to end has a second.
    const { store, feed, subscribe } = feedProcess({ share: 1, drain: 3_600_000 })
    append(store, 12)
    const sinks = Array.from({ length: 20 }, () => memorySink())
    for (const sink of sinks) {
      sink.stall()
      await subscribe(undefined, { sink })
    }
    await feed.close()
    await eventually(() => {
      for (const { signal } of sinks) expect(signal.aborted).toBe(true)
    })
  })
})
