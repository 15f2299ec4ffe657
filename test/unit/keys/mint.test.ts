import { compactDecrypt, createLocalJWKSet, importJWK, type JWK, jwtVerify } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { EncryptionAlgorithm, EncryptionMethod } from '../../../src/oauth/records.js'
import { encryptionKey, NOW, newApi, newGrant, newRequest, newServer, newTenant, type Server } from './fixtures.js'

type ApiKey = ReturnType<typeof encryptionKey>
const x25519 = encryptionKey('X25519')
const p256 = encryptionKey('P-256')
const rsa = encryptionKey('RSA')
let server: Server

beforeEach(async () => {
  server = await newServer()
})

const sealedApi = (key = x25519, about = {}) => newApi(server.tenant, { jwks: { keys: [key.publicJwk] }, ...about })
const published = async () =>
  createLocalJWKSet({ keys: [...(await server.jwks.published(server.tenant)).keys] as JWK[] })

/** As an API with nothing but jose and the published keys would. */
async function open(token: string, { privateJwk }: ApiKey, alg: string) {
  const key = await importJWK(privateJwk, alg)
  const { plaintext, protectedHeader: outer } = await compactDecrypt(token, key)
  const inner = new TextDecoder().decode(plaintext)
  const { payload, protectedHeader } = await jwtVerify(inner, await published(), {
    typ: 'at+jwt',
    issuer: server.tenant.issuer,
    currentDate: new Date(NOW * 1000),
  })
  return { outer, inner: protectedHeader, payload }
}

describe('a sealed access token', () => {
  const algorithms: { alg: EncryptionAlgorithm; of: () => ApiKey; name: string }[] = [
    { name: 'ECDH-ES on X25519', alg: 'ECDH-ES', of: () => x25519 },
    { name: 'ECDH-ES on P-256', alg: 'ECDH-ES', of: () => p256 },
    { name: 'ECDH-ES+A256KW on X25519', alg: 'ECDH-ES+A256KW', of: () => x25519 },
    { name: 'ECDH-ES+A256KW on P-256', alg: 'ECDH-ES+A256KW', of: () => p256 },
    { name: 'RSA-OAEP-256', alg: 'RSA-OAEP-256', of: () => rsa },
  ]
  const methods: EncryptionMethod[] = ['A256GCM', 'A128CBC-HS256']
  const cases = algorithms.flatMap((one) => methods.map((enc) => ({ ...one, enc })))

  it.each(cases)('is opened by jose, and by the server: $name, $enc', async ({ alg, enc, of }) => {
    const api = sealedApi(of(), { encryptionAlgorithm: alg, encryptionMethod: enc })
    const { access_token: token } = await server.mintToken(newRequest(server, api))
    const { outer, inner, payload } = await open(token, of(), alg)
    expect(outer).toMatchObject({ alg, enc, cty: 'JWT', kid: of().publicJwk.kid })
    expect(inner).toMatchObject({ alg: 'ES256', typ: 'at+jwt' })
    const opened = await server.unsealer.open(server.tenant, token)
    expect(opened).toEqual({ claims: payload, signingKeyId: inner.kid, format: 'sealed', place: expect.any(BigInt) })
  })

  it.each(['ES256', 'RS256', 'PS256', 'Ed25519'] as const)('is signed as its API asks: %s', async (alg) => {
    const api = sealedApi(x25519, { signingAlgorithm: alg })
    await server.mint.assertReady(server.tenant, api)
    const { access_token: token } = await server.mintToken(newRequest(server, api))
    const { inner } = await open(token, x25519, 'ECDH-ES')
    expect(inner.alg).toBe(alg)
    expect((await server.keyring.all(server.tenant.id)).signing('access_token', alg)?.kid).toBe(inner.kid)
  })

  it('has the claims of RFC 9068 and ours, and tells none of them outside', async () => {
    const grant = newGrant({
      id: '00000000-0000-4000-8000-000000000001',
      sessionId: '00000000-0000-4000-8000-000000000002',
      acr: 'urn:example:high',
      amr: ['pwd', 'otp'],
    })
    const answer = await server.mintToken(newRequest(server, sealedApi(), { grant }))
    expect(answer).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'orders:read orders:write' })
    const { payload, outer } = await open(answer.access_token, x25519, 'ECDH-ES')
    expect(payload).toEqual({
      iss: 'https://login.example',
      sub: '3f0f9f5e-8f43-4f43-9d1c-5f2b7c0f2a11',
      aud: 'https://api.example/orders',
      client_id: 'client-1',
      iat: NOW,
      exp: NOW + 300,
      jti: expect.stringMatching(/^[\w-]{22}$/),
      scope: 'orders:read orders:write',
      rev: 1_800_000_000_000_000,
      status: {
        status_list: { idx: expect.any(Number), uri: 'https://login.example/status-lists/AAAAAAAAAAAAAAAAAAAAAA' },
      },
      grant: 'AAAAAAAAQACAAAAAAAAAAQ',
      sid: 'AAAAAAAAQACAAAAAAAAAAg',
      auth_time: NOW - 60,
      acr: 'urn:example:high',
      amr: ['pwd', 'otp'],
    })
    expect(Object.keys(outer).sort()).toEqual(['alg', 'apu', 'cty', 'enc', 'epk', 'kid', 'typ'])
  })

  it('of a client for itself names no grant and no sign-in', async () => {
    const { grant: _, ...request } = newRequest(server, sealedApi(), { subject: 'client-1', scope: [] })
    const answer = await server.mintToken(request)
    const { payload } = await open(answer.access_token, x25519, 'ECDH-ES')
    expect(Object.keys(payload).sort()).toEqual([
      'aud',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'rev',
      'status',
      'sub',
    ])
    expect(payload.sub).toBe('client-1')
    expect(answer.scope).toBe('')
  })

  it('is never the same twice', async () => {
    const request = newRequest(server, sealedApi())
    const tokens = await Promise.all(Array.from({ length: 20 }, () => server.mintToken(request)))
    const ids = await Promise.all(tokens.map(async (t) => (await open(t.access_token, x25519, 'ECDH-ES')).payload.jti))
    expect(new Set(ids).size).toBe(20)
  })
})

