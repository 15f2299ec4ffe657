import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Users } from '../../src/oauth/ports.js'
import { createUsers } from '../../src/store/users.js'
import { makeApi, makeClient, makeUser, operator, type Stage, setStage } from '../support/fixtures.js'

let stage: Stage
let users: Users
beforeAll(async () => {
  stage = await setStage()
  users = createUsers(stage)
})
afterAll(() => stage.close())

const ask = (username: string, { client = stage.ours.client.id, apis = [stage.ours.api.id] } = {}) =>
  users.forSignIn(stage.ours.tenant.id, username, { clientId: client, apis })

describe('a sign-in', () => {
  test('reads the user, the client, the APIs and the revision at once', async () => {
    const { user } = stage.ours
    const { rows } = await stage.pool.query("SELECT append_revocation($1, 'jti', 'x') AS r", [stage.ours.tenant.id])
    expect(await ask(user.username)).toEqual({
      rev: Number(rows[0].r),
      wide: 0,
      user: { id: user.id, credentialVersion: 1, disabled: false, passwordHash: '$argon2id$none' },
      clientLive: true,
      liveApis: [stage.ours.api.id],
    })
  })

  test('finds nobody under an unknown, a foreign or an impossible name, but the client all the same', async () => {
    for (const username of ['nobody', stage.theirs.user.username, 'a\0b', '']) {
      expect(await ask(username), username).toMatchObject({ user: undefined, clientLive: true })
    }
  })

  test('finds nobody in a tenant that is not there', async () => {
    const found = await users.forSignIn(randomUUID(), 'x', { clientId: 'x', apis: [] })
    expect(found).toEqual({ rev: 0, wide: 0, user: undefined, clientLive: false, liveApis: [] })
  })

  test('finds disabled users as such, deleted ones not, and those without a password without a hash', async () => {
    const off = await makeUser(stage.pool, stage.ours.tenant.id, { disabled_at: new Date() })
    expect((await ask(off.username)).user).toMatchObject({ id: off.id, disabled: true })
    const gone = await makeUser(stage.pool, stage.ours.tenant.id, { deleted_at: new Date() })
    expect((await ask(gone.username)).user).toBeUndefined()
    await stage.pool.query('DELETE FROM credentials WHERE user_id = $1', [off.id])
    expect((await ask(off.username)).user).toMatchObject({ passwordHash: undefined })
  })

  test.each([
    { what: 'disabled', columns: { disabled_at: new Date() } },
    { what: 'deleted', columns: { deleted_at: new Date() } },
  ])('knows a client and an API that are $what', async ({ columns }) => {
    const { tenant, api, user } = stage.ours
    const client = await makeClient(stage.pool, tenant.id, columns)
    const dead = await makeApi(stage.pool, tenant.id, columns)
    const alive = await makeApi(stage.pool, tenant.id)
    const apis = [alive.id, dead.id, stage.theirs.api.id, 'unknown', api.id]
    expect(await ask(user.username, { client: client.id, apis })).toMatchObject({
      clientLive: false,
      liveApis: [alive.id, api.id],
    })
  })

  test('knows a foreign client, an unknown one, and a tenant that is disabled', async () => {
    expect((await ask('x', { client: stage.theirs.client.id })).clientLive).toBe(false)
    expect((await ask('x', { client: 'unknown' })).clientLive).toBe(false)
    const { id } = stage.ours.tenant
    await stage.pool.query('UPDATE tenants SET disabled_at = now() WHERE id = $1', [id])
    expect((await ask('x')).clientLive).toBe(false)
    await stage.pool.query('UPDATE tenants SET disabled_at = NULL WHERE id = $1', [id])
    expect((await ask('x')).clientLive).toBe(true)
  })

  test('sees the credential version that a revocation moves', async () => {
    const { tenant } = stage.ours
    const { id, username } = await makeUser(stage.pool, tenant.id)
    const { rows } = await stage.pool.query('SELECT revoke_user($1, $2, $3, $4) AS r', [
      tenant.id,
      id,
      operator,
      'test',
    ])
    const found = await ask(username)
    expect(found).toMatchObject({ rev: Number(rows[0].r), user: { credentialVersion: 2 } })
  })
})

describe('a better hash of a password', () => {
  test('replaces the one it was made from, once, and no other', async () => {
    const { tenant } = stage.ours
    const { id, username } = await makeUser(stage.pool, tenant.id, { password: 'old' })
    const upgrade = (to: string) => users.upgradePassword(tenant.id, id, { from: 'old', to })
    const results = await Promise.all(['one', 'two', 'three'].map(upgrade))
    expect(results.sort()).toEqual(['superseded', 'superseded', 'upgraded'])
    expect((await ask(username)).user?.passwordHash).toMatch(/^(one|two|three)$/)
  })

  test('does not bring back a password that has been changed, nor one of another tenant', async () => {
    const { tenant } = stage.ours
    const { id, username } = await makeUser(stage.pool, tenant.id, { password: 'changed' })
    expect(await users.upgradePassword(tenant.id, id, { from: 'old', to: 'old, rehashed' })).toBe('superseded')
    expect(await users.upgradePassword(stage.theirs.tenant.id, id, { from: 'changed', to: 'x' })).toBe('superseded')
    expect((await ask(username)).user?.passwordHash).toBe('changed')
  })
})
