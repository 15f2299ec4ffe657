import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPushedRequests } from '../../src/store/pushed-requests.js'
import { createSignInStates } from '../../src/store/sign-in-states.js'
import { person, postgresBench } from '../support/browser-bench.js'
import { peopleCases } from '../support/browser-cases/people.js'
import { requestCases } from '../support/browser-cases/requests.js'
import { watchPlans } from '../support/explain.js'
import { type Stage, setStage } from '../support/fixtures.js'

let stage: Stage
beforeAll(async () => {
  stage = await setStage({ connections: 30 })
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const open = () => postgresBench(stage)

describe('in Postgres', () => {
  requestCases(open)
  peopleCases(open)
})

type Kept = { readonly id: string; readonly find: () => Promise<unknown>; readonly secrets: readonly string[] }
const kept = {
  sign_in_states: async (): Promise<Kept> => {
    const { ports, ours } = await open()
    const begun = { browser: 'browser-of-the-test', clientId: ours.clientId, state: {}, lifetime: 3_600 }
    const id = await ports.signInStates.begin(ours.tenantId, begun)
    const { browser } = begun
    return { id, find: () => ports.signInStates.find(ours.tenantId, { id, browser }), secrets: [id, browser] }
  },
  pushed_requests: async (): Promise<Kept> => {
    const { ports, ours } = await open()
    const { clientId } = ours
    const id = await ports.pushedRequests.push(ours.tenantId, { clientId, params: {}, lifetime: 3_600 })
    return { id, find: () => ports.pushedRequests.find(ours.tenantId, { id, clientId }), secrets: [id] }
  },
}

describe.each(Object.entries(kept))('%s', (table, keep) => {
  test('hold hashes: a dump can take nothing over', async () => {
    const { secrets } = await keep()
    const [{ dump }] = await sql(`SELECT string_agg(s::text, ' ') AS dump FROM ${table} s`)
    for (const secret of secrets) {
      for (const text of [
        secret,
        Buffer.from(secret).toString('hex'),
        Buffer.from(secret, 'base64url').toString('hex'),
      ]) {
        expect(dump).not.toContain(text)
      }
    }
  })

  test('stand in the partition of the day they were begun on, are found after midnight, and leave with it', async () => {
    await sql(`DELETE FROM ${table}`)
    const { find } = await keep()
    const [row] = await sql(
      `SELECT tableoid::regclass::text AS name, day - date '1970-01-01' AS day, day = day_of(now()) AS today FROM ${table}`,
    )
    expect(row).toEqual({ name: `${table}_d${row.day}`, day: row.day, today: true })
    await sql(`UPDATE ${table} SET day = day - 1`)
    await sql("CALL maintain_partitions('30 days', 12)")
    expect(await find()).toBeDefined()
    await sql(`UPDATE ${table} SET day = day - 1`)
    expect(await find()).toBeUndefined()
    await sql("CALL maintain_partitions('30 days', 12)")
    expect(await sql(`SELECT FROM ${table}`)).toEqual([])
  })
})

describe('partitions', () => {
  test('of all three are made for a week, and dropped when their day is two days past', async () => {
    const [{ day }] = await sql(`SELECT day_of(now()) - date '1970-01-01' AS day`)
    for (const table of ['authorization_codes', 'sign_in_states', 'pushed_requests']) {
      const names = async () =>
        (
          await sql('SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass', table)
        ).map(({ name }) => name)
      const week = Array.from({ length: 8 }, (_, index) => `${table}_d${day + index}`)
      expect((await names()).sort()).toEqual([...week, `${table}_default`].sort())
      await sql(`SELECT maintain_table($1, 'd', $2, $2, 0, '')`, table, day - 2)
      expect(await names()).toContain(`${table}_d${day - 2}`)
      await sql("CALL maintain_partitions('30 days', 12)")
      expect((await names()).sort()).toEqual([...week, `${table}_default`].sort())
    }
  })

  test('of two days are looked into, by key', async () => {
    const { ours } = await open()
    const [{ day }] = await sql(`SELECT day_of(now()) - date '1970-01-01' AS day`)
    const days = (table: string) => [`${table}_d${day}_pkey`, `${table}_default_pkey`]
    const states = watchPlans(stage.pool, 'sign_in_states')
    const { tenantId, clientId } = ours
    const store = createSignInStates({ pool: states.pool })
    const id = await store.begin(tenantId, { browser: 'b', clientId, state: {}, lifetime: 60 })
    await store.find(tenantId, { id, browser: 'b' })
    await store.change(tenantId, { id, browser: 'b', version: 0, state: {} })
    await store.end(tenantId, { id, browser: 'b' })
    const state = days('sign_in_states')
    expect(await states.indexes()).toEqual([[], state, state, state])

    const pushed = watchPlans(stage.pool, 'pushed_requests')
    const requests = createPushedRequests({ pool: pushed.pool })
    const request = { id: await requests.push(tenantId, { clientId, params: {}, lifetime: 60 }), clientId }
    await requests.find(tenantId, request)
    await requests.use(tenantId, request)
    const found = days('pushed_requests')
    expect(await pushed.indexes()).toEqual([[], found, found])
  })
})

describe('a consent', () => {
  test('is nothing, and not audited, where the user or the client was never there', async () => {
    const { ports, ours, theirs, audited } = await open()
    const scopes = new Map([['', ['openid']]])
    const { tenantId, userId, clientId } = ours
    for (const who of [
      { userId: theirs.userId, clientId },
      { userId, clientId: theirs.clientId },
    ]) {
      await expect(ports.consents.remember(tenantId, { ...who, scopes }, person(ours))).rejects.toThrow('foreign key')
    }
    expect(await audited(ours)).toEqual([])
  })
})

test('a profile has what is known of the user', async () => {
  const { ports, ours } = await open()
  const claims = { given_name: 'Ada', address: { locality: 'London' } }
  await sql(
    `UPDATE users SET name = 'Ada Lovelace', email = 'Ada@Example.com', email_verified_at = now(), claims = $2, updated_at = '2026-01-02Z' WHERE id = $1`,
    ours.userId,
    claims,
  )
  expect(await ports.profiles.find(ours.tenantId, ours.userId)).toEqual({
    id: ours.userId,
    username: ours.username,
    name: 'Ada Lovelace',
    email: 'Ada@Example.com',
    emailVerified: true,
    claims,
    updatedAt: new Date('2026-01-02T00:00:00Z'),
  })
  await sql('UPDATE users SET deleted_at = now(), username = NULL WHERE id = $1', ours.userId)
  expect(await ports.profiles.find(ours.tenantId, ours.userId)).toBeUndefined()
})
