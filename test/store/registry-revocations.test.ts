import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Target } from '../../src/store/registry/revocations.js'
import { OPERATOR, type RegistryStage, registryStage } from '../support/registry.js'

let stage: RegistryStage
let tenant: string
let user: string
let client: string
let api: { id: string }
let made: { grant: string; session: string }

beforeAll(async () => {
  stage = await registryStage()
})
afterAll(() => stage.close())
beforeEach(async () => {
  tenant = await stage.makeTenant()
  user = await stage.makeUser(tenant)
  client = await stage.makeClient(tenant)
  api = await stage.makeApi(tenant)
  made = await stage.makeGrant(tenant, user, client)
  await stage.rows(
    `INSERT INTO keys (tenant_id, id, purpose, algorithm, status, public_jwk, sealed, master_key_id, activates_at)
     VALUES ($1, 'kid1', 'access_token', 'ES256', 'active', '{}', '', 'm', now())`,
    tenant,
  )
})

const live = async () => [
  (await stage.grants.list(tenant, { user, ended: false, limit: 10 })).items.length,
  (await stage.sessions.list(tenant, { user, ended: false, limit: 10 })).items.length,
]

describe('an operator revokes', () => {
  test.each<{ name: string; target: () => Target; entry: string; type: string; left: number[] }>([
    {
      name: 'a token',
      target: () => ({ kind: 'token', jti: 'j1', place: undefined, about: { client } }),
      entry: 'jti',
      type: 'token.revoked',
      left: [1, 1],
    },
    {
      name: 'a grant',
      target: () => ({ kind: 'grant', id: made.grant }),
      entry: 'grant',
      type: 'grant.revoked',
      left: [0, 1],
    },
    {
      name: 'a session',
      target: () => ({ kind: 'session', id: made.session }),
      entry: 'sid',
      type: 'session.revoked',
      left: [0, 0],
    },
    { name: 'a user', target: () => ({ kind: 'user', id: user }), entry: 'sub', type: 'user.revoked', left: [0, 0] },
    {
      name: 'a client',
      target: () => ({ kind: 'client', id: client }),
      entry: 'client',
      type: 'client.revoked',
      left: [0, 1],
    },
    { name: 'an API', target: () => ({ kind: 'api', id: api.id }), entry: 'aud', type: 'api.revoked', left: [1, 1] },
    {
      name: 'a key',
      target: () => ({ kind: 'key', id: 'kid1', keep: 100 }),
      entry: 'kid',
      type: 'key.revoked',
      left: [1, 1],
    },
    {
      name: 'a tenant',
      target: () => ({ kind: 'tenant', issuer: 'https://id.example' }),
      entry: 'tenant',
      type: 'tenant.revoked',
      left: [0, 0],
    },
  ])('$name, audited with who did it, and of another tenant nothing', async ({ target, entry, type, left }) => {
    const kind = target().kind
    const elsewhere = await stage.revocations.revoke(stage.theirs, target(), OPERATOR)
    if (kind !== 'token' && kind !== 'tenant') expect(elsewhere).toBe('nothing')
    expect(await live()).toEqual([1, 1])

    expect(await stage.revocations.revoke(tenant, target(), OPERATOR)).toBe('revoked')
    expect(await stage.entries(tenant)).toEqual([entry])
    expect(await live()).toEqual(left)
    const { items } = await stage.trail.list(tenant, { type, limit: 1 })
    expect(items[0]).toMatchObject({ actor: OPERATOR })
  })

  test.each<{ name: string; target: () => Target }>([
    { name: 'a grant', target: () => ({ kind: 'grant', id: randomUUID() }) },
    { name: 'a session', target: () => ({ kind: 'session', id: randomUUID() }) },
    { name: 'a user', target: () => ({ kind: 'user', id: randomUUID() }) },
    { name: 'a client', target: () => ({ kind: 'client', id: 'nobody' }) },
    { name: 'an API', target: () => ({ kind: 'api', id: 'nothing' }) },
    { name: 'a key', target: () => ({ kind: 'key', id: 'nothing', keep: 1 }) },
  ])('nothing where there is no such thing: $name', async ({ target }) => {
    expect(await stage.revocations.revoke(tenant, target(), OPERATOR)).toBe('nothing')
    expect(await stage.entries(tenant)).toEqual([])
  })
})