describe('the life of a token', () => {
  it.each([
    { name: 'the server’s default', api: {}, tenant: {}, left: 9999, expect: 300 },
    { name: 'its API’s', api: { tokenLifetime: 900 }, tenant: {}, left: 9999, expect: 900 },
    {
      name: 'at most its tenant’s cap',
      api: { tokenLifetime: 900 },
      tenant: { maxTokenLifetime: 120 },
      left: 9999,
      expect: 120,
    },
    { name: 'at most its grant’s rest', api: { tokenLifetime: 900 }, tenant: {}, left: 42.9, expect: 42 },
  ])('is $name', async ({ api, tenant, left, expect: expected }) => {
    server = await newServer(newTenant(tenant))
    server.clock.time = NOW + 0.5
    const grant = newGrant({ expiresAt: new Date((NOW + left) * 1000) })
    const answer = await server.mintToken(newRequest(server, sealedApi(x25519, api), { grant }))
    expect(answer.expires_in).toBe(expected)
    const opened = await server.unsealer.open(server.tenant, answer.access_token)
    expect(opened).toMatchObject({ claims: { iat: NOW, exp: NOW + expected } })
  })

  it('is refused when its grant has none left', async () => {
    const grant = newGrant({ expiresAt: new Date(NOW * 1000) })
    const minted = server.mintToken(newRequest(server, sealedApi(), { grant }))
    await expect(minted).rejects.toMatchObject({ code: 'invalid_grant', reason: 'grant_expired' })
  })
})

