import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createEnvelope } from '../../src/crypto/envelope.js'
import { createKnownKeys } from '../../src/store/known-keys.js'
import { makeApi, operator, type Stage, setStage, type World } from '../support/fixtures.js'
import { databaseProcess } from '../support/keys.js'

let stage: Stage
let process: ReturnType<typeof databaseProcess>
let knownKeys: ReturnType<typeof createKnownKeys>
beforeAll(async () => {
  stage = await setStage()
  process = databaseProcess(stage.pool, { envelope: createEnvelope(randomBytes(32)) })
  knownKeys = createKnownKeys(stage.pool)
  for (const { tenant } of [stage.ours, stage.theirs]) await process.rotation.ensure(tenant.id)
})
afterAll(() => stage.close())
beforeEach(() => stage.pool.query('DELETE FROM api_known_keys'))

type Row = { tenant_id: string; api_id: string; kid: string; seen_at: Date; version: string }

const rows = async () =>
  (await stage.pool.query<Row>('SELECT *, xmin::text || ctid::text AS version FROM api_known_keys ORDER BY kid')).rows
const keyOf = async ({ tenant }: World, purpose = 'access_token') => {
  const found = await stage.pool.query<{ id: string }>(
    `SELECT id FROM keys WHERE tenant_id = $1 AND purpose = $2 AND status = 'active' AND revoked_at IS NULL`,
    [tenant.id, purpose],
  )
  return found.rows[0]?.id ?? ''
}
const apiOf = ({ tenant, api }: World) => ({ tenantId: tenant.id, id: api.id })

describe('a key that an API tells of', () => {
  test('is kept once, however often it is told, and by however many at once', async () => {
    const { ours } = stage
    const kid = await keyOf(ours)
    await Promise.all(Array.from({ length: 20 }, () => knownKeys.note(apiOf(ours), [kid, kid])))
    const [first, ...others] = await rows()
    expect(others).toEqual([])
    expect(first).toMatchObject({ tenant_id: ours.tenant.id, api_id: ours.api.id, kid })
    expect(await knownKeys.list(ours.tenant.id)).toEqual([{ kid, api: ours.api.identifier }])
    expect(await knownKeys.list(stage.theirs.tenant.id)).toEqual([])
  })

  test('is written again once the mark is an hour old, and not before', async () => {
    const { ours } = stage
    const kid = await keyOf(ours)
    await knownKeys.note(apiOf(ours), [kid])
    const age = (minutes: number) =>
      stage.pool.query('UPDATE api_known_keys SET seen_at = clock_timestamp() - make_interval(mins => $1)', [minutes])
    await age(59)
    const [young] = await rows()
    await knownKeys.note(apiOf(ours), [kid])
    expect(await rows()).toEqual([young])
    await age(61)
    await knownKeys.note(apiOf(ours), [kid])
    expect((await rows())[0]?.seen_at.getTime()).toBeGreaterThan(Date.now() - 60_000)
  })

  test('is left out when it is another tenant’s, unknown, of another purpose, a secret, or revoked', async () => {
    const { ours, theirs } = stage
    const kids = await Promise.all([
      keyOf(theirs),
      keyOf(ours, 'revocations'),
      keyOf(ours, 'introspection'),
      keyOf(ours, 'mac'),
    ])
    const revoked = await keyOf(ours)
    await process.rotation.rotate(ours.tenant.id, { purpose: 'access_token', now: true, revoke: true }, operator)
    await knownKeys.note(apiOf(ours), [...kids, revoked, 'unknown', "'; DROP TABLE keys; --"])
    expect(await rows()).toEqual([])
  })

  test('is not marked by the API of another tenant, of the same id', async () => {
    const { ours, theirs } = stage
    const twin = await makeApi(stage.pool, theirs.tenant.id, { id: ours.api.id })
    await knownKeys.note({ tenantId: theirs.tenant.id, id: twin.id }, [await keyOf(ours), await keyOf(theirs)])
    expect(await rows()).toMatchObject([{ tenant_id: theirs.tenant.id, kid: await keyOf(theirs) }])
    expect(await knownKeys.list(ours.tenant.id)).toEqual([])
  })

  test('takes its marks along when it is destroyed, and so does an API; one that is disabled or deleted is not listed', async () => {
    const { ours, theirs } = stage
    const other = await makeApi(stage.pool, ours.tenant.id)
    const kid = await keyOf(ours)
    for (const id of [ours.api.id, other.id]) await knownKeys.note({ tenantId: ours.tenant.id, id }, [kid])
    await knownKeys.note(apiOf(theirs), [await keyOf(theirs)])
    expect(await knownKeys.list(ours.tenant.id)).toHaveLength(2)
    await stage.pool.query('UPDATE apis SET disabled_at = now() WHERE id = $1', [other.id])
    expect(await knownKeys.list(ours.tenant.id)).toHaveLength(1)
    await stage.pool.query('UPDATE apis SET disabled_at = NULL, deleted_at = now() WHERE id = $1', [other.id])
    expect(await knownKeys.list(ours.tenant.id)).toHaveLength(1)
    await stage.pool.query('DELETE FROM apis WHERE id = $1', [other.id])
    expect(await rows()).toHaveLength(2)

    await process.rotation.rotate(ours.tenant.id, { purpose: 'access_token', now: true, revoke: false }, operator)
    await stage.pool.query(`UPDATE keys SET expires_at = now() WHERE tenant_id = $1 AND id = $2`, [ours.tenant.id, kid])
    await process.rotation.advance()
    expect(await rows()).toMatchObject([{ tenant_id: theirs.tenant.id }])
  })

  test('is kept while the key is being rotated: neither waits for the other for ever', async () => {
    const { ours } = stage
    const tenantId = ours.tenant.id
    const others = await Promise.all(Array.from({ length: 4 }, () => makeApi(stage.pool, tenantId)))
    for (let round = 0; round < 10; round++) {
      const kids = (await stage.pool.query('SELECT id FROM keys WHERE tenant_id = $1', [tenantId])).rows.map(
        ({ id }) => id,
      )
      await Promise.all([
        process.rotation.rotate(tenantId, { purpose: 'access_token', now: true, revoke: round % 2 === 0 }, operator),
        ...others.map(({ id }) => knownKeys.note({ tenantId, id }, [...kids].reverse())),
      ])
    }
    expect((await knownKeys.list(tenantId)).length).toBeGreaterThan(0)
  })
})
