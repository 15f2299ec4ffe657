import { afterEach, describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import type { Verdict } from '../../../src/resource-server/revocations.js'
import { newPrivateJwk } from '../../support/jwk.js'
import { CREDENTIALS, stubIssuer } from '../../support/stub-issuer.js'
import { closeVerifiers, errorOf, outage, revocations, setUp } from '../../support/verifiers.js'

afterEach(closeVerifiers)

describe('a token that is good', () => {
  it('gives its claims, and nobody can change them for the next', async () => {
    const { stub, verifier } = await setUp()
    const token = stub.token({ act: { sub: 'agent' }, amr: ['pwd'] })
    const claims = await verifier.verify(token)
    expect(claims).toMatchObject({ sub: 'ann', client_id: 'shop', scope: 'orders:read', act: { sub: 'agent' } })
    for (const part of [claims, claims.act, claims.amr, claims.status, claims.status?.status_list]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(await verifier.verify(token)).toBe(claims)
  })

  it('is opened by whichever of several keys it is for', async () => {
    const stub = await stubIssuer()
    const next = { ...newPrivateJwk('X25519'), kid: 'next', alg: 'ECDH-ES', kty: 'OKP' }
    for (const decryptionKeys of [
      [next, ...stub.decryptionKeys],
      [...stub.decryptionKeys, next],
    ]) {
      const { verifier } = await setUp({ stub, options: { decryptionKeys } })
      expect(await verifier.verify(stub.token())).toMatchObject({ sub: 'ann' })
    }
  })

  it('costs no request once the issuer is known', async () => {
    const { stub, verifier } = await setUp()
    await verifier.ready()
    const { length } = stub.asked
    for (let n = 0; n < 20; n++) await verifier.verify(stub.token())
    expect(stub.asked).toHaveLength(length)
  })

  it('is signed and nothing else where the API is registered so', async () => {
    const { stub, verifier } = await setUp({ options: { format: 'signed', decryptionKeys: undefined } })
    expect(await verifier.verify(stub.sign())).toMatchObject({ sub: 'ann' })
    expect(await errorOf(verifier.verify(stub.token()))).toMatchObject({ code: 'invalid_token', reason: 'malformed' })
  })
})

describe('a token that is remembered', () => {
  it('is asked after with every use: revoked from one to the next', async () => {
    let verdict: Verdict = 'live'
    const { stub, verifier } = await setUp({ follow: revocations(() => verdict) })
    const token = stub.token()
    await verifier.verify(token)
    verdict = 'revoked'
    expect(await errorOf(verifier.verify(token))).toMatchObject({ code: 'invalid_token', reason: 'revoked' })
  })

  it('ends when its time is over', async () => {
    const { stub, verifier, clock } = await setUp()
    const token = stub.token()
    clock.now += 359
    await verifier.verify(token)
    clock.now += 2
    expect(await errorOf(verifier.verify(token))).toMatchObject({ code: 'invalid_token', reason: 'expired' })
  })

  it('is not made young again by a clock that is set back', async () => {
    const { stub, verifier, clock } = await setUp()
    const token = stub.token()
    await verifier.verify(token)
    clock.now -= 61
    expect(await errorOf(verifier.verify(token))).toMatchObject({ code: 'invalid_token', reason: 'not_yet_valid' })
  })

  it('goes with the key that signed it, when the issuer publishes that no more', async () => {
    const { stub, verifier, clock } = await setUp()
    const token = stub.token()
    await verifier.verify(token)
    const next = await generateSigningKey('ES256')
    stub.published.splice(0, 1, next)
    clock.monotonic += 6
    await verifier.verify(stub.token({}, next))
    expect(await errorOf(verifier.verify(token))).toMatchObject({ code: 'invalid_token', reason: 'unknown_key' })
  })

  it('makes room for others when there are too many: those that nobody comes with any more', async () => {
    const { stub, verifier } = await setUp({ options: { cacheSize: 4 } })
    const [kept = '', left = ''] = [stub.token(), stub.token()]
    const [first, second] = [await verifier.verify(kept), await verifier.verify(left)]
    for (let n = 0; n < 20; n++) {
      await verifier.verify(stub.token())
      expect(await verifier.verify(kept)).toBe(first)
      expect(verifier.status().rememberedTokens).toBeLessThanOrEqual(4)
    }
    expect(await verifier.verify(left)).not.toBe(second)
  })

  it('is none when nothing is to be remembered', async () => {
    const { stub, verifier } = await setUp({ options: { cacheSize: 0 } })
    const token = stub.token()
    expect(await verifier.verify(token)).not.toBe(await verifier.verify(token))
    expect(verifier.status().rememberedTokens).toBe(0)
  })
})

describe('a key that is not known', () => {
  it('is asked for once by all who come with it, and not again for a while', async () => {
    const { stub, verifier, clock } = await setUp()
    await verifier.ready()
    const stranger = await generateSigningKey('ES256')
    const { length } = stub.asked
    const come = () => errorOf(verifier.verify(stub.token({}, stranger)))
    clock.monotonic += 6
    const reasons = (await Promise.all(Array.from({ length: 30 }, come))).map(({ reason }) => reason)
    expect(new Set(reasons)).toEqual(new Set(['unknown_key']))
    expect(stub.asked).toHaveLength(length + 2)
    for (let n = 0; n < 30; n++) await come()
    expect(stub.asked).toHaveLength(length + 2)
    const next = await generateSigningKey('ES256')
    stub.published.push(next)
    clock.monotonic += 6
    expect(await verifier.verify(stub.token({}, next))).toMatchObject({ sub: 'ann' })
  })

  it('is no reason to throw a token away when the issuer can’t be asked', async () => {
    const { stub, verifier, clock } = await setUp()
    await verifier.ready()
    stub.state.before = outage
    clock.monotonic += 6
    const next = await generateSigningKey('ES256')
    expect(await errorOf(verifier.verify(stub.token({}, next)))).toMatchObject({
      status: 503,
      reason: 'keys_unavailable',
    })
    expect(await verifier.verify(stub.token())).toMatchObject({ sub: 'ann' })
  })

  it('is no reason to throw a token away when it may be newer than the keys that are held', async () => {
    const { stub, verifier, clock } = await setUp()
    await verifier.ready()
    const next = await generateSigningKey('ES256')
    stub.published.splice(0, 1, next)
    clock.monotonic += 1
    const token = stub.token({}, next)
    expect(await errorOf(verifier.verify(token))).toMatchObject({ status: 503, reason: 'keys_unavailable' })
    clock.monotonic += 4
    expect(await verifier.verify(token)).toMatchObject({ sub: 'ann' })
  })

  it('is refused for good where it was revoked, and nobody is asked for it, whatever set the server still has', async () => {
    const revoked = new Set<string>()
    const { stub, verifier, clock } = await setUp({
      follow: revocations(() => 'live', { isKeyRevoked: (kid) => revoked.has(kid) }),
    })
    await verifier.ready()
    const token = stub.token()
    revoked.add(stub.signing.kid)
    for (let n = 0; n < 30; n++) {
      clock.monotonic += 10
      expect(await errorOf(verifier.verify(token))).toMatchObject({ status: 401, reason: 'revoked' })
    }
    expect(stub.asked).toHaveLength(2)
  })

  it('is none of an outage that lasts for more than a day', async () => {
    const { stub, verifier, clock } = await setUp()
    const token = stub.token()
    await verifier.verify(token)
    stub.state.before = outage
    clock.monotonic += 86_401
    expect(await errorOf(verifier.verify(token))).toMatchObject({ status: 503, reason: 'keys_unavailable' })
  })
})

describe('an API that starts while its authorization server is down', () => {
  it('answers 503 with Retry-After and no challenge, and comes to itself', async () => {
    let down = true
    const stub = await stubIssuer()
    stub.state.before = () => (down ? outage() : undefined)
    const { verifier } = await setUp({ stub })
    const error = await errorOf(verifier.verify(stub.token()))
    expect(error).toMatchObject({ code: 'temporarily_unavailable', status: 503, reason: 'keys_unavailable' })
    expect(error.headers).toMatchObject({ 'retry-after': expect.stringMatching(/^[1-9]\d*$/) })
    expect(error.headers).not.toHaveProperty('www-authenticate')
    expect(verifier.status()).toMatchObject({ ready: false, signingKeys: [], revocations: undefined })
    // What no key could make good is refused all the same.
    expect(await errorOf(verifier.verify('nonsense'))).toMatchObject({ code: 'invalid_token' })
    down = false
    await verifier.ready()
    expect(await verifier.verify(stub.token())).toMatchObject({ sub: 'ann' })
  })

  it('lets its first requests wait for the first answer', async () => {
    const stub = await stubIssuer()
    let answer = () => {}
    const held = new Promise<undefined>((resolve) => {
      answer = () => resolve(undefined)
    })
    stub.state.before = () => held
    const { verifier } = await setUp({ stub })
    const waiting = [verifier.verify(stub.token()), verifier.verify(stub.token())]
    answer()
    expect(await Promise.all(waiting)).toHaveLength(2)
  })

  it('says so to who waits for it', async () => {
    const stub = await stubIssuer()
    stub.state.before = outage
    const { verifier } = await setUp({ stub })
    await expect(verifier.ready(50)).rejects.toThrow('https://login.example did not answer')
    const waiting = verifier.ready()
    verifier.close()
    await expect(waiting).rejects.toThrow('closed')
  })
})

describe('when it is not known whether a token was revoked', () => {
  const stale = revocations(() => 'unknown')
  const slow = revocations(async (): Promise<Verdict> => 'unknown')

  it.each([
    ['the feed', stale],
    ['a list', slow],
  ])('a route answers 503 unless told: %s', async (_, follow) => {
    const { stub, verifier } = await setUp({ follow })
    const error = await errorOf(verifier.verify(stub.token()))
    expect(error).toMatchObject({ code: 'temporarily_unavailable', status: 503, reason: 'revocation_unknown' })
    expect(error.headers).toHaveProperty('retry-after')
  })

  it('a route may let in what is good in all else', async () => {
    const { stub, verifier } = await setUp({ follow: stale, options: { whenStale: 'open' } })
    expect(await verifier.verify(stub.token())).toMatchObject({ sub: 'ann' })
    expect(await errorOf(verifier.verify(stub.token(), { whenStale: 'unavailable' }))).toMatchObject({ status: 503 })
    expect(await errorOf(verifier.verify(stub.token({ aud: 'https://other.example' })))).toMatchObject({ status: 401 })
  })

  it('a route may ask the server, once for all who come with one token', async () => {
    const { stub, verifier } = await setUp({ follow: stale, options: { credentials: CREDENTIALS } })
    const token = stub.token()
    const many = Array.from({ length: 20 }, () => verifier.verify(token, { whenStale: 'introspect' }))
    expect(await Promise.all(many)).toHaveLength(20)
    expect(stub.asked.filter((one) => one === 'POST /oauth2/introspect')).toHaveLength(1)
    stub.end(token)
    expect(await errorOf(verifier.verify(token, { whenStale: 'introspect' }))).toMatchObject({ reason: 'revoked' })
  })

  it('the server is not asked about what is no token of its own', async () => {
    const { stub, verifier } = await setUp({
      follow: stale,
      options: { credentials: CREDENTIALS, whenStale: 'introspect' },
    })
    await errorOf(verifier.verify(stub.token({ aud: 'https://other.example' })))
    await errorOf(verifier.verify('nonsense'))
    expect(stub.asked).not.toContain('POST /oauth2/introspect')
  })

  it('a server that gives no answer is none', async () => {
    const { stub, verifier } = await setUp({
      follow: stale,
      options: { credentials: CREDENTIALS, whenStale: 'introspect' },
    })
    await verifier.ready()
    for (const answer of [
      () => new Response('', { status: 401 }),
      () => new Response('', { status: 500 }),
      () => new Response('not json'),
      () => Response.json({ active: 'true' }),
      () => Response.json([]),
      outage,
    ]) {
      stub.state.before = (url) => (url.pathname.endsWith('introspect') ? answer() : undefined)
      const error = await errorOf(verifier.verify(stub.token()))
      expect(error).toMatchObject({ status: 503, reason: 'introspection_unavailable' })
    }
  })

  it('does not matter for a token that is known to be revoked', async () => {
    const { stub, verifier } = await setUp({ follow: revocations(() => 'revoked'), options: { whenStale: 'open' } })
    expect(await errorOf(verifier.verify(stub.token()))).toMatchObject({ code: 'invalid_token', reason: 'revoked' })
  })
})

describe('a log that fails', () => {
  it.each([
    [
      'at once',
      () => {
        throw new Error('disk full')
      },
    ],
    ['later', async () => Promise.reject(new Error('disk full'))],
  ])('%s decides about nobody', async (_, log) => {
    const stub = await stubIssuer()
    let down = true
    stub.state.before = () => (down ? outage() : undefined)
    const { verifier } = await setUp({ stub, options: { log } })
    expect(await errorOf(verifier.verify('x'))).toMatchObject({ status: 401, reason: 'malformed' })
    down = false
    await verifier.ready(5_000)
    expect(await verifier.verify(stub.token())).toMatchObject({ sub: 'ann' })
  })
})

describe('a route that wants to be sure', () => {
  it('has every token introspected, also where the feed knows of nothing', async () => {
    const { stub, verifier } = await setUp({ options: { credentials: CREDENTIALS } })
    const token = stub.token()
    expect(await verifier.verify(token, { introspect: true })).toMatchObject({ sub: 'ann' })
    stub.end(token)
    expect(await errorOf(verifier.verify(token, { introspect: true }))).toMatchObject({ reason: 'revoked' })
    expect(await verifier.verify(token)).toMatchObject({ sub: 'ann' })
    stub.state.before = outage
    const unsure = verifier.verify(stub.token(), { introspect: true, whenStale: 'open' })
    expect(await errorOf(unsure)).toMatchObject({ status: 503, reason: 'introspection_unavailable' })
  })

  it('can’t be made without credentials', async () => {
    const { verifier } = await setUp()
    expect(() => verifier.check({ introspect: true })).toThrow('credentials')
    expect(() => verifier.check({ whenStale: 'introspect' })).toThrow('credentials')
  })
})

it('tells its log why, and nothing of the token', async () => {
  const { stub, events, verifier } = await setUp()
  const token = stub.token({ aud: 'https://other.example' })
  await errorOf(verifier.verify(token))
  expect(events).toEqual([
    expect.objectContaining({
      level: 'info',
      event: 'refused',
      detail: { code: 'invalid_token', reason: 'wrong_audience' },
    }),
  ])
  expect(JSON.stringify(events)).not.toContain(token.slice(0, 20))
})