describe('a sealed API without a usable key', () => {
  it.each([
    { name: 'no key set', given: { jwks: undefined }, reason: 'api_without_encryption_key' },
    { name: 'an empty key set', given: { jwks: { keys: [] } }, reason: 'api_without_encryption_key' },
    {
      name: 'keys of another type',
      given: { encryptionAlgorithm: 'RSA-OAEP-256' as const },
      reason: 'api_without_encryption_key',
    },
    { name: 'no algorithm', given: { encryptionAlgorithm: undefined }, reason: 'api_without_encryption_algorithm' },
    {
      name: 'keys last fetched more than a day ago',
      given: { jwksUri: 'https://api.example/jwks', jwksFetchedAt: new Date((NOW - 86_401) * 1000) },
      reason: 'api_encryption_keys_outdated',
    },
    {
      name: 'keys never fetched',
      given: { jwksUri: 'https://api.example/jwks' },
      reason: 'api_encryption_keys_outdated',
    },
  ])('gets no token and a line in the log: $name', async ({ given, reason }) => {
    const api = sealedApi(x25519, given)
    for (const attempt of [server.mint.assertReady(server.tenant, api), server.mintToken(newRequest(server, api))]) {
      await expect(attempt).rejects.toMatchObject({ code: 'invalid_target', reason })
    }
    expect(server.log.lines).toHaveLength(2)
    expect(server.log.lines[0]).toMatchObject({
      level: 'error',
      api: 'api-1',
      identifier: 'https://api.example/orders',
      reason,
      detail: expect.any(String),
    })
  })

  it('is not what an API is whose keys were fetched within the day', async () => {
    const given = { jwksUri: 'https://api.example/jwks', jwksFetchedAt: new Date((NOW - 86_399) * 1000) }
    await expect(server.mint.assertReady(server.tenant, sealedApi(x25519, given))).resolves.toBeUndefined()
  })

  it('is refused whole for one private or weak key', async () => {
    const api = newApi(server.tenant, { jwks: { keys: [x25519.publicJwk, p256.privateJwk] } })
    await expect(server.mint.assertReady(server.tenant, api)).rejects.toMatchObject({ code: 'invalid_target' })
  })

  it('is not what an API is that has changed its algorithm and has a key for that too', async () => {
    const jwks = { keys: [x25519.publicJwk, rsa.publicJwk] }
    const before = newApi(server.tenant, { jwks })
    await server.mint.assertReady(server.tenant, before)
    const api = { ...before, encryptionAlgorithm: 'RSA-OAEP-256' as const }
    const { access_token: token } = await server.mintToken(newRequest(server, api))
    expect((await open(token, rsa, 'RSA-OAEP-256')).outer.alg).toBe('RSA-OAEP-256')
  })

  it('gets tokens again as soon as its key set is another', async () => {
    const api = sealedApi(x25519, { jwks: { keys: [] } })
    await expect(server.mint.assertReady(server.tenant, api)).rejects.toThrow()
    const { access_token: token } = await server.mintToken(newRequest(server, sealedApi(p256)))
    expect((await open(token, p256, 'ECDH-ES')).outer.kid).toBe('api-P-256')
  })
})

describe('other formats', () => {
  it('signed: a plain RFC 9068 token', async () => {
    const api = newApi(server.tenant, { format: 'signed', encryptionAlgorithm: undefined })
    await server.mint.assertReady(server.tenant, api)
    const { access_token: token } = await server.mintToken(newRequest(server, api))
    const { payload } = await jwtVerify(token, await published(), { typ: 'at+jwt', currentDate: new Date(NOW * 1000) })
    expect(await server.unsealer.open(server.tenant, token)).toMatchObject({ claims: payload, format: 'signed' })
  })

  it('opaque: readable by the server of its tenant alone', async () => {
    const api = newApi(server.tenant, { format: 'opaque', jwks: { keys: [x25519.publicJwk] } })
    const { access_token: token } = await server.mintToken(newRequest(server, api))
    expect(await server.unsealer.open(server.tenant, token)).toMatchObject({
      claims: { aud: api.identifier },
      format: 'opaque',
    })
    await expect(open(token, x25519, 'ECDH-ES')).rejects.toThrow()
    const stranger = await newServer()
    expect(await stranger.unsealer.open(stranger.tenant, token)).toHaveProperty('unreadable')
    const text = token.split('.').map((part) => Buffer.from(part, 'base64url').toString('latin1'))
    expect(text.join()).not.toContain('orders')
  })
})

describe('the size of a token', () => {
  const scope = (bytes: number) => ['x'.repeat(bytes)]

  it('is warned of above 4 KB', async () => {
    const api = sealedApi()
    await server.mintToken(newRequest(server, api, { scope: scope(500) }))
    expect(server.log.lines).toEqual([])
    await server.mintToken(newRequest(server, api, { scope: scope(2000) }))
    expect(server.log.lines).toEqual([expect.objectContaining({ level: 'warn', api: 'api-1' })])
  })

  it.each(['sealed', 'signed', 'opaque'] as const)('is refused above 7 KB, and logged: %s', async (format) => {
    const api = sealedApi(x25519, { format })
    const minted = server.mintToken(newRequest(server, api, { scope: scope(5500) }))
    await expect(minted).rejects.toMatchObject({ code: 'server_error', reason: 'access_token_too_large' })
    expect(server.log.lines).toEqual([expect.objectContaining({ level: 'error', api: 'api-1' })])
    expect(JSON.stringify(server.log.lines)).not.toContain('xxx')
  })
})

describe('assertReady', () => {
  it('makes the signing key that the first API of an algorithm asks for', async () => {
    const api = sealedApi(x25519, { signingAlgorithm: 'Ed25519' })
    await server.mint.assertReady(server.tenant, api)
    const { keys } = await server.jwks.published(server.tenant)
    expect(keys.map(({ alg }) => alg)).toContain('Ed25519')
  })
})
