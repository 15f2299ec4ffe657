import { afterEach, describe, expect, it } from 'vitest'
import { generateSigningKey, jwkThumbprint } from '../../../src/crypto/jwk.js'
import { buildVerifier } from '../../../src/resource-server/build-verifier.js'
import type { VerifierOptions } from '../../../src/resource-server/options.js'
import type { FollowRevocations } from '../../../src/resource-server/revocation-source.js'
import type { Revocations, Verdict } from '../../../src/resource-server/revocations.js'
import type { Verifier } from '../../../src/resource-server/verifier.js'
import type { VerifierEvent } from '../../../src/resource-server/verifier-event.js'
import { VerifyError } from '../../../src/resource-server/verify-error.js'
import { hashOfToken, newProofKey, signProof } from '../../support/dpop.js'
import { newPrivateJwk } from '../../support/jwk.js'
import { liveRevocations } from '../../support/live-revocations.js'
import { AUDIENCE, CREDENTIALS, stubIssuer } from '../../support/stub-issuer.js'

const open: Verifier[] = []
afterEach(() => {
  for (const verifier of open.splice(0)) verifier.close()
})

const outage = () => Promise.reject(new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') }))

/** What is known of revocations, as a test wants it. */
function revocations(verdict: () => Verdict | Promise<Verdict>, more: Partial<Revocations> = {}): FollowRevocations {
  return (...args) => ({ ...liveRevocations(...args), judge: verdict, ...more })
}

async function setUp({
  options = {},
  follow = liveRevocations,
  stub: given,
}: {
  options?: Partial<VerifierOptions> | Record<string, unknown>
  follow?: FollowRevocations
  stub?: Awaited<ReturnType<typeof stubIssuer>>
} = {}) {
  const stub = given ?? (await stubIssuer())
  const events: VerifierEvent[] = []
  const { issuer, fetch, decryptionKeys } = stub
  const common = {
    issuer,
    audience: AUDIENCE,
    decryptionKeys,
    fetch,
    log: (event: VerifierEvent) => events.push(event),
  }
  const clock = { now: Date.now() / 1000, monotonic: 1_000 }
  const verifier = buildVerifier({ ...common, ...options } as VerifierOptions, {
    follow,
    now: () => clock.now,
    monotonic: () => clock.monotonic,
  })
  open.push(verifier)
  return { stub, events, verifier, clock }
}

const errorOf = async (work: Promise<unknown>): Promise<VerifyError> => {
  const error = await work.then(
    () => new Error('It was let in.'),
    (reason) => reason,
  )
  if (error instanceof VerifyError) return error
  throw error
}
const get = (authorization: string | readonly string[], target = '/orders') => ({
  authorization: typeof authorization === 'string' ? [authorization] : authorization,
  dpop: [],
  method: 'GET',
  target,
})

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

describe('a request', () => {
  it('is let in by the token in its header', async () => {
    const { stub, verifier } = await setUp()
    expect(await verifier.authenticate(get(`Bearer ${stub.token()}`), { scope: 'orders:read' })).toMatchObject({
      claims: { sub: 'ann' },
      headers: {},
    })
  })

  it.each([
    { name: 'without a token', given: [], status: 401, error: undefined },
    { name: 'with another scheme', given: ['Basic abc'], status: 401, error: undefined },
    { name: 'with two headers', given: ['Bearer a', 'Bearer b'], status: 400, error: 'invalid_request' },
    { name: 'with a token that is none', given: ['Bearer abc'], status: 401, error: 'invalid_token' },
    { name: 'with a tab for a space', given: ['Bearer\tabc'], status: 400, error: 'invalid_request' },
  ])('$name is answered $status', async ({ given, status, error }) => {
    const { verifier } = await setUp()
    const refused = await errorOf(verifier.authenticate(get(given), { scope: 'orders:read' }))
    expect(refused).toMatchObject({ status })
    expect(refused.body?.error).toBe(error)
    // RFC 9728 §5.1, and for clients that read no further: what to ask for.
    expect(refused.headers['www-authenticate']).toContain('scope="orders:read"')
    expect(refused.headers['www-authenticate']).toContain(
      'resource_metadata="https://orders.example/.well-known/oauth-protected-resource"',
    )
    if (error === undefined) expect(refused.headers['www-authenticate']).not.toContain('error=')
  })

  it('that lacks a scope hears of all that the route needs', async () => {
    const { stub, verifier } = await setUp()
    const request = get(`Bearer ${stub.token()}`)
    const refused = await errorOf(verifier.authenticate(request, { scope: ['orders:read', 'orders:write'] }))
    expect(refused).toMatchObject({ status: 403, code: 'insufficient_scope' })
    expect(refused.headers['www-authenticate']).toContain('scope="orders:read orders:write"')
  })

  it('is let in by a scope that holds the one it needs', async () => {
    const { stub, verifier } = await setUp({
      options: { impliedScopes: { admin: ['orders:write'], 'orders:write': ['orders:read'] } },
    })
    const request = get(`Bearer ${stub.token({ scope: 'admin' })}`)
    expect(await verifier.authenticate(request, { scope: 'orders:read' })).toMatchObject({ claims: { sub: 'ann' } })
  })

  it('whose sign-in is too old is told what would do', async () => {
    const { stub, verifier } = await setUp()
    const then = Math.floor(Date.now() / 1000) - 1000
    const request = get(`Bearer ${stub.token({ auth_time: then })}`)
    const refused = await errorOf(verifier.authenticate(request, { maxAge: 300, acr: 'urn:mfa' }))
    expect(refused).toMatchObject({ status: 401, code: 'insufficient_user_authentication', reason: 'sign_in_too_old' })
    expect(refused.headers['www-authenticate']).toContain('acr_values="urn:mfa"')
    expect(refused.headers['www-authenticate']).toMatch(/max_age="?300"?/)
  })

  it('with a bound token and no proof is refused', async () => {
    const { stub, verifier } = await setUp()
    const token = stub.token({ cnf: { jkt: 'A'.repeat(43) } })
    expect(await errorOf(verifier.authenticate(get(`Bearer ${token}`)))).toMatchObject({
      reason: 'bound_token_as_bearer',
    })
    expect(await errorOf(verifier.authenticate(get(`DPoP ${token}`)))).toMatchObject({ code: 'invalid_dpop_proof' })
    expect(await errorOf(verifier.verify(token))).toMatchObject({ reason: 'bound_token_as_bearer' })
  })
})

describe('a request with a bound token', () => {
  const key = newProofKey()
  const now = () => Math.floor(Date.now() / 1000)
  let count = 0

  function request(token: string, claims: object = {}) {
    const said = {
      jti: `n${count++}`,
      htm: 'GET',
      htu: 'https://orders.example/orders',
      iat: now(),
      ath: hashOfToken(token),
    }
    const proof = signProof({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }, { ...said, ...claims }, key)
    return { authorization: [`DPoP ${token}`], dpop: [proof], method: 'GET', target: '/orders?page=2' }
  }
  const bound = (stub: Awaited<ReturnType<typeof stubIssuer>>) => stub.token({ cnf: { jkt: jwkThumbprint(key.jwk) } })

  it('and a proof of its key is let in, once', async () => {
    const { stub, verifier } = await setUp()
    const first = request(bound(stub))
    expect(await verifier.authenticate(first)).toMatchObject({ claims: { sub: 'ann' } })
    // RFC 9449 §11.1: the same again, as somebody sends it who saw it.
    expect(await errorOf(verifier.authenticate({ ...first }))).toMatchObject({ reason: 'proof_replayed' })
  })

  it('is let in by two guards of one handler', async () => {
    const { stub, verifier } = await setUp()
    const one = request(bound(stub))
    await verifier.authenticate(one)
    expect(await verifier.authenticate(one, { scope: 'orders:read' })).toMatchObject({ claims: { sub: 'ann' } })
    expect(await errorOf(verifier.authenticate(one, { scope: 'orders:write' }))).toMatchObject({ status: 403 })
    const other = { ...one, authorization: [`DPoP ${bound(stub)}`] }
    expect(await errorOf(verifier.authenticate(other))).toMatchObject({ code: 'invalid_dpop_proof' })
    // The same request, in which somebody has put another token since.
    one.authorization.splice(0, 1, ...other.authorization)
    expect(await errorOf(verifier.authenticate(one))).toMatchObject({ code: 'invalid_dpop_proof' })
  })

  it('is judged by where the API is, and not by what a Host header says', async () => {
    const { stub, verifier } = await setUp({ options: { publicUrl: 'https://api.example/v1' } })
    const token = bound(stub)
    expect(await errorOf(verifier.authenticate(request(token)))).toMatchObject({ reason: 'proof_wrong_url' })
    const there = request(token, { htu: 'https://api.example/v1/orders' })
    expect(await verifier.authenticate(there)).toMatchObject({ claims: { sub: 'ann' } })
  })

  it('asks for a nonce where the API wants one, and gives the next in time', async () => {
    const { stub, verifier, clock } = await setUp({ options: { dpop: { nonce: true } } })
    const token = bound(stub)
    const asked = await errorOf(verifier.authenticate(request(token)))
    expect(asked).toMatchObject({ status: 401, code: 'use_dpop_nonce' })
    const nonce = asked.headers['dpop-nonce']
    expect(await verifier.authenticate(request(token, { nonce }))).toMatchObject({ headers: {} })
    clock.now += 61
    const { headers } = await verifier.authenticate(request(token, { nonce, iat: now() + 61 }))
    expect(headers['dpop-nonce']).not.toBe(nonce)
    expect(headers).toHaveProperty('dpop-nonce')
  })

  it('is not taken from who has no key, where the API asks for one', async () => {
    const { stub, verifier } = await setUp({ options: { dpop: { required: true } } })
    const refused = await errorOf(verifier.authenticate(get(`Bearer ${stub.token()}`)))
    expect(refused).toMatchObject({ status: 401, reason: 'unbound_token' })
    expect(refused.headers['www-authenticate']).toMatch(/^DPoP /)
    expect(refused.headers['www-authenticate']).not.toContain('Bearer')
  })
})

describe('the well-known addresses', () => {
  it('say who protects the API, and what to seal for', async () => {
    const { stub, verifier } = await setUp({ options: { resource: { name: 'Orders', scopes: ['orders:read'] } } })
    const metadata = verifier.wellKnown('/.well-known/oauth-protected-resource?x=1')
    expect(JSON.parse(metadata?.body ?? '')).toMatchObject({
      resource: AUDIENCE,
      authorization_servers: [stub.issuer],
      scopes_supported: ['orders:read'],
      jwks_uri: 'https://orders.example/.well-known/jwks.json',
    })
    const keys = JSON.parse(verifier.wellKnown('/.well-known/jwks.json')?.body ?? '') as { keys: object[] }
    expect(keys.keys).toHaveLength(1)
    expect(keys.keys[0]).toMatchObject({ use: 'enc', alg: 'ECDH-ES', kid: stub.decryptionKeys[0].kid })
    for (const secret of ['d', 'p', 'q', 'k']) expect(keys.keys[0]).not.toHaveProperty(secret)
    for (const path of ['/', '/orders', '/.well-known/', '/.well-known/jwks.json/', '__proto__']) {
      expect(verifier.wellKnown(path)).toBeUndefined()
    }
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

describe('a programmer’s mistake', async () => {
  const { issuer, decryptionKeys } = await stubIssuer()
  const good = { issuer, audience: AUDIENCE, decryptionKeys }
  const [key] = decryptionKeys

  it.each([
    { name: 'no issuer', given: { issuer: undefined }, says: 'issuer' },
    { name: 'an issuer that is no URL', given: { issuer: 'login.example' }, says: 'issuer' },
    { name: 'an issuer with a slash', given: { issuer: 'https://login.example/' }, says: 'slash' },
    { name: 'an issuer over http', given: { issuer: 'http://login.example' }, says: 'https' },
    {
      name: 'an issuer over http that looks like this machine',
      given: { issuer: 'http://localhost.evil.example' },
      says: 'https',
    },
    { name: 'no audience', given: { audience: '' }, says: 'audience' },
    { name: 'no keys', given: { decryptionKeys: [] }, says: 'keygen' },
    { name: 'keys of an API that needs none', given: { format: 'signed' }, says: 'signed' },
    { name: 'another format', given: { format: 'opaque' }, says: 'format' },
    { name: 'a key without alg', given: { decryptionKeys: [{ ...key, alg: undefined }] }, says: 'alg' },
    { name: 'a public key', given: { decryptionKeys: [{ ...key, d: undefined }] }, says: 'private' },
    {
      name: 'a key of another algorithm',
      given: { decryptionKeys: [{ ...key, alg: 'RSA-OAEP-256' }] },
      says: 'RSA-OAEP-256',
    },
    { name: 'half of the credentials', given: { credentials: { id: 'a', secret: '' } }, says: 'api_secret' },
    { name: 'nobody to introspect at', given: { whenStale: 'introspect' }, says: 'credentials' },
    { name: 'clocks that differ by an hour', given: { clockTolerance: 3600 }, says: 'clockTolerance' },
    { name: 'a cache without end', given: { cacheSize: Number.POSITIVE_INFINITY }, says: 'cacheSize' },
    { name: 'a public URL that is none', given: { publicUrl: 'orders' }, says: 'publicUrl' },
    { name: 'a proof window without end', given: { dpop: { window: 86_400 } }, says: 'window' },
    { name: 'an option that is misspelt', given: { clockTolerence: 5 }, says: 'clockTolerence' },
    { name: 'an option of dpop that is misspelt', given: { dpop: { require: true } }, says: 'require' },
    { name: 'a nonce secret that is not there', given: { dpop: { nonce: undefined } }, says: 'dpop.nonce' },
    { name: 'dpop that is no object', given: { dpop: true }, says: 'required' },
    { name: 'another answer when it is stale', given: { whenStale: 'opne' }, says: 'whenStale' },
    { name: 'a scope with a quote in it', given: { impliedScopes: { 'a"b': ['c'] } }, says: 'impliedScopes' },
  ])('$name: it is said at once', ({ given, says }) => {
    expect(() => buildVerifier({ ...good, ...given } as VerifierOptions, { follow: liveRevocations })).toThrow(
      TypeError,
    )
    expect(() => buildVerifier({ ...good, ...given } as VerifierOptions, { follow: liveRevocations })).toThrow(says)
  })

  it('says nothing of the key', () => {
    try {
      buildVerifier({ ...good, decryptionKeys: [{ ...key, d: `${String(key['d'])}!` }] }, { follow: liveRevocations })
      expect.unreachable()
    } catch (error) {
      expect(String(error)).not.toContain(String(key['d']))
    }
  })
})
