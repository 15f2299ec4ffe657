import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startJobs } from '../../src/jobs/start.js'
import { API_KEYS_INTERVAL, type FetchJson, refreshApiKeys, refreshDueApiKeys } from '../../src/keys/api-keys.js'
import type { Actor, Tenant } from '../../src/oauth/records.js'
import { createApiKeyStore } from '../../src/store/api-keys.js'
import { createMaintenance } from '../../src/store/maintenance.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { newPrivateJwk, publicJwk } from '../support/jwk.js'
import { DAY, databaseProcess, insertTenant, recordingLog } from '../support/keys.js'

const OPERATOR: Actor = { kind: 'operator', id: 'op' }
const URI = 'https://api.example/jwks'
const jwk = newPrivateJwk('X25519')
const sound = { keys: [{ ...publicJwk(jwk), kid: 'api-1', use: 'enc' }] }
const privateKeys = { keys: [{ ...jwk, kid: 'api-1', use: 'enc' }] }

let database: TestDatabase
let pool: pg.Pool
let tenant: Tenant
let other: Tenant

beforeAll(async () => {
  database = await testDatabase()
  pool = new pg.Pool(database.connection)
  // Dropping the database ends connections that are still closing.
  pool.on('error', () => {})
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(async () => {
  await pool.query('TRUNCATE tenants CASCADE')
  tenant = await insertTenant(pool, 'one')
  other = await insertTenant(pool, 'two')
})

const ago = (seconds: number) => new Date(Date.now() - seconds * 1000)
const configRevision = async ({ id } = tenant): Promise<string> =>
  (await pool.query('SELECT config_revision FROM revisions WHERE tenant_id = $1', [id])).rows[0].config_revision

describe('the keys of APIs', () => {
  type ApiRow = { jwks?: object; uri?: string; checkedAt?: Date; fetchedAt?: Date; deletedAt?: Date }
  const insertApi = async (id: string, about: ApiRow = {}, { id: tenantId } = tenant) => {
    const { jwks = { keys: [] }, uri = URI, checkedAt, fetchedAt, deletedAt } = about
    await pool.query(
      `INSERT INTO apis (tenant_id, id, identifier, name, encryption_algorithm, encryption_method, jwks, jwks_uri, jwks_checked_at, jwks_fetched_at, deleted_at)
       VALUES ($1, $2, 'https://api.example/' || $2, 'API', 'ECDH-ES', 'A256GCM', $3, $4, $5, $6, $7)`,
      [tenantId, id, jwks, uri, checkedAt, fetchedAt, deletedAt],
    )
  }
  const row = async (id: string, tenantId = tenant.id) =>
    (await pool.query('SELECT * FROM apis WHERE tenant_id = $1 AND id = $2', [tenantId, id])).rows[0]
  /** One process; `answers` by URL, and what was asked for. */
  const fetching = (answer: (url: string) => unknown) => {
    const asked: string[] = []
    const log = recordingLog()
    const fetchJson: FetchJson = async (url) => {
      asked.push(url)
      return answer(url)
    }
    return { asked, log, deps: { apiKeys: createApiKeyStore(pool), fetchJson, log } }
  }

  it('are fetched when they are due, kept, audited and announced', async () => {
    await insertApi('due', { checkedAt: ago(API_KEYS_INTERVAL + 1) })
    await insertApi('never')
    await insertApi('fresh', { checkedAt: ago(API_KEYS_INTERVAL - 60) })
    await insertApi('gone', { deletedAt: ago(1) })
    const { asked, deps } = fetching(() => sound)
    await refreshDueApiKeys(deps)
    expect(asked).toHaveLength(2)
    for (const id of ['due', 'never']) {
      const { jwks, jwks_fetched_at, jwks_error } = await row(id)
      expect({ jwks, jwks_error }).toEqual({ jwks: sound, jwks_error: null })
      expect(Date.now() - jwks_fetched_at.getTime()).toBeLessThan(60_000)
    }
    expect((await row('fresh')).jwks).toEqual({ keys: [] })
    const { rows: events } = await pool.query('SELECT type, actor, subject FROM audit_events WHERE tenant_id = $1', [
      tenant.id,
    ])
    expect(events).toHaveLength(2)
    expect(events[0]).toMatchObject({ type: 'api.keys_fetched', actor: { kind: 'system' } })
    expect(await configRevision()).not.toBe('0')
    expect(await configRevision(other)).toBe('0')
  })

  it('are fetched by one process of many, however many APIs there are', async () => {
    for (let n = 0; n < 20; n++) await insertApi(`api-${n}`, { uri: `${URI}/${n}` })
    const replicas = Array.from({ length: 4 }, () => fetching(() => sound))
    await Promise.all(replicas.map(({ deps }) => refreshDueApiKeys(deps)))
    const asked = replicas.flatMap((replica) => replica.asked)
    expect(asked).toHaveLength(20)
    expect(new Set(asked).size).toBe(20)
  })

  it.each([
    ['the fetch fails', () => Promise.reject(new Error('The answer took too long.')), 'The answer took too long.'],
    ['a key is private', () => privateKeys, 'private'],
    ['a key is symmetric', () => ({ keys: [...sound.keys, { kty: 'oct', k: 'c2VjcmV0' }] }), 'symmetric'],
    ['no key fits', () => ({ keys: [] }), 'No key'],
    ['it is no key set', () => 'nonsense', 'key'],
  ])('stay the last good ones when %s', async (_, answer, reason) => {
    const fetchedAt = ago(3600)
    await insertApi('api', { jwks: sound, checkedAt: ago(3600), fetchedAt })
    const { deps, log } = fetching(answer)
    await refreshDueApiKeys(deps)
    const { jwks, jwks_fetched_at, jwks_error } = await row('api')
    expect({ jwks, jwks_fetched_at }).toEqual({ jwks: sound, jwks_fetched_at: fetchedAt })
    expect(jwks_error).toContain(reason)
    expect(log.lines).toEqual([
      expect.objectContaining({ level: 'warn', api: 'api', identifier: 'https://api.example/api' }),
    ])
    expect(await configRevision()).toBe('0')
    const after = fetching(() => sound)
    expect(await refreshApiKeys({ tenantId: tenant.id, apiId: 'api' }, after.deps, OPERATOR)).toEqual({
      result: 'unchanged',
    })
    expect((await row('api')).jwks_error).toBeNull()
  })

  it('are announced once an hour when they stay the same, so that nobody takes them for old', async () => {
    const hour = (id: string) => ({ tenantId: tenant.id, apiId: id })
    await insertApi('api', { jwks: sound, fetchedAt: ago(3601) })
    const { deps } = fetching(() => sound)
    await refreshApiKeys(hour('api'), deps, OPERATOR)
    const announced = await configRevision()
    expect(announced).not.toBe('0')
    // In the same hour, by the database's clock.
    await pool.query("UPDATE apis SET jwks_fetched_at = date_trunc('hour', clock_timestamp())")
    await refreshApiKeys(hour('api'), deps, OPERATOR)
    expect(await configRevision()).toBe(announced)
    expect((await pool.query('SELECT count(*)::int AS n FROM audit_events')).rows[0].n).toBe(0)
  })

  it('of an answer that was overtaken are not kept', async () => {
    await insertApi('api')
    const newer = { keys: [{ ...sound.keys[0], kid: 'newer' }] }
    const slow = fetching(async () => {
      await refreshApiKeys({ tenantId: tenant.id, apiId: 'api' }, fetching(() => newer).deps, OPERATOR)
      return sound
    })
    const result = await refreshApiKeys({ tenantId: tenant.id, apiId: 'api' }, slow.deps, OPERATOR)
    expect(result).toEqual({ result: 'superseded' })
    expect((await row('api')).jwks).toEqual(newer)
  })

  it('are claimed at a later time than ever before, so that two claims never look the same', async () => {
    const future = ago(-3600)
    await insertApi('api', { checkedAt: future })
    const store = createApiKeyStore(pool)
    const first = await store.claim(tenant.id, 'api')
    const second = await store.claim(tenant.id, 'api')
    expect(first?.claimedAt.getTime()).toBe(future.getTime() + 1)
    expect(second?.claimedAt.getTime()).toBe(future.getTime() + 2)
  })

  it('are fetched on demand for one API of one tenant, if it has a jwks_uri', async () => {
    await insertApi('api')
    await insertApi('api', {}, other)
    const { deps, asked } = fetching(() => sound)
    expect(await refreshApiKeys({ tenantId: tenant.id, apiId: 'api' }, deps, OPERATOR)).toEqual({ result: 'changed' })
    expect(asked).toHaveLength(1)
    expect((await row('api', other.id)).jwks).toEqual({ keys: [] })
    await pool.query('UPDATE apis SET jwks_uri = NULL')
    expect(await refreshApiKeys({ tenantId: tenant.id, apiId: 'api' }, deps, OPERATOR)).toBeUndefined()
  })
})

describe('tombstones', () => {
  const keep = 60 * DAY
  const remove = () => createMaintenance(pool).removeTombstones({ keep, batch: 10 })
  const insert = async (table: 'users' | 'clients' | 'apis', deletedAt: Date | undefined, tenantId = tenant.id) => {
    const id = randomUUID()
    const columns = {
      users: '(tenant_id, id, deleted_at) VALUES ($1, $2, $3)',
      clients: "(tenant_id, id, deleted_at, name) VALUES ($1, $2, $3, 'c')",
      apis: "(tenant_id, id, deleted_at, name, identifier, format) VALUES ($1, $2, $3, 'a', $2, 'opaque')",
    }
    await pool.query(`INSERT INTO ${table} ${columns[table]}`, [tenantId, id, deletedAt])
    return id
  }
  const ids = async (table: string) => (await pool.query(`SELECT id FROM ${table}`)).rows.map(({ id }) => id)

  it.each(['users', 'clients', 'apis'] as const)(
    'of %s go when nothing of theirs can be live, and no sooner',
    async (table) => {
      const old = await insert(table, ago(keep + 3600 + 60))
      const recent = await insert(table, ago(keep + 3600 - 60))
      const live = await insert(table, undefined)
      expect(await remove()).toBe(1)
      expect((await ids(table)).sort()).toEqual([recent, live].sort())
      expect(await ids(table)).not.toContain(old)
    },
  )

  it('wait as long as the longest token of their tenant lives', async () => {
    await pool.query('UPDATE tenants SET max_token_lifetime = 86400 WHERE id = $1', [other.id])
    await insert('users', ago(keep + 3600 + 60), other.id)
    expect(await remove()).toBe(0)
  })

  it('go in batches, each to one process', async () => {
    for (let n = 0; n < 25; n++) await insert('users', ago(keep + DAY))
    const removed = await Promise.all([remove(), remove()])
    expect(removed.every((n) => n <= 10)).toBe(true)
    while ((await remove()) > 0);
    expect(await ids('users')).toEqual([])
  })

  it('of a tenant go with its last audit event', async () => {
    await pool.query('UPDATE tenants SET deleted_at = $2 WHERE id = $1', [tenant.id, ago(keep + DAY)])
    await pool.query("SELECT audit($1, 'tenant.deleted', '{}', '{}')", [tenant.id])
    expect(await remove()).toBe(0)
    await pool.query('DELETE FROM audit_events')
    expect(await remove()).toBe(1)
    expect(await ids('tenants')).toEqual([other.id])
  })
})

describe('the jobs of a process', () => {
  it('do their first round at once and end with it', async () => {
    await pool.query(
      `INSERT INTO apis (tenant_id, id, identifier, name, encryption_algorithm, encryption_method, jwks_uri)
       VALUES ($1, 'api', 'https://api.example', 'API', 'ECDH-ES', 'A256GCM', $2)`,
      [tenant.id, URI],
    )
    await pool.query('UPDATE tenants SET deleted_at = $2 WHERE id = $1', [other.id, ago(1000 * DAY)])
    const { rotation, log } = databaseProcess(pool)
    const jobs = startJobs({
      log,
      policy: { accessTokenLifetime: 300, grantLifetime: 30 * DAY, grantIdleLifetime: 7 * DAY, maxStaleness: 5 },
      rotation,
      apiKeys: createApiKeyStore(pool),
      fetchJson: async () => sound,
      maintenance: createMaintenance(pool),
      logoutDelivery: { run: async () => undefined },
    })
    await jobs.stop()
    expect(log.lines.filter(({ level }) => level !== 'info')).toEqual([])
    expect((await pool.query('SELECT DISTINCT tenant_id FROM keys')).rows).toEqual([{ tenant_id: tenant.id }])
    expect((await pool.query('SELECT jwks FROM apis')).rows).toEqual([{ jwks: sound }])
    expect((await pool.query('SELECT id FROM tenants')).rows).toEqual([{ id: tenant.id }])
    const { rows: months } = await pool.query(
      "SELECT count(*)::int AS n FROM pg_inherits WHERE inhparent = 'grants'::regclass AND inhrelid <> 'grants_default'::regclass",
    )
    expect(months[0].n).toBeGreaterThan(1)
  })
})
