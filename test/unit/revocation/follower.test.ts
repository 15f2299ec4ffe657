import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { TokenClaims } from '../../../src/oauth/ports.js'
import { follow } from '../../../src/revocation/follower.js'
import { entryDigest } from '../../../src/wire/revocation-list.js'
import { createRevocationStore } from '../../support/revocation-store.js'

const TENANT = 'tenant-1'
const MINUTE = 60_000

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** Whatever the fake store has to do is done. */
const settled = () => new Promise((resolve) => setImmediate(resolve))
const token = (jti: string) => ({ jti, sub: '', aud: '', client_id: '', iss: '', rev: 0 }) as TokenClaims

function setUp({ pageSize = 2, room = 100 } = {}) {
  const store = createRevocationStore(pageSize)
  const warn = vi.fn()
  const seen = { held: 0, wanted: true, ended: [] as string[] }
  const follower = follow(TENANT, {
    revocations: store,
    watch: store.watch,
    log: { warn },
    hold: (more) => {
      seen.held += more
      return seen.held <= room
    },
    wanted: () => seen.wanted,
    ended: (why) => void seen.ended.push(why),
  })
  const revoke = (jti: string) => store.append(TENANT, entryDigest('jti', jti))
  /** What a poll finds that begins a moment later than all before it. */
  const poll = async () => {
    vi.advanceTimersByTime(1)
    store.poll(TENANT)
    await settled()
  }
  const isDead = (jti: string, within = MINUTE) => {
    const known = follower.known(within)
    return known && known.find(token(jti), undefined) === 'jti'
  }
  return { store, follower, seen, warn, revoke, poll, isDead }
}

/** One that has read everything, and heard in a poll that it has. */
async function following(options?: Parameters<typeof setUp>[0]) {
  const all = setUp(options)
  for (const jti of ['a', 'b', 'c']) all.revoke(jti)
  await settled()
  await all.poll()
  expect(all.isDead('c')).toBe(true)
  return all
}

describe('what is known', () => {
  it('is nothing before all pages are read, and a poll that began later found nothing else', async () => {
    const { store, poll, isDead, revoke } = setUp()
    for (const jti of ['a', 'b', 'c']) revoke(jti)
    expect(isDead('a')).toBeUndefined()
    await settled()
    expect(store.asked()).toBe(2)
    expect(isDead('a')).toBeUndefined()
    await poll()
    expect(['a', 'b', 'c', 'd'].map((jti) => isDead(jti))).toEqual([true, true, true, false])
  })

  it('is as old as the start of the poll, by a clock that never jumps', async () => {
    const { store, poll, isDead } = await following()
    vi.advanceTimersByTime(5_000)
    expect(isDead('a', 4_999)).toBeUndefined()
    await poll()
    vi.advanceTimersByTime(5_000)
    expect(isDead('a', 5_000)).toBe(true)
    // Postgres answers no poll: nothing is told of it, and what was known grows old.
    store.broken = true
    vi.advanceTimersByTime(1)
    expect(isDead('a', 5_000)).toBeUndefined()
  })

  it('grows by what came, page by page, and is confirmed by the poll that told of it', async () => {
    const { poll, isDead, revoke } = await following()
    for (const jti of ['d', 'e', 'f']) revoke(jti)
    await poll()
    expect(['d', 'e', 'f', 'g'].map((jti) => isDead(jti, 0))).toEqual([true, true, true, false])
  })

  it('is not confirmed by a poll that found more than was read', async () => {
    const { store, poll, isDead, revoke } = await following()
    vi.advanceTimersByTime(5_000)
    let release = () => {}
    store.held = new Promise<void>((resolve) => {
      release = resolve
    })
    revoke('d')
    await poll()
    expect(isDead('d', 4_000)).toBeUndefined()
    // One more is committed between the poll and the read.
    revoke('e')
    release()
    await settled()
    expect([isDead('d', 4_000), isDead('e', 4_000)]).toEqual([true, true])
  })

  it('is read again from the beginning when Postgres has another history, and nothing meanwhile', async () => {
    const { store, seen, poll, isDead, revoke } = await following()
    store.failOver()
    revoke('d')
    let release = () => {}
    await poll()
    store.held = new Promise<void>((resolve) => {
      release = resolve
    })
    store.lose(TENANT, 1_001)
    await poll()
    expect(isDead('a')).toBeUndefined()
    // While all is read anew, it changes once more.
    store.failOver()
    release()
    await settled()
    await poll()
    await poll()
    expect([isDead('a'), isDead('b'), isDead('d')]).toEqual([true, false, false])
    expect(seen.held).toBe(1)
  })

  it('is nothing while pages fail; with the next poll they are read again', async () => {
    const { store, warn, poll, isDead, revoke } = setUp()
    revoke('a')
    store.broken = true
    await settled()
    await poll()
    expect(isDead('a')).toBeUndefined()
    expect(warn).toHaveBeenCalledTimes(1)
    store.broken = false
    await poll()
    expect(isDead('a')).toBe(true)
  })

  it('is forgotten when it is over by the database’s clock and two minutes more', async () => {
    const { seen, poll, isDead, revoke } = await following()
    vi.advanceTimersByTime((1_000 + 119) * 1_000)
    await poll()
    expect([isDead('a'), seen.held]).toEqual([true, 3])
    vi.advanceTimersByTime(1_000)
    await poll()
    await poll()
    expect([isDead('a'), seen.held]).toEqual([false, 0])
    revoke('d')
    await poll()
    expect([isDead('d'), seen.held]).toEqual([true, 1])
  })
})

