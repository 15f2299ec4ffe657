import { afterEach, describe, expect, it } from 'vitest'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'
import { knownAfter, type MemorySink } from '../../support/events.js'
import { eventually } from '../../support/eventually.js'
import { closeFeeds, feedProcess } from '../../support/feed-process.js'
import { append, events, known, last, names } from '../../support/feed-told.js'
import { createRevocationStore } from '../../support/revocation-store.js'

const OURS = DEFAULT_TENANT.id
afterEach(closeFeeds)

describe('a stream', () => {
  it('begins with everything live, in pages, and goes on with what comes', async () => {
    const { store, joined } = feedProcess()
    append(store, 12)
    const sink = await joined()
    expect(sink.text().startsWith('retry: 1000\n\n')).toBe(true)
    expect(names(sink)).toEqual(['snapshot', 'snapshot', 'snapshot', 'revocations'])
    const [first, second, third, delta] = events(sink)
    expect(first?.told).toMatchObject({ iss: DEFAULT_TENANT.issuer, iat: 1_800_000_000, max_staleness: 5, more: true })
    expect(first?.told).not.toHaveProperty('after')
    expect(second?.told).toMatchObject({ since: first?.id, after: first?.told.revision, more: true })
    expect(third?.told).toMatchObject({ since: second?.id, after: second?.told.revision })
    expect(third?.told).not.toHaveProperty('more')
    expect(delta?.told).toMatchObject({ after: third?.told.revision, cursor: delta?.id, entries: [{ d: 'probe' }] })
    expect(known(sink).digests.size).toBe(13)
  })

  it('of a tenant that has revoked nothing begins with an empty page', async () => {
    const sink = await feedProcess().subscribe()
    expect(events(sink)).toMatchObject([{ event: 'snapshot', told: { entries: [], revision: 1_000 } }])
  })

  it('tells nothing of another tenant', async () => {
    const { store, joined } = feedProcess()
    append(store, 3, ACME.id)
    const ours = await joined()
    const theirs = await joined(undefined, { tenant: ACME })
    append(store, 2, ACME.id)
    store.poll(ACME.id)
    store.poll(OURS)
    await eventually(() => expect(known(theirs).digests.size).toBe(4))
    expect([...known(ours).digests]).toEqual(['probe'])
    expect(new Set(theirs.events().map(({ told }) => told.iss))).toEqual(new Set([ACME.issuer]))
  })

  it('is told in the same bytes as all others, signed and read once', async () => {
    const { store, joined, subscribe, signed } = feedProcess()
    const sinks = [await joined(), ...(await Promise.all(Array.from({ length: 20 }, () => subscribe())))]
    const [asked, before] = [store.asked(), signed()]
    store.append(OURS, 'new')
    store.poll(OURS)
    await eventually(() => {
      for (const sink of sinks) expect(known(sink).digests).toContain('new')
    })
    expect(new Set(sinks.map((sink) => last(sink).data)).size).toBe(1)
    expect([store.asked() - asked, signed() - before]).toEqual([1, 1])
  })

  it('costs a crowd that comes at once one page and no query each', async () => {
    const { store, joined, subscribe, signed } = feedProcess()
    append(store, 3)
    await joined()
    const [asked, before] = [store.asked(), signed()]
    const crowd = await Promise.all(
      Array.from({ length: 500 }, (_, i) => subscribe(undefined, { reader: `api_${i % 5}` })),
    )
    await eventually(() => {
      for (const sink of crowd) expect(known(sink).digests.size).toBe(4)
    })
    expect(store.asked() - asked).toBeLessThanOrEqual(1)
    expect(signed() - before).toBeLessThanOrEqual(1)
  })
})

