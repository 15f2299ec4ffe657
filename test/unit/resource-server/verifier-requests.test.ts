import { afterEach, describe, expect, it } from 'vitest'
import { jwkThumbprint } from '../../../src/crypto/jwk.js'
import { hashOfToken, newProofKey, signProof } from '../../support/dpop.js'
import { AUDIENCE, type stubIssuer } from '../../support/stub-issuer.js'
import { closeVerifiers, errorOf, get, setUp } from '../../support/verifiers.js'

afterEach(closeVerifiers)

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
