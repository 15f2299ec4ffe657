import { afterEach, describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { eventually } from '../../support/eventually.js'
import { closeFakeFeeds, fakeClock, fakeFeed } from '../../support/fake-feed.js'
import { closeReaders, readFeed } from '../../support/feed-reader.js'

afterEach(async () => {
  closeReaders()
  await closeFakeFeeds()
})

const soon = () => new Promise((resolve) => setTimeout(resolve, 60))

/** An issuer and a reader whose common clock stands still unless it is moved. */
async function still(options: Parameters<typeof readFeed>[1] & { readonly maxStaleness?: number } = {}) {
  const clock = fakeClock()
  const feed = await fakeFeed({ clock: clock.read })
  feed.maxStaleness = options.maxStaleness ?? 5
  feed.revoke('jti', 'before')
  const reader = readFeed(feed, { clock, ...options })
  return { clock, feed, ...reader }
}

describe('a reader of the feed', () => {
  it('knows nothing at first, then everything, and hears what comes', async () => {
    const { feed, revocations, verdict, names } = await still()
    expect(verdict()).toBe('unknown')
    await revocations.attempted
    expect([verdict(), verdict({ jti: 'before' })]).toEqual(['live', 'revoked'])
    feed.revoke('sub', 'ann', { r: 60 })
    await eventually(() => expect(verdict()).toBe('revoked'))
    // Signed in again since.
    expect(verdict({ rev: 60 })).toBe('live')
    expect(revocations.status()).toEqual({ source: 'feed', age: 0, bound: 5, entries: 2 })
    expect(names()).toEqual(['connected'])
    expect(feed.ofPages()).toEqual([])
  })

  it('asks with its credentials, for events, naming the keys it holds', async () => {
    const { feed, keys, revocations } = await still()
    await revocations.attempted
    const [asked] = feed.asked
    expect(asked?.url.searchParams.getAll('kid')).toEqual(keys.kids())
    expect(asked?.headers).toMatchObject({
      accept: 'text/event-stream',
      authorization: `Basic ${Buffer.from('api_1:secret+of+%2F+api').toString('base64')}`,
    })
    expect(asked?.headers).not.toHaveProperty('last-event-id')
  })

  it('goes on after what it knows when a stream ends', async () => {
    const { feed, revocations, verdict, names } = await still()
    await revocations.attempted
    const onStream = feed.onStream
    feed.onStream = (_, response) => feed.answer(response, 500)
    feed.onPage = (_, response) => feed.answer(response, 500)
    feed.hangUp()
    await eventually(() => expect(feed.ofStreams().length).toBeGreaterThan(2))
    feed.revoke('jti', 'token-1')
    expect(verdict()).toBe('live')
    feed.onStream = onStream
    await eventually(() => expect(verdict()).toBe('revoked'))
    expect(feed.ofStreams().at(-1)?.headers['last-event-id']).toBe('1.101')
    // What was told before is known, though it was not told again.
    expect(verdict({ jti: 'before' })).toBe('revoked')
    expect(names().filter((name) => name !== 'fetch_failed')).toEqual(['connected', 'disconnected', 'connected'])
  })

  it('reads any number of pages', async () => {
    const feed = await fakeFeed({ pageSize: 7 })
    feed.fill(100)
    const { revocations, verdict } = readFeed(feed)
    await revocations.attempted
    expect(revocations.status().entries).toBe(100)
    expect([verdict(), verdict({ jti: 'filled-99' })]).toEqual(['live', 'revoked'])
  })

  it('ends when it is told to, and asks no more', async () => {
    const { feed, revocations, verdict, clock } = await still()
    await revocations.attempted
    revocations.close()
    await eventually(() => expect(feed.streams()).toBe(0))
    const asked = feed.asked.length
    clock.now += 5
    await soon()
    expect(feed.asked).toHaveLength(asked)
    clock.now += 0.1
    expect([verdict(), verdict({ jti: 'before' })]).toEqual(['unknown', 'revoked'])
  })

  it('that is closed before it has begun does not begin, and keeps nobody waiting', async () => {
    const feed = await fakeFeed()
    const { revocations } = readFeed(feed)
    revocations.close()
    await revocations.attempted
    await soon()
    expect(feed.asked).toEqual([])
  })
})

describe('how old what is known is', () => {
  it('is counted from the request, by what the server says of its own clock', async () => {
    const { clock, feed, revocations, verdict } = await still({ maxStaleness: 60 })
    await revocations.attempted
    clock.now += 20
    expect(revocations.status().age).toBe(20)
    // Postgres was asked a second before.
    feed.polledAt = () => clock.now + 7_000 - 1
    feed.beat()
    await eventually(() => expect(revocations.status().age).toBe(1))
    clock.now += 10
    // Sent late, it says no more than that.
    feed.beat()
    await eventually(() => expect(revocations.status().age).toBe(1))
    expect(verdict()).toBe('live')
  })

  it('is seen although our clock has lost time to the server’s', async () => {
    const { clock, feed, revocations } = await still({ maxStaleness: 60 })
    await revocations.attempted
    const ahead = clock.now + 7_000 + 30
    feed.polledAt = () => ahead
    clock.now += 4
    feed.beat()
    await eventually(() => expect(revocations.status().age).toBe(0))
    // Held back on its way: it says what the one before has said.
    clock.now += 4
    feed.beat()
    await soon()
    expect(revocations.status().age).toBe(4)
  })

  it('is how long the server has not reached its database, from the first moment of a stream', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    feed.polledAt = () => clock.now + 7_000 - 4
    feed.onPage = (_, response) => feed.answer(response, 503)
    const { revocations, verdict } = readFeed(feed, { clock })
    await revocations.attempted
    expect(revocations.status().age).toBe(4)
    expect(verdict()).toBe('live')
    clock.now += 1.1
    expect(verdict()).toBe('unknown')
  })

  it('is never less than it is because a stream is slow to begin', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    feed.maxStaleness = 60
    feed.onStream = (request, response) => {
      // Taken in at once, answered after three seconds; the database was asked when it was taken in.
      const openedAt = clock.now + 7_000
      feed.polledAt = () => openedAt
      clock.now += 3
      feed.stream(request, response, openedAt)
    }
    const { revocations } = readFeed(feed, { clock })
    await revocations.attempted
    expect(revocations.status().age).toBe(3)
  })

  it('passes the bound when nothing is heard, which is told once, and until it is', async () => {
    const { clock, feed, revocations, verdict, names } = await still()
    await revocations.attempted
    feed.onPage = (_, response) => feed.answer(response, 500)
    feed.onStream = (_, response) => feed.answer(response, 500)
    feed.hangUp()
    // Revoked while it is deaf: whatever it knows, it must not say that the token is live for longer than the bound.
    feed.revoke('jti', 'token-1')
    clock.now += 5
    expect(verdict()).toBe('live')
    clock.now += 0.001
    expect(verdict()).toBe('unknown')
    expect(verdict({ jti: 'before' })).toBe('revoked')
    await eventually(() => expect(names()).toContain('stale'))
    clock.now += 100
    await soon()
    feed.onStream = (request, response) => feed.stream(request, response)
    await eventually(() => expect(names()).toContain('fresh'))
    expect(verdict()).toBe('revoked')
    expect(verdict({ jti: 'other' })).toBe('live')
    expect(names().filter((name) => name === 'stale')).toHaveLength(1)
    expect(names().filter((name) => name === 'fetch_failed')).toHaveLength(2)
  })

  it('has a bound that the issuer may change, within reason', async () => {
    const { feed, revocations } = await still()
    await revocations.attempted
    feed.maxStaleness = 9
    feed.beat()
    await eventually(() => expect(revocations.status().bound).toBe(9))
    feed.maxStaleness = 86_400
    feed.beat()
    await eventually(() => expect(revocations.status().bound).toBe(60))
  })

  it('is not told by a heartbeat of a revision that is not known: that is a gap, and all is asked for again', async () => {
    const { clock, feed, revocations, verdict } = await still({ maxStaleness: 60 })
    await revocations.attempted
    clock.now += 10
    feed.onPage = (_, response) => feed.answer(response, 500)
    // Held back by somebody in between.
    feed.fill(1)
    feed.beat()
    await eventually(() => expect(feed.ofStreams()).toHaveLength(2))
    expect(feed.ofStreams().at(-1)?.headers).not.toHaveProperty('last-event-id')
    await eventually(() => expect(revocations.status()).toMatchObject({ age: 0, entries: 2 }))
    expect(verdict({ jti: 'filled-0' })).toBe('revoked')
  })
})