describe('who resumes', () => {
  it('is told what came since, from memory', async () => {
    const { store, joined, subscribe } = feedProcess()
    const first = await joined()
    const { id } = last(first)
    append(store, 2)
    store.poll(OURS)
    await eventually(() => expect(known(first).digests.size).toBe(3))
    const asked = store.asked()
    const again = await subscribe(id)
    await eventually(() => expect(names(again)).toEqual(['revocations']))
    expect(knownAfter(again.events(), { revision: last(first).told.after ?? 0, digests: new Set() }).digests.size).toBe(
      2,
    )
    expect(store.asked()).toBe(asked)
  })

  it('is told it from Postgres where memory does not reach back, in pages and without a gap', async () => {
    const { store, joined, subscribe } = feedProcess({ ring: { maxEvents: 1, maxBytes: 1_000_000 } })
    const first = await joined()
    const { id, told } = last(first)
    append(store, 18)
    store.poll(OURS)
    await eventually(() => expect(known(first).digests.size).toBe(19))
    const again = await subscribe(id)
    await eventually(() =>
      expect(knownAfter(again.events(), { revision: told.revision, digests: new Set() }).digests.size).toBe(18),
    )
    expect(new Set(names(again))).toEqual(new Set(['revocations']))
    const next = store.append(OURS, 'next')
    store.poll(OURS)
    await eventually(() => expect(last(again).told.revision).toBe(next))
  })

  it('is sent for a snapshot with a cursor that is foreign, of another tenant or ahead of Postgres', async () => {
    const { store, joined, open } = feedProcess()
    const ours = await joined()
    const theirs = await joined(undefined, { tenant: ACME })
    const { id = '' } = last(ours)
    expect(await open(id)).not.toBe('reset')
    for (const cursor of [
      'nonsense',
      '',
      last(theirs).id,
      id.replace(/\d+$/, (revision) => String(Number(revision) + 1)),
    ]) {
      expect(await open(cursor)).toBe('reset')
    }
    store.failOver()
    expect(await open('1.id-of-default.1')).toBe('reset')
  })

  it('is sent for a snapshot where Postgres has lost what this process told since', async () => {
    const { store, joined, open } = feedProcess({ ring: { maxEvents: 1, maxBytes: 1_000_000 } })
    const first = await joined()
    const { id, told } = last(first)
    append(store, 12)
    store.poll(OURS)
    await eventually(() => expect(known(first).digests.size).toBe(13))
    store.lose(OURS, told.revision)
    const asked = store.asked()
    expect(await open(id)).toBe('reset')
    expect(store.asked() - asked).toBe(1)
    store.poll(OURS)
    await eventually(() => expect(last(first).event).toBe('reset'))
  })

  it('may be ahead of this process, having been told by another', async () => {
    const { store, joined, subscribe } = feedProcess()
    await joined()
    // Read elsewhere before the poll of this process found it.
    append(store, 2)
    const { cursor } = await store.head(OURS)
    const sink = await subscribe(cursor)
    const revision = store.append(OURS, 'next')
    store.poll(OURS)
    await eventually(() => expect(last(sink).told).toMatchObject({ revision, entries: [{ d: 'next' }] }))
  })
})

describe('between the first pages and what comes', () => {
  it('there is no gap, whatever is revoked meanwhile', async () => {
    const { store, subscribe } = feedProcess({ ring: { maxEvents: 3, maxBytes: 1_000_000 } })
    const written = new Set<string>()
    const write = () => {
      const value = `value-${written.size}`
      store.append(OURS, value)
      written.add(value)
      if (written.size % 3 === 0) store.poll(OURS)
    }
    for (let i = 0; i < 17; i++) write()
    // Each step of anybody who subscribes may find something new.
    const turns = async () => {
      for (let i = 0; i < 400; i++) {
        write()
        await Promise.resolve()
        if (i % 7 === 0) await new Promise(setImmediate)
      }
    }
    const sinks: MemorySink[] = []
    const readers = async () => {
      for (let i = 0; i < 30; i++) {
        sinks.push(await subscribe())
        await new Promise(setImmediate)
      }
    }
    await Promise.all([turns(), readers()])
    store.poll(OURS)
    await eventually(() => {
      for (const sink of sinks) expect(known(sink).digests).toEqual(written)
    })
  })
})

