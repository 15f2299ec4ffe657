import { afterEach, describe, expect, it, vi } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { createIssuerDocuments, type IssuerDocuments } from '../../../src/resource-server/issuer-documents.js'
import { createIssuerHttp } from '../../../src/resource-server/issuer-http.js'
import { metadataUrl, parseMetadata } from '../../../src/resource-server/issuer-metadata.js'
import { parseSigningKeys } from '../../../src/resource-server/signing-keys.js'
import type { VerifierEvent } from '../../../src/resource-server/verifier-event.js'
import { eventually } from '../../support/eventually.js'
import { newPrivateJwk } from '../../support/jwk.js'
import { stubIssuer } from '../../support/stub-issuer.js'

const ISSUER = 'https://login.example'

describe('the address of the metadata', () => {
  it.each([
    { given: 'https://login.example', expect: 'https://login.example/.well-known/oauth-authorization-server' },
    {
      given: 'https://login.example/t/one',
      expect: 'https://login.example/.well-known/oauth-authorization-server/t/one',
    },
    { given: 'http://localhost:3000', expect: 'http://localhost:3000/.well-known/oauth-authorization-server' },
  ])('of $given is $expect', ({ given, expect: expected }) => {
    expect(metadataUrl(given)).toBe(expected)
  })
})

