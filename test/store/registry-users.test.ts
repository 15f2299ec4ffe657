import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { normalizeUsername } from '../../src/accounts/username.js'
import { OPERATOR, type RegistryStage, registryStage } from '../support/registry.js'

let stage: RegistryStage
let tenant: string
let user: string
let client: string

beforeAll(async () => {
  stage = await registryStage()
})
afterAll(() => stage.close())
beforeEach(async () => {
  tenant = await stage.makeTenant()
  user = await stage.makeUser(tenant, 'ann')
  client = await stage.makeClient(tenant)
})

const grantsOf = (tenantId: string, id: string) => stage.grants.list(tenantId, { user: id, ended: false, limit: 10 })
const sessionsOf = (tenantId: string, id: string) =>
  stage.sessions.list(tenantId, { user: id, ended: false, limit: 10 })
const alive = async (tenantId: string, id: string) => [
  (await grantsOf(tenantId, id)).items.length,
  (await sessionsOf(tenantId, id)).items.length,
]
const versionOf = async (id: string) => {
  const [row] = await stage.rows<{ v: number }>(
    'SELECT credential_version AS v FROM users WHERE tenant_id = $1 AND id = $2',
    tenant,
    id,
  )
  return row?.v
}

describe('creating a user', () => {
  const create = (tenantId: string, email: string) =>
    stage.users.create(tenantId, { username: normalizeUsername(email) ?? 'nobody', email, passwordHash: 'h' }, OPERATOR)

  test('makes one account of all spellings of an address, whoever races', async () => {
    const spellings = [
      'Bob@Example.com',
      'bob@example.com',
      'ＢＯＢ@example.com',
      'bob@EXAMPLE.COM',
      'bob@ｅｘａｍｐｌｅ.com',
      ' bob@example.com ',
    ]
    const outcomes = await Promise.all(spellings.map((email) => create(tenant, email)))
    expect(outcomes.filter(({ result }) => result === 'created')).toHaveLength(1)
    expect(outcomes.filter(({ result }) => result === 'taken')).toHaveLength(spellings.length - 1)
    expect((await stage.audited(tenant)).filter((type) => type === 'user.created')).toHaveLength(2)
  })

  test('leaves the same address free in another tenant', async () => {
    expect(await create(stage.theirs, 'ann@example.com')).toMatchObject({ result: 'created' })
    expect(await stage.users.find(stage.theirs, { id: user })).toBeUndefined()
  })
})

describe.each([
  {
    name: 'setting a password',
    act: (t: string, id: string) => stage.users.setPassword(t, { id, passwordHash: 'new' }, OPERATOR),
    done: 'set',
    type: 'user.password_set',
  },
  {
    name: 'disabling',
    act: (t: string, id: string) => stage.users.disable(t, id, OPERATOR),
    done: 'disabled',
    type: 'user.disabled',
  },
  {
    name: 'deleting',
    act: (t: string, id: string) => stage.users.delete(t, id, OPERATOR),
    done: 'deleted',
    type: 'user.deleted',
  },
  {
    name: 'logging out',
    act: (t: string, id: string) => stage.users.logout(t, id, OPERATOR),
    done: 'ended',
    type: 'user.revoked',
  },
])('$name', ({ act, done, type }) => {
  test('ends every grant and session of the user and of nobody else, audited', async () => {
    const other = await stage.makeUser(tenant)
    await Promise.all([user, user, other].map((id) => stage.makeGrant(tenant, id, client)))
    expect(await alive(tenant, user)).toEqual([2, 2])
    const version = await versionOf(user)

    expect(await act(tenant, user)).toBe(done)

    expect(await alive(tenant, user)).toEqual([0, 0])
    expect(await alive(tenant, other)).toEqual([1, 1])
    expect(await stage.entries(tenant)).toEqual(['sub'])
    expect(await stage.rows('SELECT index FROM flips WHERE tenant_id = $1', tenant)).toHaveLength(1)
    expect(await versionOf(user)).toBe((version ?? 0) + 1)
    expect(await stage.audited(tenant)).toEqual(expect.arrayContaining([type, 'user.revoked']))
  })

  test('of a user of another tenant does nothing', async () => {
    await stage.makeGrant(tenant, user, client)
    expect(await act(stage.theirs, user)).toBe('unknown')
    expect(await alive(tenant, user)).toEqual([1, 1])
    expect(await stage.entries(stage.theirs)).toEqual([])
  })
})