describe('a heartbeat', () => {
  it('says that there is nothing new, and when Postgres was asked', async () => {
    const { store, subscribe } = feedProcess({ heartbeat: 5 })
    const sink = await subscribe()
    await eventually(() => expect(names(sink)).toContain('heartbeat'))
    const before = sink.events().length
    const asked = (performance.timeOrigin + performance.now()) / 1000
    store.poll(OURS)
    await eventually(() => expect(sink.events().length).toBeGreaterThan(before))
    const { event, id, told } = last(sink)
    expect(event).toBe('heartbeat')
    expect(told).toMatchObject({ entries: [], after: 1_000, revision: 1_000, cursor: id, since: id, max_staleness: 5 })
    expect(told.polled_at).toBeGreaterThanOrEqual(asked)
    expect(told.polled_at).toBeLessThan(asked + 5)
  })

  it('is not sent without a poll of its own: who is cut off from Postgres is silent', async () => {
    const { store, subscribe } = feedProcess({ heartbeat: 2 })
    const sink = await subscribe()
    for (let polls = 1; polls <= 3; polls++) {
      await eventually(() => expect(names(sink).filter((name) => name === 'heartbeat')).toHaveLength(polls))
      // Many times as long as a heartbeat takes to come.
      await eventually(async () => {
        for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 2))
      })
      expect(names(sink).filter((name) => name === 'heartbeat')).toHaveLength(polls)
      store.poll(OURS)
    }
  })

  it('is not sent while what the poll has found can not be read', async () => {
    const { store, subscribe, warnings } = feedProcess({ heartbeat: 2 })
    const sink = await subscribe()
    await eventually(() => expect(names(sink)).toContain('heartbeat'))
    store.broken = true
    const revision = store.append(OURS, 'unread')
    const polledFrom = performance.timeOrigin / 1000 + performance.now() / 1000
    for (let i = 0; i < 10; i++) {
      store.poll(OURS)
      await new Promise((resolve) => setTimeout(resolve, 4))
    }
    for (const { told } of sink.events()) expect(told.polled_at ?? 0).toBeLessThan(polledFrom)
    expect(warnings).toHaveLength(1)
    store.broken = false
    store.poll(OURS)
    await eventually(() => expect(known(sink).revision).toBe(revision))
    await eventually(() => expect(last(sink).told.polled_at).toBeGreaterThan(polledFrom))
  })
})

describe('a process', () => {
  it('has so many places and no more, also for those who come at once', async () => {
    const { feed, subscribe, open } = feedProcess({ maxSubscribers: 3 })
    const sinks = await Promise.all(Array.from({ length: 6 }, () => subscribe()))
    expect(sinks.filter((sink) => sink.state() === 'open')).toHaveLength(3)
    expect(feed.subscribers()).toBe(3)
    const refusal = expect(open()).rejects
    await refusal.toMatchObject({
      status: 503,
      reason: 'feed_full',
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    })
    for (const sink of sinks) sink.hangUp()
    expect(feed.subscribers()).toBe(0)
    expect((await subscribe()).state()).toBe('open')
  })

  it('leaves places for others, however many one reader asks for', async () => {
    const { feed, subscribe, open } = feedProcess({ maxSubscribers: 8, maxOfReader: 2 })
    const sinks = await Promise.all(Array.from({ length: 6 }, () => subscribe()))
    expect(sinks.filter((sink) => sink.state() === 'open')).toHaveLength(2)
    await expect(open()).rejects.toMatchObject({ status: 503, reason: 'feed_full_of_reader' })
    expect((await subscribe(undefined, { reader: 'api_2' })).state()).toBe('open')
    expect((await subscribe(undefined, { tenant: ACME })).state()).toBe('open')
    expect(feed.subscribers()).toBe(4)
    for (const sink of sinks) sink.hangUp()
    expect((await subscribe()).state()).toBe('open')
    expect(feed.subscribers()).toBe(3)
  })

  it('lets nobody in while Postgres can not be asked, and everybody after', async () => {
    const { store, open, subscribe } = feedProcess()
    store.broken = true
    await expect(open()).rejects.toThrow('away')
    store.broken = false
    expect(names(await subscribe())).toEqual(['snapshot'])
  })

  it('stops watching a tenant that nobody subscribes to for a while, and not before', async () => {
    const { store, joined } = feedProcess({ idle: 20 })
    const sink = await joined()
    expect(store.watchers(OURS)).toBe(1)
    sink.hangUp()
    expect(store.watchers(OURS)).toBe(1)
    await eventually(() => expect(store.watchers(OURS)).toBe(0))
  })

  it('measures how long a revocation took', async () => {
    const { joined, lags } = feedProcess()
    await joined()
    expect(lags).toEqual([expect.closeTo(1_800_000_000, 0)])
  })
})

describe('two processes over one database', () => {
  it('tell the same, and go on with each other’s cursors', async () => {
    const store = createRevocationStore(5)
    const [one, two] = [feedProcess({}, store), feedProcess({}, store)]
    const first = await one.joined()
    const second = await two.joined()
    append(store, 13)
    store.poll(OURS)
    await eventually(() => {
      for (const sink of [first, second]) expect(known(sink).digests.size).toBe(14)
    })
    first.hangUp()
    const moved = await two.subscribe(last(first).id)
    store.append(OURS, 'moved')
    store.poll(OURS)
    await eventually(() => expect(last(moved).told.entries).toMatchObject([{ d: 'moved' }]))
    expect(last(second).told.revision).toBe(last(moved).told.revision)
  })
})
