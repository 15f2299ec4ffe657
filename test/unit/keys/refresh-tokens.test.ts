import { randomBytes, randomUUID } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { newServer, type Server } from './fixtures.js'

let server: Server
beforeEach(async () => {
  server = await newServer()
})

const newGrant = (tenantId = server.tenant.id) => ({ tenantId, id: randomUUID(), secret: randomBytes(32) })
const rotate = () =>
  server.rotation.rotate(server.tenant.id, { purpose: 'mac', now: true, revoke: false }, { kind: 'operator' })

describe('a refresh token', () => {
  it('says whose and which it is, and proves it', async () => {
    const grant = newGrant()
    const token = await server.refreshTokens.issue(grant, 7)
    expect(server.refreshTokens.parse(token)).toMatchObject({ grantId: grant.id, generation: 7 })
    expect(await server.refreshTokens.verify(token, grant)).toBe(true)
    expect(await server.refreshTokens.issue(grant, 7)).toBe(token)
  })

  it('proves nothing for another grant, secret or tenant', async () => {
    const grant = newGrant()
    const token = await server.refreshTokens.issue(grant, 0)
    const other = randomUUID()
    await server.rotation.ensure(other)
    for (const wrong of [
      { ...grant, id: randomUUID() },
      { ...grant, secret: randomBytes(32) },
      { ...grant, tenantId: other },
      { ...grant, tenantId: randomUUID() },
    ]) {
      expect(await server.refreshTokens.verify(token, wrong)).toBe(false)
    }
  })

  it('proves nothing with any character changed, or cut short', async () => {
    const grant = newGrant()
    const token = await server.refreshTokens.issue(grant, 0)
    const wrong = [...token].flatMap((was, at) => [
      token.slice(0, at) + (was === 'A' ? 'B' : 'A') + token.slice(at + 1),
      token.slice(0, at),
    ])
    const verdicts = await Promise.all(wrong.map((bad) => server.refreshTokens.verify(bad, grant)))
    expect(verdicts.filter(Boolean)).toEqual([])
  })

  it('is good after its key was rotated, until no grant can be idle for so long', async () => {
    const grant = newGrant()
    const token = await server.refreshTokens.issue(grant, 0)
    await rotate()
    expect(await server.refreshTokens.issue(grant, 0)).not.toBe(token)
    server.clock.time += 7 * 86_400
    await server.rotation.advance()
    expect(await server.refreshTokens.verify(token, grant)).toBe(true)
    server.clock.time += 601
    await server.rotation.advance()
    expect(await server.refreshTokens.verify(token, grant)).toBe(false)
  })
})