describe('what is known of a user', () => {
  const change = (to: Parameters<typeof stage.users.update>[1]) => stage.users.update(tenant, to, OPERATOR)
  const known = async () => {
    const found = await stage.users.find(tenant, { id: user })
    return found && { claims: found.claims, emailVerified: found.emailVerified }
  }

  test('is kept claim by claim, audited by name and not by value', async () => {
    expect(await known()).toEqual({ claims: {}, emailVerified: false })
    await change({ id: user, emailVerified: true, claims: { locale: 'nl', address: { country: 'NL' } } })
    await change({ id: user, claims: { locale: null, gender: 'x' } })
    expect(await known()).toEqual({ claims: { address: { country: 'NL' }, gender: 'x' }, emailVerified: true })
    const { items } = await stage.trail.list(tenant, { type: 'user.updated', limit: 2 })
    expect(items.map(({ detail }) => detail)).toEqual([
      { changed: ['locale', 'gender'] },
      { changed: ['email_verified', 'locale', 'address'] },
    ])
    expect(await change({ id: user, emailVerified: false })).toBe('updated')
    expect((await known())?.emailVerified).toBe(false)
  })

  test('of an address is no longer that it is theirs when it is another', async () => {
    await change({ id: user, emailVerified: true })
    const address = { username: 'new@example.com', email: 'new@example.com' }
    await change({ id: user, address })
    expect((await known())?.emailVerified).toBe(false)
    await change({ id: user, address: { username: 'b@example.com', email: 'b@example.com' }, emailVerified: true })
    expect((await known())?.emailVerified).toBe(true)
  })

  test('loses neither of two claims that race, and goes with the user', async () => {
    await Promise.all([change({ id: user, claims: { gender: 'x' } }), change({ id: user, claims: { locale: 'nl' } })])
    expect((await known())?.claims).toEqual({ gender: 'x', locale: 'nl' })
    await stage.users.delete(tenant, user, OPERATOR)
    expect(await stage.rows('SELECT claims FROM users WHERE tenant_id = $1 AND id = $2', tenant, user)).toEqual([
      { claims: {} },
    ])
  })
})

describe('a disabled user', () => {
  test('gets nothing back by being enabled', async () => {
    await stage.makeGrant(tenant, user, client)
    await stage.users.disable(tenant, user, OPERATOR)
    expect(await stage.users.enable(tenant, user, OPERATOR)).toBe('enabled')
    expect(await alive(tenant, user)).toEqual([0, 0])
    expect(await stage.users.enable(tenant, user, OPERATOR)).toBe('unchanged')
  })

  test('is disabled once, whoever races', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => stage.users.disable(tenant, user, OPERATOR)))
    expect(outcomes.sort()).toEqual(['disabled', ...Array.from({ length: 7 }, () => 'unchanged')])
    expect(await stage.entries(tenant)).toEqual(['sub'])
  })
})