describe('catching up', () => {
  it('is done when what was committed before is known', async () => {
    const { follower, isDead, revoke } = await following()
    revoke('d')
    expect(isDead('d')).toBe(false)
    await follower.caughtUp()
    expect(isDead('d')).toBe(true)
  })

  it('reads once for all who ask before the read begins, and again for those who ask later', async () => {
    const { store, follower, isDead, revoke } = await following()
    let release = () => {}
    store.held = new Promise<void>((resolve) => {
      release = resolve
    })
    const before = store.asked()
    const first = follower.caughtUp()
    await settled()
    revoke('d')
    const others = [follower.caughtUp(), follower.caughtUp()]
    release()
    await Promise.all([first, ...others])
    expect([store.asked() - before, isDead('d')]).toEqual([2, true])
  })

  it('leaves nothing known when it fails, and a poll that began before changes nothing about that', async () => {
    const { store, follower, poll, isDead, revoke } = await following()
    const earlier = { startedAt: performance.now(), revision: 1_003, configRevision: 0 }
    vi.advanceTimersByTime(1)
    revoke('d')
    store.broken = true
    await follower.caughtUp()
    expect(isDead('a')).toBeUndefined()
    store.tell(TENANT, earlier)
    expect(isDead('a')).toBeUndefined()
    store.broken = false
    await poll()
    expect([isDead('a'), isDead('d')]).toEqual([true, true])
  })

  it('waits for a second at most, and knows nothing until a later poll when that was too short', async () => {
    const { store, follower, poll, isDead, revoke } = await following()
    let release = () => {}
    store.held = new Promise<void>((resolve) => {
      release = resolve
    })
    revoke('d')
    const waiting = follower.caughtUp()
    await vi.advanceTimersByTimeAsync(1_000)
    await waiting
    expect(isDead('a')).toBeUndefined()
    store.held = undefined
    release()
    await settled()
    await poll()
    expect([isDead('a'), isDead('d')]).toEqual([true, true])
  })

  it('waits for nothing while everything is being read, which then waits for a later poll', async () => {
    const { store, follower, poll, isDead, revoke } = setUp()
    let release = () => {}
    store.held = new Promise<void>((resolve) => {
      release = resolve
    })
    store.poll(TENANT)
    await settled()
    vi.advanceTimersByTime(1)
    revoke('d')
    await follower.caughtUp()
    release()
    await settled()
    await settled()
    expect(isDead('d')).toBeUndefined()
    await poll()
    expect(isDead('d')).toBe(true)
  })
})

describe('a follower ends', () => {
  it.each([
    { why: 'gone', end: ({ store }: Awaited<ReturnType<typeof following>>) => store.remove(TENANT) },
    {
      why: 'unwanted',
      end: ({ seen }: Awaited<ReturnType<typeof following>>) => {
        seen.wanted = false
      },
    },
    { why: 'stopped', end: ({ follower }: Awaited<ReturnType<typeof following>>) => follower.stop() },
  ])('and holds and watches nothing any more: $why', async ({ why, end }) => {
    const all = await following()
    end(all)
    await all.poll()
    expect(all.seen).toMatchObject({ held: 0, ended: [why] })
    expect([all.isDead('a'), all.store.watchers(TENANT)]).toEqual([undefined, 0])
    await all.follower.caughtUp()
    expect(all.isDead('a')).toBeUndefined()
  })

  it('when there is no room for all', async () => {
    const { seen, isDead, revoke, poll } = await following({ room: 4 })
    revoke('d')
    await poll()
    expect([isDead('d'), seen.held]).toEqual([true, 4])
    revoke('e')
    await poll()
    expect([isDead('d'), seen.held, seen.ended]).toEqual([undefined, 0, ['full']])
  })
})