describe('what the issuer has not signed', () => {
  const stranger = generateSigningKey('ES256')

  it('is not believed, nor anything else of its stream', async () => {
    const { clock, feed, revocations, verdict, names } = await still({ maxStaleness: 60 })
    await revocations.attempted
    clock.now += 10
    feed.onPage = (_, response) => feed.answer(response, 500)
    feed.onStream = (_, response) => feed.answer(response, 500)
    feed.signedBy = { ...(await stranger), kid: feed.key.kid }
    feed.revoke('jti', 'token-1')
    // In the same breath, with the right key.
    feed.signedBy = feed.key
    feed.revoke('jti', 'token-2')
    feed.beat()
    await eventually(() => expect(names()).toContain('disconnected'))
    expect([verdict(), verdict({ jti: 'token-2' })]).toEqual(['live', 'live'])
    expect(revocations.status().age).toBe(10)
    expect(names()).toContain('revocations_refused')
  })

  it.each<[string, (feed: Awaited<ReturnType<typeof still>>['feed']) => string]>([
    ['a heartbeat of another issuer', (feed) => feed.sign({ ...JSON.parse(beatOf(feed)), iss: 'https://id.example' })],
    ['a heartbeat of another type', (feed) => feed.sign(JSON.parse(beatOf(feed)), { typ: 'at+jwt' })],
    ['a heartbeat with claims that are none', (feed) => feed.sign({ ...JSON.parse(beatOf(feed)), revision: 'x' })],
    ['no JWS', () => 'eyJ9.e30.x'],
    ['a JWS that is cut off', (feed) => feed.heartbeat().slice(0, -9)],
  ])('as %s does not make anything younger', async (_, jws) => {
    const { clock, feed, revocations, names } = await still({ maxStaleness: 60 })
    await revocations.attempted
    clock.now += 10
    feed.onPage = (_request, response) => feed.answer(response, 500)
    feed.onStream = (_request, response) => feed.answer(response, 500)
    feed.tell(`event: heartbeat\ndata: ${jws(feed)}\n\n`)
    await eventually(() => expect(names()).toContain('revocations_refused'))
    expect(revocations.status().age).toBe(10)
  })

  it('is refused in pages too', async () => {
    const feed = await fakeFeed()
    feed.signedBy = { ...(await stranger), kid: feed.key.kid }
    const { revocations, verdict, names } = readFeed(feed, { hasStream: false })
    await revocations.attempted
    expect([verdict(), revocations.status().entries]).toEqual(['unknown', 0])
    expect(names()).toEqual(['revocations_refused'])
  })

  it('may be signed with a key that is new: then the keys are asked for', async () => {
    const { feed, keys, revocations, verdict } = await still()
    await revocations.attempted
    const next = await stranger
    keys.onRefresh = () => keys.add(next)
    feed.signedBy = next
    feed.revoke('jti', 'token-1')
    await eventually(() => expect(verdict()).toBe('revoked'))
    expect(keys.refreshed).toEqual([undefined])
    // And the issuer hears that it is held.
    await eventually(() => expect(feed.ofPages().at(-1)?.url.searchParams.getAll('kid')).toContain(next.kid))
    expect(feed.ofPages()).toHaveLength(1)
  })
})