describe('a deleted user', () => {
  test('leaves a row that names nobody, no credential, and a free address', async () => {
    await stage.users.update(tenant, { id: user, name: 'Ann Archer' }, OPERATOR)
    await stage.users.delete(tenant, user, OPERATOR)
    const [row] = await stage.rows('SELECT * FROM users WHERE tenant_id = $1 AND id = $2', tenant, user)
    expect(row).toMatchObject({ username: null, email: null, name: null, deleted_at: expect.any(Date) })
    expect(await stage.rows('SELECT 1 FROM credentials WHERE tenant_id = $1 AND user_id = $2', tenant, user)).toEqual(
      [],
    )
    expect(JSON.stringify((await stage.trail.list(tenant, { limit: 100 })).items)).not.toMatch(/ann@|Archer/)
    expect(await stage.users.find(tenant, { id: user })).toBeUndefined()
    expect(await stage.makeUser(tenant, 'ann')).not.toBe(user)
  })

  test('is unknown to every other act', async () => {
    await stage.users.delete(tenant, user, OPERATOR)
    expect(await stage.users.delete(tenant, user, OPERATOR)).toBe('unknown')
    expect(await stage.users.enable(tenant, user, OPERATOR)).toBe('unknown')
    expect(await stage.users.setPassword(tenant, { id: user, passwordHash: 'h' }, OPERATOR)).toBe('unknown')
    expect(await stage.users.update(tenant, { id: user, name: 'x' }, OPERATOR)).toBe('unknown')
  })
})

describe('a change of a user', () => {
  test('changes what it names alone, and ends nothing', async () => {
    await stage.makeGrant(tenant, user, client)
    expect(await stage.users.update(tenant, { id: user, name: 'Ann' }, OPERATOR)).toBe('updated')
    expect(await stage.users.find(tenant, { id: user })).toMatchObject({ name: 'Ann', email: 'ann@example.com' })
    const address = { username: 'eve@example.com', email: 'Eve@example.com' }
    expect(await stage.users.update(tenant, { id: user, address }, OPERATOR)).toBe('updated')
    expect(await stage.users.find(tenant, { username: 'eve@example.com' })).toMatchObject({
      id: user,
      name: 'Ann',
      email: 'Eve@example.com',
    })
    expect(await stage.users.update(tenant, { id: user, name: null }, OPERATOR)).toBe('updated')
    expect(await stage.users.find(tenant, { id: user })).toMatchObject({ name: undefined })
    expect(await alive(tenant, user)).toEqual([1, 1])
  })

  test('is refused an address that somebody has', async () => {
    await stage.makeUser(tenant, 'bob')
    const address = { username: 'bob@example.com', email: 'bob@example.com' }
    expect(await stage.users.update(tenant, { id: user, address }, OPERATOR)).toBe('taken')
    expect(await stage.users.find(tenant, { id: user })).toMatchObject({ email: 'ann@example.com' })
  })
})

test('a new password replaces the old one', async () => {
  await stage.users.setPassword(tenant, { id: user, passwordHash: 'second' }, OPERATOR)
  expect(
    await stage.rows('SELECT secret FROM credentials WHERE tenant_id = $1 AND user_id = $2', tenant, user),
  ).toEqual([{ secret: 'second' }])
})

test('password changes, sign-ins and disabling race without deadlock, and nothing made before survives', async () => {
  for (let round = 0; round < 5; round++) {
    const id = await stage.makeUser(tenant)
    await Promise.all(Array.from({ length: 4 }, () => stage.makeGrant(tenant, id, client)))
    await Promise.all([
      stage.users.setPassword(tenant, { id, passwordHash: 'a' }, OPERATOR),
      stage.users.setPassword(tenant, { id, passwordHash: 'b' }, OPERATOR),
      stage.users.update(tenant, { id, name: 'Race' }, OPERATOR),
      stage.users.logout(tenant, id, OPERATOR),
      stage.users.delete(tenant, id, OPERATOR),
    ])
    expect(await alive(tenant, id)).toEqual([0, 0])
  }
})

test('users are listed page by page, the oldest first, deleted ones not', async () => {
  const [second, third, gone] = [
    await stage.makeUser(tenant),
    await stage.makeUser(tenant),
    await stage.makeUser(tenant),
  ]
  await stage.users.delete(tenant, gone, OPERATOR)
  const first = await stage.users.list(tenant, { limit: 2 })
  expect(first.items.map(({ id }) => id)).toEqual([user, second])
  const rest = await stage.users.list(tenant, { limit: 2, after: first.next })
  expect(rest.items.map(({ id }) => id)).toEqual([third])
  expect(rest.next).toBeUndefined()
})