describe('listing', () => {
  test('shows ended grants and sessions only when asked, with why they are dead', async () => {
    await stage.rows(
      "UPDATE grants SET expires_at = now() - interval '1 s' WHERE tenant_id = $1 AND id = $2",
      tenant,
      made.grant,
    )
    await stage.rows(
      "UPDATE sessions SET used_at = now() - interval '2 h' WHERE tenant_id = $1 AND id = $2",
      tenant,
      made.session,
    )
    expect(await live()).toEqual([0, 0])
    const grants = await stage.grants.list(tenant, { user, ended: true, limit: 10 })
    expect(grants.items).toMatchObject([
      { id: made.grant, user, client, session: made.session, scope: ['read'], state: 'expired' },
    ])
    const sessions = await stage.sessions.list(tenant, { user, ended: true, limit: 10 })
    expect(sessions.items).toMatchObject([{ id: made.session, state: 'expired' }])
    await stage.revocations.revoke(tenant, { kind: 'session', id: made.session }, OPERATOR)
    expect((await stage.grants.list(tenant, { user, ended: true, limit: 10 })).items).toMatchObject([
      { state: 'revoked' },
    ])
  })

  test('goes page by page, the newest first, within a tenant', async () => {
    const second = await stage.makeGrant(tenant, user, client)
    const first = await stage.grants.list(tenant, { user, ended: false, limit: 1 })
    expect(first.items.map(({ id }) => id)).toEqual([second.grant])
    const rest = await stage.grants.list(tenant, { user, ended: false, limit: 1, after: first.next })
    expect(rest.items.map(({ id }) => id)).toEqual([made.grant])
    expect(rest.next).toBeUndefined()
    const sessions = await stage.sessions.list(tenant, { user, ended: false, limit: 1 })
    expect(sessions.items.map(({ id }) => id)).toEqual([second.session])
    const older = await stage.sessions.list(tenant, { user, ended: false, limit: 1, after: sessions.next })
    expect(older.items.map(({ id }) => id)).toEqual([made.session])
    expect((await stage.grants.list(stage.theirs, { user, ended: true, limit: 10 })).items).toEqual([])
    expect((await stage.sessions.list(stage.theirs, { user, ended: true, limit: 10 })).items).toEqual([])
  })
})

describe('the audit trail', () => {
  test('is read from the newest on, by type, noun and time', async () => {
    const all = await stage.trail.list(tenant, { limit: 100 })
    expect(all.items.map(({ type }) => type)).toEqual([
      'api.created',
      'client.created',
      'user.created',
      'tenant.created',
    ])
    expect(all.items[2]).toMatchObject({ actor: OPERATOR, subject: { user }, detail: {} })
    const types = async (query: Parameters<typeof stage.trail.list>[1]) =>
      (await stage.trail.list(tenant, query)).items.map(({ type }) => type)
    expect(await types({ type: 'user', limit: 10 })).toEqual(['user.created'])
    expect(await types({ type: 'client.created', limit: 10 })).toEqual(['client.created'])
    expect(await types({ type: 'use', limit: 10 })).toEqual([])
    expect(await types({ since: new Date(Date.now() + 60_000), limit: 10 })).toEqual([])
    expect(await types({ since: new Date(Date.now() - 600_000), limit: 10 })).toHaveLength(4)
    const first = await stage.trail.list(tenant, { limit: 3 })
    expect(await types({ limit: 3, after: first.next })).toEqual(['tenant.created'])
  })
})
