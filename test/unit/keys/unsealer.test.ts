import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { signJws } from '../../../src/crypto/jws.js'
import type { Actor, Api, TokenFormat } from '../../../src/oauth/records.js'
import { changed } from '../../support/changed.js'
import { encryptionKey, NOW, newApi, newRequest, newServer, newTenant, type Server } from './fixtures.js'

const OPERATOR: Actor = { kind: 'operator' }
const DAY = 86_400
const jwks = { keys: [encryptionKey('X25519').publicJwk] }

let server: Server
beforeAll(async () => {
  server = await newServer()
})

const formats: TokenFormat[] = ['sealed', 'signed', 'opaque']
const apiOf = ({ tenant }: Pick<Server, 'tenant'>, format: TokenFormat): Api => newApi(tenant, { format, jwks })
const mint = async (from: Server, format: TokenFormat) =>
  (await from.mintToken(newRequest(from, apiOf(from, format)))).access_token

describe.each(formats)('a token that is %s', (format) => {
  it('is read with the id of the key that signed it, expired or not', async () => {
    const own = await newServer()
    const token = await mint(own, format)
    const { kid } = (await own.keyring.all(own.tenant.id)).signing('access_token', 'ES256') ?? {}
    own.clock.time += 1000
    expect(await own.unsealer.open(own.tenant, token)).toMatchObject({ claims: { exp: NOW + 300 }, signingKeyId: kid })
  })

  it('is opened once for all who ask about it, and none can change what the others are given', async () => {
    const own = await newServer()
    const token = await mint(own, format)
    const first = await own.unsealer.open(own.tenant, token)
    expect(await own.unsealer.open(own.tenant, token)).toBe(first)
    const { claims } = first as { claims: object }
    for (const shared of [first, claims, ...Object.values(claims)]) expect(Object.isFrozen(shared)).toBe(true)
    // By the keys there were; it is opened anew by what there are now.
    await own.rotation.rotate(own.tenant.id, { purpose: 'mac', now: true, revoke: false }, OPERATOR)
    const later = await own.unsealer.open(own.tenant, token)
    expect(later).toEqual(first)
    expect(later).not.toBe(first)
  })

  it('is not read by another tenant', async () => {
    const token = await mint(server, format)
    expect(await server.unsealer.open(server.tenant, token)).toHaveProperty('claims')
    const other = newTenant({ slug: 'other', issuer: 'https://login.example/t/other' })
    await server.rotation.ensure(other.id)
    expect(await server.unsealer.open(other, token)).toEqual({ unreadable: expect.any(String) })
  })

  it('is not read under another issuer, were the keys the same', async () => {
    const token = await mint(server, format)
    expect(await server.unsealer.open(server.tenant, token)).toHaveProperty('claims')
    const renamed = { ...server.tenant, issuer: 'https://login.example/t/other' }
    expect(await server.unsealer.open(renamed, token)).toEqual({ unreadable: 'wrong_issuer' })
  })

  it('is not read with any byte changed or cut off', async () => {
    const token = await mint(server, format)
    const wrong: number[] = []
    for (let at = 0; at < token.length; at++) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      for (const bad of [changed, token.slice(0, at)]) {
        if (!('unreadable' in (await server.unsealer.open(server.tenant, bad)))) wrong.push(at)
      }
    }
    expect(wrong).toEqual([])
  })

  it('is read until it has expired, however often keys rotate meanwhile', async () => {
    const own = await newServer()
    const token = await mint(own, format)
    for (const purpose of ['access_token', 'kek', 'mac'] as const) {
      await own.rotation.rotate(own.tenant.id, { purpose, now: true, revoke: false }, OPERATOR)
    }
    for (let passed = 0; passed < 3600; passed += 300) {
      own.clock.time = NOW + passed
      await own.rotation.advance()
      expect(await own.unsealer.open(own.tenant, token)).toHaveProperty('claims')
    }
  })
})

describe('a token whose keys are gone', () => {
  it.each(['sealed', 'opaque'] as const)('is unreadable once its KEK was destroyed: %s', async (format) => {
    const own = await newServer()
    const token = await mint(own, format)
    own.clock.time += DAY - 1800
    await own.rotation.advance()
    own.clock.time += 1800
    await own.rotation.advance()
    expect(await own.unsealer.open(own.tenant, token)).toHaveProperty('claims')
    own.clock.time += 4201
    await own.rotation.advance()
    expect(await own.unsealer.open(own.tenant, token)).toEqual({ unreadable: 'unknown_key' })
  })

  it('is unreadable when it is only signed and its key was revoked', async () => {
    const own = await newServer()
    const token = await mint(own, 'signed')
    expect(await own.unsealer.open(own.tenant, token)).toHaveProperty('claims')
    await own.rotation.rotate(own.tenant.id, { now: true, revoke: true }, OPERATOR)
    expect(await own.unsealer.open(own.tenant, token)).toEqual({ unreadable: 'unknown_key' })
  })

  it('is read all the same when it was sealed by us, with the revoked key named', async () => {
    const own = await newServer()
    const token = await mint(own, 'sealed')
    const [rotated] = await own.rotation.rotate(
      own.tenant.id,
      { purpose: 'access_token', now: true, revoke: true },
      OPERATOR,
    )
    expect(await own.unsealer.open(own.tenant, token)).toMatchObject({ signingKeyId: rotated?.revoked[0] })
  })
})

describe('what is not an access token', () => {
  it('is not read: a signed list, under its own type or ours', async () => {
    const claims = {
      iss: server.tenant.issuer,
      sub: 's',
      aud: 'a',
      client_id: 'c',
      iat: NOW,
      exp: NOW + 300,
      jti: 'j',
      rev: 1,
    }
    const list = await server.jwtSigner.sign(server.tenant, { typ: 'revocations+jwt' }, claims)
    expect(await server.unsealer.open(server.tenant, list)).toEqual({ unreadable: 'wrong_type' })
    const response = await server.jwtSigner.sign(server.tenant, { typ: 'token-introspection+jwt' }, claims)
    expect(await server.unsealer.open(server.tenant, response)).toEqual({ unreadable: 'wrong_type' })
    const keys = await server.keyring.all(server.tenant.id)
    for (const purpose of ['revocations', 'status_list', 'introspection'] as const) {
      const key = keys.signing(purpose, 'ES256')
      const disguised = key && signJws({ typ: 'at+jwt' }, claims, key)
      expect(await server.unsealer.open(server.tenant, disguised ?? '')).toEqual({ unreadable: 'unknown_key' })
    }
  })

  it('asks the database nothing, unless another process may have made its key', async () => {
    const own = await newServer()
    const token = await mint(own, 'sealed')
    let loads = 0
    const { load } = own.keys
    own.keys.load = (tenantId) => {
      loads++
      return load(tenantId)
    }
    for (const garbage of ['', 'a.b.c', 'a.b.c.d.e', token.slice(0, -4), changed(token)]) {
      await own.unsealer.open(own.tenant, garbage)
    }
    expect(loads).toBe(0)
    const stranger = await newServer()
    await own.unsealer.open(own.tenant, await mint(stranger, 'signed'))
    expect(loads).toBe(1)
  })

  it('is not read: garbage of any kind, and nothing is thrown', async () => {
    const part = fc.oneof(
      fc.base64String(),
      fc.string(),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    )
    const garbage = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 7 }).map((parts) => parts.join('.')),
    )
    await fc.assert(
      fc.asyncProperty(garbage, async (token) => {
        expect(await server.unsealer.open(server.tenant, token)).toEqual({ unreadable: expect.any(String) })
      }),
      { numRuns: 300 },
    )
  })
})
