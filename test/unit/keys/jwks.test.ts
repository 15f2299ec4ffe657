import { beforeEach, describe, expect, it } from 'vitest'
import type { Actor } from '../../../src/oauth/records.js'
import { newServer, type Server } from './fixtures.js'

const OPERATOR: Actor = { kind: 'operator' }
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']

let server: Server
beforeEach(async () => {
  server = await newServer()
})
const published = async () => (await server.jwks.published(server.tenant)).keys
const kids = async () => (await published()).map(({ kid }) => kid)

describe('the JWKS', () => {
  it('has the public signing keys alone, each with use, alg and a kid of its own', async () => {
    await server.rotation.ensure(server.tenant.id, { purpose: 'access_token', algorithm: 'RS256' })
    const keys = await published()
    expect(keys).toHaveLength(6)
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(6)
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', alg: expect.stringMatching(/^(ES256|RS256)$/), kid: expect.any(String) })
      expect(Object.keys(key).filter((member) => PRIVATE.includes(member))).toEqual([])
      expect(['EC', 'RSA']).toContain(key['kty'])
    }
  })

  it('has the next key before it signs, and the last until what it signed has expired', async () => {
    const before = await kids()
    await server.rotation.rotate(server.tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    const [next] = (await kids()).filter((kid) => !before.includes(kid))
    const { maxAge } = await server.jwks.published(server.tenant)
    const signer = async () => (await server.keyring.all(server.tenant.id)).signing('access_token', 'ES256')?.kid
    for (let passed = 0; passed <= 2 * maxAge; passed += 60) {
      server.clock.time += passed === 0 ? 0 : 60
      await server.rotation.advance()
      // Every copy that may still be cached has the key that signs now.
      if (passed < 2 * maxAge) expect(await signer()).not.toBe(next)
    }
    expect(await signer()).toBe(next)
    expect(await kids()).toEqual(expect.arrayContaining([...before, next]))
    server.clock.time += 3600 + 601
    await server.rotation.advance()
    expect(await kids()).toHaveLength(before.length)
  })

  it('loses a revoked key at once, and has its successor', async () => {
    const before = await kids()
    const rotated = await server.rotation.rotate(server.tenant.id, { now: true, revoke: true }, OPERATOR)
    expect((await kids()).sort()).toEqual(rotated.map(({ key }) => key).sort())
    expect((await kids()).filter((kid) => before.includes(kid))).toEqual([])
  })

  it('of one tenant has no key of another', async () => {
    const other = { ...server.tenant, id: '00000000-0000-4000-8000-000000000009' }
    await server.rotation.ensure(other.id)
    const theirs = (await server.jwks.published(other)).keys.map(({ kid }) => kid)
    expect((await kids()).filter((kid) => theirs.includes(kid))).toEqual([])
  })
})
