import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { createIssuerHttp } from '../../../src/resource-server/issuer-http.js'
import type { Revocations } from '../../../src/resource-server/revocations.js'
import { createStatusListReader, isListOf } from '../../../src/resource-server/status-list-reader.js'
import { eventually } from '../../support/eventually.js'
import { fakeClock, heldKeys, loggedEvents } from '../../support/fake-feed.js'
import { closeFakeLists, fakeLists } from '../../support/fake-lists.js'
import { genuine } from '../../support/feed-reader.js'

const NOW = 1_800_000_000
const open: Revocations[] = []
afterEach(async () => {
  for (const one of open.splice(0)) one.close()
  await closeFakeLists()
})

const soon = () => new Promise((resolve) => setTimeout(resolve, 40))

/** An issuer and a reader of its lists, whose clocks go when they are told to. */
async function reading() {
  const [clock, wall] = [fakeClock(), fakeClock(NOW)]
  const lists = await fakeLists(wall.read)
  const logged = loggedEvents()
  const keys = heldKeys(lists.key)
  const revocations = createStatusListReader({
    http: createIssuerHttp(lists.issuer),
    keys,
    issuer: lists.issuer,
    log: logged.log,
    now: wall.read,
    monotonic: clock.read,
  })
  open.push(revocations)
  const judge = (idx: number, uri = lists.uriOf('one')) =>
    revocations.judge(genuine({ status: { status_list: { idx, uri } } }))
  return { clock, wall, lists, keys, revocations, judge, ...logged }
}

describe('a token in a status list', () => {
  it('is judged by its bit, fetched once and then known at once', async () => {
    const { lists, judge, revocations } = await reading()
    lists.revoke(7)
    lists.revoke(1_000_001)
    expect(revocations.status()).toEqual({ source: 'status_list', age: undefined, bound: 16, entries: 0 })
    await revocations.attempted
    expect(await judge(7)).toBe('revoked')
    expect([judge(6), judge(7), judge(8), judge(1_000_001), judge(2 ** 20 - 1)]).toEqual([
      'live',
      'revoked',
      'live',
      'revoked',
      'live',
    ])
    expect(lists.asked).toMatchObject([
      { path: '/status-lists/one', headers: { accept: 'application/statuslist+jwt' } },
    ])
    expect(lists.asked[0]?.headers).not.toHaveProperty('authorization')
    expect(revocations.status()).toEqual({ source: 'status_list', age: 0, bound: 16, entries: 1 })
    expect(revocations.isKeyRevoked('kid-1')).toBe(false)
  })

  it.each([
    [2, 1, [0, 1, 2, 3]],
    [4, 3, [0, 1, 2, 15]],
    [8, 7, [0, 1, 2, 255]],
  ])('is live at 0 alone, where an entry is of %d bits', async (bits, _, statuses) => {
    const { lists, judge } = await reading()
    lists.bits = bits
    lists.bytes = Buffer.alloc(2 ** 10)
    statuses.forEach((status, index) => {
      const at = index * bits
      lists.bytes[at >> 3] = (lists.bytes[at >> 3] ?? 0) | (status << (at & 7))
    })
    await judge(0)
    expect(statuses.map((_status, index) => judge(index))).toEqual(['live', 'revoked', 'revoked', 'revoked'])
  })

  it('beyond the end of it is refused', async () => {
    const { lists, judge } = await reading()
    lists.bytes = Buffer.alloc(4)
    expect(await judge(31)).toBe('live')
    for (const idx of [32, 2 ** 20, Number.MAX_SAFE_INTEGER, -1, 0.5]) expect(judge(idx)).toBe('revoked')
  })

  it('that is in none is not known to be live, which is told once', async () => {
    const { lists, revocations, events } = await reading()
    expect([revocations.judge(genuine()), revocations.judge(genuine())]).toEqual(['unknown', 'unknown'])
    expect(events).toMatchObject([{ event: 'revocations_refused' }])
    expect(lists.asked).toEqual([])
  })

  it('that points away from its issuer is refused, and nothing is asked', async () => {
    const { lists, judge, events } = await reading()
    const { issuer } = lists
    for (const uri of [
      'http://169.254.169.254/latest/meta-data',
      `${issuer}.example/status-lists/one`,
      `${issuer}@127.0.0.1:1/status-lists/one`,
      `${issuer}/status-lists/../revocations`,
      `${issuer}/status-lists/%2e%2e/revocations`,
      `${issuer}/status-lists/..`,
      `${issuer}/status-lists/one?x`,
      `${issuer}/status-lists/one#x`,
      `${issuer}/status-lists/one/two`,
      `${issuer}/status-lists/`,
      `${issuer}/status-lists`,
      `${issuer}/t/other/status-lists/one`,
      issuer.replace('http', 'HTTP').concat('/status-lists/one'),
      `${issuer}/status-lists/${'x'.repeat(5_000)}`,
    ]) {
      expect(judge(0, uri)).toBe('revoked')
    }
    await soon()
    expect(lists.asked).toEqual([])
    expect(events).toHaveLength(1)
    expect(isListOf(issuer, lists.uriOf('A-z_9'))).toBe(true)
  })
})

