import { createHmac, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newClientCredentials } from '../../../src/oauth/registration/credentials.js'
import { newServer } from './fixtures.js'

describe('subjects, OpenID Connect Core §8', () => {
  it('are the user’s id for a public client', async () => {
    const { subjects, tenant } = await newServer()
    const userId = randomUUID()
    expect(await subjects.of({ tenantId: tenant.id, userId }, undefined)).toBe(userId)
  })

  it('are for a pairwise client a hash under the key of the tenant, of its sector and the user', async () => {
    const { subjects, tenant, keyring } = await newServer()
    const key = (await keyring.all(tenant.id)).secret('pairwise')
    if (!key) throw new Error('There is no key.')
    const user = { tenantId: tenant.id, userId: randomUUID() }
    const expected = createHmac('sha256', key).update(`app.example\0${user.userId}`).digest('base64url')
    expect(await subjects.of(user, 'app.example')).toBe(expected)
    expect(await subjects.of(user, 'app.example')).toMatch(/^[\w-]{43}$/)
  })

  it('differ by sector, user and tenant, and stay when keys are rotated', async () => {
    const { subjects, tenant, rotation } = await newServer()
    const [ann, bob] = [randomUUID(), randomUUID()]
    const of = (tenantId: string, userId: string, sector: string) => subjects.of({ tenantId, userId }, sector)
    const first = await of(tenant.id, ann, 'a.example')
    const others = await Promise.all([
      of(tenant.id, ann, 'b.example'),
      of(tenant.id, bob, 'a.example'),
      of(randomUUID(), ann, 'a.example'),
    ])
    expect(new Set([first, ...others]).size).toBe(4)
    await rotation.rotate(tenant.id, { now: true, revoke: true }, { kind: 'system' })
    expect(
      await rotation.rotate(tenant.id, { purpose: 'pairwise', now: true, revoke: false }, { kind: 'system' }),
    ).toEqual([])
    expect(await of(tenant.id, ann, 'a.example')).toBe(first)
  })

  it('are never the id of a client or of a user, whatever the sector', async () => {
    const { subjects, tenant } = await newServer()
    const ids = [randomUUID(), newClientCredentials({ public: true }).id]
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.uuid(), async (sector, userId) => {
        const subject = await subjects.of({ tenantId: tenant.id, userId }, sector)
        expect(ids.map(({ length }) => length)).not.toContain(subject.length)
        expect(subject).toMatch(/^[\x21-\x7e]{1,255}$/)
      }),
      { numRuns: 50 },
    )
  })
})