const beatOf = (feed: Awaited<ReturnType<typeof fakeFeed>>) =>
  Buffer.from(feed.heartbeat().split('.')[1] ?? '', 'base64url').toString()

describe('a signing key', () => {
  it('that is revoked is known at once, and the keys are asked for without waiting', async () => {
    const { feed, keys, revocations } = await still()
    await revocations.attempted
    expect(revocations.isKeyRevoked('stolen')).toBe(false)
    feed.revoke('kid', 'stolen')
    await eventually(() => expect(revocations.isKeyRevoked('stolen')).toBe(true))
    expect(revocations.isKeyRevoked('other')).toBe(false)
    expect(keys.refreshed).toEqual([{ urgent: true }])
    // Told again, it is no news.
    feed.hangUp()
    await eventually(() => expect(feed.ofStreams()).toHaveLength(2))
    await soon()
    expect(keys.refreshed).toHaveLength(1)
  })

  it('that is new here is told to the issuer at once, and one that is not is not', async () => {
    const { feed, keys, revocations } = await still()
    await revocations.attempted
    for (const listener of keys.listeners) listener()
    await soon()
    expect(feed.ofPages()).toEqual([])
    const next = await generateSigningKey('ES256')
    keys.add(next)
    await eventually(() => expect(feed.ofPages()).toHaveLength(1))
    expect(feed.ofPages()[0]?.url.searchParams.getAll('kid')).toEqual([feed.key.kid, next.kid])
    expect(feed.ofPages()[0]?.url.searchParams.get('since')).toBe('1.101')
  })
})

describe('another history', () => {
  it('is begun anew, and what was known counts until that is whole', async () => {
    // Time stands still, so that nothing but what is told ends the stream.
    const clock = fakeClock()
    const feed = await fakeFeed({ pageSize: 2, clock: clock.read })
    feed.fill(5)
    feed.revoke('jti', 'kept')
    const { revocations, verdict } = readFeed(feed, { clock })
    await revocations.attempted
    expect(verdict({ jti: 'kept' })).toBe('revoked')
    feed.lose(103)
    let proceed = () => {}
    // Page by page: after the first, nothing for a while.
    feed.onStream = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      const first = feed.page(undefined)
      feed.send(response, 'snapshot', feed.sign(first))
      proceed = () => {
        const rest = feed.page(first.revision)
        feed.send(response, 'snapshot', feed.sign(rest))
      }
    }
    feed.onPage = (_, response) => feed.answer(response, 410)
    feed.tell('event: reset\ndata: {"error":"reset"}\n\n')
    await eventually(() => expect(feed.ofStreams()).toHaveLength(2))
    expect(feed.ofStreams().at(-1)?.headers).not.toHaveProperty('last-event-id')
    await soon()
    expect(verdict({ jti: 'kept' })).toBe('revoked')
    proceed()
    await eventually(() => expect(revocations.status().entries).toBe(3))
    expect(verdict({ jti: 'filled-0' })).toBe('revoked')
  })

  it('is begun anew where a cursor is refused', async () => {
    const { feed, revocations, verdict } = await still()
    await revocations.attempted
    feed.hangUp()
    feed.lose(100)
    feed.revoke('jti', 'token-1')
    await eventually(() => expect(verdict()).toBe('revoked'))
    await eventually(() => expect(verdict({ jti: 'before' })).toBe('live'))
  })
})