describe('a list', () => {
  it('is good for its ttl from when it was asked for, and fetched again before it is over', async () => {
    const { clock, lists, judge } = await reading()
    await judge(7)
    clock.now += 7
    expect(judge(7)).toBe('live')
    await soon()
    expect(lists.asked).toHaveLength(1)
    lists.revoke(7)
    clock.now += 1
    // Half of it is over: what is known is answered, and asked for again.
    expect(judge(7)).toBe('live')
    await eventually(() => expect(judge(7)).toBe('revoked'))
    expect(lists.asked).toHaveLength(2)
    clock.now += 15
    expect(judge(9)).toBe('live')
  })

  it('past its ttl is waited for, however many ask, once', async () => {
    const { clock, lists, judge } = await reading()
    await judge(7)
    lists.revoke(7)
    clock.now += 15.001
    const asked = [judge(7), judge(8), judge(7)]
    expect(asked.every((one) => one instanceof Promise)).toBe(true)
    expect(await Promise.all(asked)).toEqual(['revoked', 'live', 'revoked'])
    expect(lists.asked).toHaveLength(2)
  })

  it('that can not be had makes its tokens unknown, but for those it has shown revoked; it is asked for once a second', async () => {
    const { clock, lists, judge, names } = await reading()
    lists.revoke(3)
    await judge(7)
    lists.answer = (_, response) => void response.writeHead(503).end()
    clock.now += 15.001
    expect(judge(3)).toBe('revoked')
    expect([await judge(7), await judge(7), await judge(8)]).toEqual(['unknown', 'unknown', 'unknown'])
    expect(lists.asked).toHaveLength(2)
    clock.now += 1
    expect(await judge(7)).toBe('unknown')
    expect(lists.asked).toHaveLength(3)
    expect(names()).toEqual(['fetch_failed', 'stale'])
    lists.answer = (_, response) => lists.send(response, lists.token('one'))
    clock.now += 1
    expect(await judge(7)).toBe('live')
    expect(names()).toEqual(['fetch_failed', 'stale', 'fresh'])
  })

  it('that does not come is not waited for without end', async () => {
    const { lists, judge } = await reading()
    lists.answer = () => {}
    const asked = performance.now()
    expect(await judge(7)).toBe('unknown')
    expect(performance.now() - asked).toBeLessThan(10_000)
  })

  it('counts from when it was asked for, not from when it came', async () => {
    const { clock, lists, judge } = await reading()
    lists.answer = (_, response) => {
      clock.now += 10
      lists.send(response, lists.token('one'))
    }
    await judge(7)
    clock.now += 5.001
    expect(judge(7)).toBeInstanceOf(Promise)
  })

  it('does not take a revocation back, whatever copy of it comes', async () => {
    const { clock, lists, judge } = await reading()
    lists.revoke(7)
    await judge(7)
    lists.bytes = Buffer.alloc(2 ** 17)
    lists.revoke(8)
    clock.now += 16
    expect(await judge(8)).toBe('revoked')
    expect([judge(7), judge(9)]).toEqual(['revoked', 'live'])
  })

  it('is asked for with what is known of it, and may be unchanged', async () => {
    const { clock, wall, lists, judge } = await reading()
    const token = lists.token('one')
    lists.answer = (request, response) => {
      if (request.headers['if-none-match'] === '"e1"') response.writeHead(304).end()
      else lists.send(response, token, { etag: '"e1"' })
    }
    await judge(7)
    clock.now += 16
    expect(await judge(7)).toBe('live')
    expect(lists.asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"e1"'])
    // Unchanged for ever is not live for ever.
    clock.now += 241
    wall.now += 241
    expect(await judge(7)).toBe('unknown')
  })

  it.each<[string, string, (lists: Awaited<ReturnType<typeof fakeLists>>) => unknown]>([
    ['of another address', 'invalid_claims', (lists) => Object.assign(lists.claims, { sub: lists.uriOf('two') })],
    ['of another issuer', 'wrong_issuer', (lists) => Object.assign(lists.claims, { iss: 'https://id.example' })],
    ['of another type', 'wrong_type', (lists) => Object.assign(lists.header, { typ: 'at+jwt' })],
    ['without iat', 'invalid_claims', (lists) => Object.assign(lists.claims, { iat: undefined })],
    ['without exp', 'invalid_claims', (lists) => Object.assign(lists.claims, { exp: undefined })],
    ['that is over', 'invalid_claims', (lists) => Object.assign(lists.claims, { iat: NOW - 200, exp: NOW - 61 })],
    [
      'that ends before it begins',
      'invalid_claims',
      (lists) => Object.assign(lists.claims, { iat: NOW + 99, exp: NOW + 99 }),
    ],
    ['without ttl', 'invalid_claims', (lists) => Object.assign(lists.claims, { ttl: undefined })],
    ['with a ttl of 0', 'invalid_claims', (lists) => Object.assign(lists.claims, { ttl: 0 })],
    ['with a ttl below 0', 'invalid_claims', (lists) => Object.assign(lists.claims, { ttl: -15 })],
    ['with a ttl that is text', 'invalid_claims', (lists) => Object.assign(lists.claims, { ttl: '15' })],
    ['without a list', 'invalid_claims', (lists) => Object.assign(lists.claims, { status_list: undefined })],
    ['of 3 bits', 'invalid_claims', (lists) => Object.assign(lists, { bits: 3 })],
    ['of no bits', 'invalid_claims', (lists) => Object.assign(lists, { bits: 0 })],
    [
      'that is not deflated',
      'invalid_claims',
      (lists) => Object.assign(lists.claims, { status_list: { bits: 1, lst: 'AAAA' } }),
    ],
    [
      'that is not base64url',
      'invalid_claims',
      (lists) => Object.assign(lists.claims, { status_list: { bits: 1, lst: '*' } }),
    ],
    [
      'that is larger than it says when it is inflated',
      'invalid_claims',
      (lists) => Object.assign(lists, { bytes: Buffer.alloc(2 ** 17 + 1) }),
    ],
    ['that is no JWS', 'malformed', (lists) => Object.assign(lists, { token: () => 'list' })],
    [
      'that is longer than is read',
      'answer',
      (lists) => Object.assign(lists, { token: () => 'x'.repeat(2 ** 21 + 1) }),
    ],
  ])('%s is not believed', async (_, why, change) => {
    const { lists, judge, events } = await reading()
    change(lists)
    expect(await judge(7)).toBe('unknown')
    expect(events[0]).toMatchObject({ detail: { why: expect.stringContaining(why) } })
  })

  it('signed by somebody else is not believed', async () => {
    const { lists, judge, events } = await reading()
    lists.signedBy = { ...(await generateSigningKey('ES256')), kid: lists.key.kid }
    expect(await judge(7)).toBe('unknown')
    expect(events[0]).toMatchObject({ event: 'revocations_refused', detail: { why: 'bad_signature' } })
  })

  it('signed with a key that is new has the keys asked for', async () => {
    const { lists, keys, judge } = await reading()
    const next = await generateSigningKey('ES256')
    lists.signedBy = next
    keys.onRefresh = () => keys.add(next)
    expect(await judge(7)).toBe('live')
    expect(keys.refreshed).toHaveLength(1)
  })

  it.each([
    [1, 5],
    [86_400, 300],
  ])('with a ttl of %d s is good for %d', async (ttl, good) => {
    const { clock, lists, judge, revocations } = await reading()
    Object.assign(lists.claims, { ttl, exp: NOW + 100_000 })
    await judge(7)
    clock.now += good
    expect(judge(7)).toBe('live')
    expect(revocations.status().bound).toBe(good + 1)
    await soon()
    clock.now += good + 0.001
    expect(judge(7)).toBeInstanceOf(Promise)
  })

  it('of a clock that is a minute behind is taken, and a jump of the time of day makes it no younger', async () => {
    const { clock, wall, lists, judge } = await reading()
    Object.assign(lists.claims, { iat: NOW - 239, exp: NOW - 59 })
    expect(await judge(7)).toBe('live')
    lists.answer = (_, response) => void response.writeHead(500).end()
    wall.now -= 86_400
    clock.now += 15.001
    expect(await judge(7)).toBe('unknown')
  })
})

describe('lists', () => {
  it('are fetched four at a time', async () => {
    const { lists, judge } = await reading()
    const waiting: ServerResponse[] = []
    let most = 0
    lists.answer = (_, response) => {
      waiting.push(response)
      most = Math.max(most, waiting.length)
    }
    const asked = Array.from({ length: 12 }, (_, i) => judge(0, lists.uriOf(`list-${i}`)))
    for (let answered = 0; answered < 12; answered++) {
      await eventually(() => expect(waiting.length).toBe(Math.min(4, 12 - answered)))
      const name = lists.asked.at(answered)?.path.split('/').at(-1) ?? ''
      lists.send(waiting.shift() as ServerResponse, lists.token(name))
    }
    await Promise.all(asked)
    expect(most).toBe(4)
  })

  it('are kept up to 64, those that were not asked for longest going first, and those that are over before', async () => {
    const { clock, wall, lists, judge, revocations } = await reading()
    lists.bytes = Buffer.alloc(8)
    for (let i = 0; i < 64; i++) {
      clock.now += 0.001
      await judge(0, lists.uriOf(`list-${i}`))
    }
    clock.now += 0.001
    expect(judge(0, lists.uriOf('list-0'))).toBe('live')
    await judge(0, lists.uriOf('one-more'))
    expect(revocations.status().entries).toBe(64)
    expect(judge(0, lists.uriOf('list-0'))).toBe('live')
    expect(judge(0, lists.uriOf('list-1'))).toBeInstanceOf(Promise)
    await soon()
    wall.now += 241
    await judge(0, lists.uriOf('another-hour'))
    expect(revocations.status().entries).toBe(1)
  })

  it('are not asked for any more when the reader is closed', async () => {
    const { clock, lists, judge, revocations, names } = await reading()
    await judge(7)
    lists.answer = () => {}
    clock.now += 16
    const waiting = judge(7)
    await eventually(() => expect(lists.asked).toHaveLength(2))
    revocations.close()
    expect(await waiting).toBe('unknown')
    expect(await judge(7)).toBe('unknown')
    expect(lists.asked).toHaveLength(2)
    expect(names()).toEqual([])
  })
})