describe('metadata', () => {
  const good = { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` }

  it('has its defaults where the server says nothing', () => {
    expect(parseMetadata(good, ISSUER)).toEqual({
      jwksUri: `${ISSUER}/jwks`,
      jwksMaxAge: 300,
      maxTokenLifetime: 3600,
      introspectionEndpoint: undefined,
      feed: undefined,
    })
  })

  it.each([
    { name: 'is of another issuer', given: { ...good, issuer: 'https://login.example.evil' } },
    { name: 'is of the same issuer in another spelling', given: { ...good, issuer: `${ISSUER}/` } },
    { name: 'has no issuer', given: { jwks_uri: good.jwks_uri } },
    { name: 'has its keys at another origin', given: { ...good, jwks_uri: 'https://keys.example/jwks' } },
    { name: 'has its keys at another port', given: { ...good, jwks_uri: 'https://login.example:444/jwks' } },
    { name: 'has its keys over http', given: { ...good, jwks_uri: 'http://login.example/jwks' } },
    { name: 'has no keys', given: { issuer: ISSUER } },
    { name: 'is an array', given: [good] },
    { name: 'is nothing', given: undefined },
  ])('is refused when it $name', ({ given }) => {
    expect(parseMetadata(given, ISSUER)).toBeTypeOf('string')
  })

  it('gives no endpoint of another origin', () => {
    const evil = {
      introspection_endpoint: 'https://evil.example/i',
      revocation_list_endpoint: 'https://evil.example/r',
    }
    expect(parseMetadata({ ...good, ...evil }, ISSUER)).toMatchObject({
      introspectionEndpoint: undefined,
      feed: undefined,
    })
  })

  it.each([
    { given: 1e9, expect: 60 },
    { given: -1, expect: 2 },
    { given: '5', expect: 5 },
    { given: Number.NaN, expect: 5 },
    { given: 7, expect: 7 },
  ])('keeps the bound within what is sane: $given is $expect', ({ given, expect: maxStaleness }) => {
    const feed = { revocation_list_endpoint: `${ISSUER}/r`, revocation_list_max_staleness: given }
    expect(parseMetadata({ ...good, ...feed }, ISSUER)).toMatchObject({ feed: { maxStaleness, hasStream: false } })
  })
})

describe('a JWKS', async () => {
  const key = await generateSigningKey('ES256')
  const other = await generateSigningKey('Ed25519')
  const set = (...keys: unknown[]) => [...(parseSigningKeys(JSON.stringify({ keys }))?.keys() ?? [])]

  it('gives the keys that sign', () => {
    expect(set(key.publicJwk, other.publicJwk)).toEqual([key.kid, other.kid])
  })

  // RFC 7517 §5: what is not understood is passed over. RFC 8725 §3.5: a weak key is none.
  it.each([
    { name: 'is private', jwk: newPrivateJwk('P-256') },
    { name: 'is symmetric', jwk: { kty: 'oct', k: 'AAAA' } },
    { name: 'is for encryption', jwk: { ...other.publicJwk, use: 'enc' } },
    { name: 'has an algorithm of another type of key', jwk: { ...other.publicJwk, alg: 'RS256' } },
    { name: 'has no algorithm', jwk: { ...other.publicJwk, alg: undefined } },
    { name: 'is of the algorithm none', jwk: { ...other.publicJwk, alg: 'none' } },
    { name: 'is of HS256', jwk: { ...other.publicJwk, alg: 'HS256' } },
    { name: 'is a short RSA key', jwk: { ...newPrivateJwk({ rsa: 1024 }), d: undefined, alg: 'RS256' } },
    { name: 'is malformed', jwk: { ...other.publicJwk, x: 'AAAA' } },
    { name: 'is no object', jwk: 'key' },
  ])('has no key where it $name', ({ jwk }) => {
    const named = typeof jwk === 'string' ? jwk : { alg: 'ES256', ...jwk, kid: 'bad' }
    expect(set(named, key.publicJwk)).toEqual([key.kid])
  })

  it('keeps the first of two keys of one name, and none without', () => {
    const keys = parseSigningKeys(JSON.stringify({ keys: [key.publicJwk, { ...other.publicJwk, kid: key.kid }] }))
    expect(keys?.get(key.kid)?.alg).toBe('ES256')
    expect(set({ ...other.publicJwk, kid: undefined }, { ...other.publicJwk, kid: 'k'.repeat(256) })).toEqual([])
  })

  it('is refused when it is no set, is empty, or is of thousands', () => {
    for (const body of ['', '[]', '{}', '{"keys":{}}', '{"keys":[]}', 'null'])
      expect(parseSigningKeys(body)).toBeUndefined()
    expect(parseSigningKeys(JSON.stringify({ keys: Array(10_000).fill(key.publicJwk) }))).toBeUndefined()
  })

  it('is not led astray by names that objects have', () => {
    const keys = parseSigningKeys(JSON.stringify({ keys: [{ ...key.publicJwk, kid: '__proto__' }] }))
    expect([...(keys?.keys() ?? [])]).toEqual(['__proto__'])
    expect(keys?.get('constructor')).toBeUndefined()
  })
})

describe('the documents of an issuer', () => {
  const open: IssuerDocuments[] = []
  afterEach(() => {
    for (const documents of open.splice(0)) documents.close()
  })

  async function setUp(change: (stub: Awaited<ReturnType<typeof stubIssuer>>) => void = () => {}) {
    const stub = await stubIssuer()
    change(stub)
    const clock = { now: 1_000 }
    const events: VerifierEvent[] = []
    const revoked = new Set<string>()
    const documents = createIssuerDocuments(stub.issuer, {
      http: createIssuerHttp(stub.issuer, stub.fetch),
      log: (event) => events.push(event),
      monotonic: () => clock.now,
      isKeyRevoked: (kid) => revoked.has(kid),
    })
    open.push(documents)
    await documents.attempted
    return { stub, clock, events, revoked, documents, keys: documents.keys, kid: stub.signing.kid }
  }
  const outage = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))

  it('are fetched at once, in two requests', async () => {
    const { stub, documents, keys, kid } = await setUp()
    expect(documents.metadata()?.maxTokenLifetime).toBe(3600)
    expect(keys.find(kid)).toBeDefined()
    expect(stub.asked).toEqual(['GET /.well-known/oauth-authorization-server', 'GET /jwks'])
  })

  it('are asked for once by all who wait, and not again before the cool-down is over', async () => {
    const { stub, clock, keys } = await setUp()
    clock.now += 4.9
    expect(await keys.refresh()).toBe(true)
    expect(stub.asked).toHaveLength(2)
    clock.now += 0.2
    expect(await Promise.all(Array.from({ length: 50 }, () => keys.refresh()))).toEqual(Array(50).fill(true))
    expect(stub.asked).toHaveLength(4)
  })

  it('say nothing, in the cool-down, of a key that nobody has come with before', async () => {
    const { stub, clock, keys } = await setUp()
    clock.now += 2
    expect(await keys.refresh({ kid: 'new' })).toBe(false)
    // No key has such a name, whenever it was made.
    expect(await keys.refresh({ kid: 'k'.repeat(256) })).toBe(true)
    expect(stub.asked).toHaveLength(2)
    clock.now += 4
    expect(await keys.refresh()).toBe(true)
    clock.now += 2
    expect(await keys.refresh({ kid: 'new' })).toBe(true)
    expect(await keys.refresh({ kid: 'newer' })).toBe(false)
    expect(stub.asked).toHaveLength(4)
  })

  it('are not asked for by everybody who comes, where the issuer answers nothing of use', async () => {
    const { stub, clock, keys } = await setUp()
    clock.now += 6
    stub.state.before = () => new Response('', { status: 500 })
    for (let n = 0; n < 30; n++) expect(await keys.refresh({ kid: `forged-${n}` })).toBe(false)
    expect(stub.asked).toHaveLength(3)
    clock.now += 0.5
    expect(await keys.refresh({ kid: 'forged' })).toBe(false)
    expect(stub.asked).toHaveLength(4)
  })

  it('are of the issuer and of no cache', async () => {
    const sent: (string | null)[] = []
    await setUp((stub) => {
      stub.state.before = (_url, { headers }) => void sent.push(headers.get('cache-control'))
    })
    expect(sent).toEqual(['no-cache', 'no-cache'])
  })

  it('are asked for at once when it is urgent, and tell of a change', async () => {
    const { stub, events, keys } = await setUp()
    let changes = 0
    keys.onChange(() => changes++)
    await keys.refresh({ urgent: true })
    expect(changes).toBe(0)
    const next = await generateSigningKey('ES256')
    stub.published.push(next)
    await keys.refresh({ urgent: true })
    expect(changes).toBe(1)
    expect(keys.kids()).toContain(next.kid)
    expect(events.map(({ event }) => event)).toEqual(['keys_changed'])
  })

  it('are the last good ones through an outage of a day, and none after it', async () => {
    const { stub, clock, documents, keys, kid } = await setUp()
    stub.state.before = outage
    clock.now += 86_399
    expect(await keys.refresh()).toBe(false)
    expect(keys.find(kid)).toBeDefined()
    expect(documents.metadata()).toBeDefined()
    clock.now += 1
    expect(keys.find(kid)).toBeUndefined()
    expect(keys.kids()).toEqual([])
    expect(documents.metadata()).toBeUndefined()
  })

  it('come by themselves when the server does', async () => {
    let down = true
    const { stub, documents, events } = await setUp((one) => {
      one.state.before = () => (down ? outage() : undefined)
    })
    expect(documents.metadata()).toBeUndefined()
    expect(events[0]).toMatchObject({
      level: 'error',
      event: 'fetch_failed',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    down = false
    await eventually(() => expect(documents.metadata()).toBeDefined())
    expect(stub.asked.length).toBeGreaterThan(2)
  })

  it('are refused, and said to be, when they are of another issuer', async () => {
    const { documents, events } = await setUp((stub) => {
      stub.state.metadata = { issuer: 'https://evil.example' }
    })
    expect(documents.metadata()).toBeUndefined()
    expect(events[0]).toMatchObject({ level: 'error', event: 'metadata_refused' })
    expect(events[0]?.message).toContain('https://evil.example')
  })

  it('keep the last good set when the next has no key', async () => {
    const { stub, keys, kid } = await setUp()
    stub.published.length = 0
    expect(await keys.refresh({ urgent: true })).toBe(false)
    expect(keys.find(kid)).toBeDefined()
  })

  it('have no key that was revoked, from that moment on', async () => {
    const { revoked, keys, kid } = await setUp()
    revoked.add(kid)
    expect(keys.find(kid)).toBeUndefined()
  })

  it('are not taken for the latest while they still have a key that was revoked', async () => {
    const { stub, clock, revoked, keys, kid } = await setUp()
    revoked.add(kid)
    // Of a process that has not heard of it yet.
    expect(await keys.refresh({ urgent: true })).toBe(false)
    const asked = stub.asked.length
    const next = await generateSigningKey('ES256')
    stub.published.splice(0, 1, next)
    // Not in the same breath, but with no cool-down: what there is can't be right.
    expect(await keys.refresh()).toBe(false)
    expect(stub.asked).toHaveLength(asked)
    clock.now += 0.5
    expect(await keys.refresh()).toBe(true)
    expect(stub.asked.length).toBeGreaterThan(asked)
    expect(keys.find(next.kid)).toBeDefined()
  })

  it('are asked for again where a request never ends, whatever has become of its timeout', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const stub = await stubIssuer()
      stub.state.before = () => new Promise<never>(() => {})
      const clock = { now: 1_000 }
      const documents = createIssuerDocuments(stub.issuer, {
        http: createIssuerHttp(stub.issuer, stub.fetch),
        log: () => {},
        monotonic: () => clock.now,
        isKeyRevoked: () => false,
      })
      open.push(documents)
      await vi.advanceTimersByTimeAsync(5_600)
      await documents.attempted
      stub.state.before = undefined
      await vi.advanceTimersByTimeAsync(1_000)
      await vi.waitFor(() => expect(documents.metadata()).toBeDefined())
    } finally {
      vi.useRealTimers()
    }
  })

  it('come from the issuer alone: an answer that leads elsewhere is none', async () => {
    const { documents, events } = await setUp((stub) => {
      stub.state.before = () => new Response('', { status: 302, headers: { location: 'https://evil.example/' } })
    })
    expect(documents.metadata()).toBeUndefined()
    expect(events[0]?.message).toContain('302')
  })

  it('are not read when they are too large', async () => {
    const { documents, events } = await setUp((stub) => {
      stub.state.before = () => new Response('{"issuer":"'.padEnd(300_000, 'x'))
    })
    expect(documents.metadata()).toBeUndefined()
    expect(events[0]?.message).toContain('larger')
  })
})
