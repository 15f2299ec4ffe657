import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createEnvelope, WrongMasterKeyError } from '../../src/crypto/envelope.js'
import { openSecret } from '../../src/keys/key-material.js'
import { verifyMasterKey } from '../../src/keys/master-key.js'
import type { Purpose } from '../../src/keys/purpose.js'
import { FIRST_KEYS, JWKS_MAX_AGE, PUBLICATION_LEAD, REVOKED_KEY_KEPT, SKEW } from '../../src/keys/schedule.js'
import type { Actor, Tenant } from '../../src/oauth/records.js'
import { createKeyStore } from '../../src/store/keys.js'
import { silent } from '../../src/store/log.js'
import { createView } from '../../src/store/view.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { DAY, databaseProcess, insertTenant, LIFETIMES } from '../support/keys.js'

const OPERATOR: Actor = { kind: 'operator', id: 'op' }
const envelope = createEnvelope(randomBytes(32))

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

/** Another process: it shares nothing but the database and the master key. */
const replica = () => databaseProcess(pool, { envelope })

type Row = { id: string; status: string; number: number | null; expires_in: number | null; activates_in: number }

const rows = async (purpose: Purpose, { id } = tenant) =>
  (
    await pool.query<Row>(
      `SELECT id, status, number, extract(epoch FROM expires_at - clock_timestamp())::float AS expires_in,
              extract(epoch FROM activates_at - clock_timestamp())::float AS activates_in
         FROM keys WHERE tenant_id = $1 AND purpose = $2 ORDER BY created_at`,
      [id, purpose],
    )
  ).rows
const statuses = async (purpose: Purpose) => (await rows(purpose)).map(({ status }) => status)

/** As if the tenant's keys had been made so many seconds earlier. */
const age = (seconds: number) =>
  pool.query(
    `UPDATE keys SET created_at = created_at - make_interval(secs => $2), activates_at = activates_at - make_interval(secs => $2),
            activated_at = activated_at - make_interval(secs => $2), retired_at = retired_at - make_interval(secs => $2),
            expires_at = expires_at - make_interval(secs => $2) WHERE tenant_id = $1`,
    [tenant.id, seconds],
  )
const events = async ({ id } = tenant) =>
  (await pool.query('SELECT type, actor, subject, detail FROM audit_events WHERE tenant_id = $1 ORDER BY id', [id]))
    .rows
const configRevision = async ({ id } = tenant) =>
  (await pool.query('SELECT config_revision FROM revisions WHERE tenant_id = $1', [id])).rows[0].config_revision
const only = <T>(list: readonly T[]): T => {
  if (list.length !== 1 || list[0] === undefined) throw new Error(`expected one, got ${list.length}`)
  return list[0]
}

describe('ensure', () => {
  it('makes every first key of one tenant once, audited, and announces it', async () => {
    const before = await configRevision()
    await replica().rotation.ensure(tenant.id)
    await replica().rotation.ensure(tenant.id)
    const { rows: made } = await pool.query('SELECT tenant_id, purpose, algorithm, status FROM keys')
    expect(made.every((key) => key.tenant_id === tenant.id && key.status === 'active')).toBe(true)
    expect(made.map(({ purpose, algorithm }) => ({ purpose, algorithm }))).toEqual(
      expect.arrayContaining([...FIRST_KEYS]),
    )
    expect(made).toHaveLength(FIRST_KEYS.length)
    const types = (await events()).map(({ type }) => type)
    expect(types.filter((type) => type === 'key.created')).toHaveLength(FIRST_KEYS.length)
    expect(types.filter((type) => type === 'key.activated')).toHaveLength(FIRST_KEYS.length)
    expect(await configRevision()).not.toBe(before)
    expect(await events(other)).toEqual([])
    expect(await configRevision(other)).toBe('0')
  })

  it('makes one key of a kind when many processes begin at once', async () => {
    await Promise.all(Array.from({ length: 8 }, () => replica().rotation.ensure(tenant.id)))
    const { rows: made } = await pool.query('SELECT purpose FROM keys')
    expect(made).toHaveLength(FIRST_KEYS.length)
  })

  it('makes the signing key of the algorithm an API asks for', async () => {
    await replica().rotation.ensure(tenant.id, { purpose: 'access_token', algorithm: 'Ed25519' })
    expect(only(await rows('access_token')).status).toBe('active')
  })

  it('gives a tenant of an older release the kinds of key that came since, and APIs the algorithms they ask for', async () => {
    const { rotation } = replica()
    await rotation.ensure(tenant.id)
    await pool.query(`DELETE FROM keys WHERE purpose = 'introspection'`)
    await pool.query(
      `INSERT INTO apis (tenant_id, id, identifier, name, format, introspection_algorithm) VALUES ($1, 'a', 'urn:a', 'A', 'signed', 'Ed25519')`,
      [tenant.id],
    )
    await rotation.advance()
    const { rows: made } = await pool.query(
      `SELECT algorithm FROM keys WHERE tenant_id = $1 AND purpose = 'introspection' AND status = 'active' ORDER BY 1`,
      [tenant.id],
    )
    expect(made.map(({ algorithm }) => algorithm)).toEqual(['Ed25519', 'RS256'])
  })

  it('gives live clients the algorithms they ask for in ID tokens and userinfo', async () => {
    const { rotation } = replica()
    const client = (id: string, idToken: string, userinfo: string | null, deleted = false) =>
      pool.query(
        `INSERT INTO clients (tenant_id, id, name, public, first_party, id_token_algorithm, userinfo_algorithm, deleted_at)
         VALUES ($1, $2, 'C', true, true, $3, $4, CASE WHEN $5 THEN now() END)`,
        [tenant.id, id, idToken, userinfo, deleted],
      )
    await client('a', 'RS256', 'Ed25519')
    await client('b', 'PS256', null, true)
    await rotation.ensure(tenant.id)
    const algorithmsOf = async ({ id }: typeof tenant) => {
      const found = await pool.query(
        "SELECT algorithm FROM keys WHERE tenant_id = $1 AND purpose = 'id_token' ORDER BY 1",
        [id],
      )
      return found.rows.map(({ algorithm }) => algorithm)
    }
    expect(await algorithmsOf(tenant)).toEqual(['Ed25519', 'RS256'])
    await rotation.ensure(other.id)
    expect(await algorithmsOf(other)).toEqual(['RS256'])
  })

  it('makes nothing for a deleted tenant', async () => {
    await pool.query('UPDATE tenants SET deleted_at = now() WHERE id = $1', [tenant.id])
    const { keys, rotation } = replica()
    await rotation.ensure(tenant.id)
    const key = { id: 'k', purpose: 'kek', algorithm: 'A256KW', number: 1, publicJwk: undefined } as const
    const sealed = { ...key, sealed: randomBytes(60), masterKeyId: 'id', status: 'active' } as const
    expect(await keys.create(tenant.id, sealed, OPERATOR)).toBe('superseded')
    expect(await rows('kek')).toEqual([])
  })
})

describe('the schedule', () => {
  beforeEach(() => replica().rotation.ensure(tenant.id))

  it('publishes the next signing key ahead of time, then swaps it in and keeps the old one', async () => {
    const { rotation } = replica()
    const [first] = await rows('access_token')
    await age(LIFETIMES.rotation - DAY - 60)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['active'])
    await age(120)
    await rotation.advance()
    const [, next] = await rows('access_token')
    expect(next).toMatchObject({ status: 'next' })
    expect(next?.activates_in).toBeGreaterThan(2 * JWKS_MAX_AGE)
    await age(DAY - 120)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['active', 'next'])
    await age(120)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
    const [retired] = await rows('access_token')
    expect(retired?.expires_in).toBeGreaterThan(tenant.maxTokenLifetime)
    await age(tenant.maxTokenLifetime + SKEW - 30)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
    await age(60)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['active'])
    const life = (await events()).filter(({ subject }) => subject.key === first?.id).map(({ type }) => type)
    expect(life).toEqual(['key.created', 'key.activated', 'key.retired', 'key.destroyed'])
  })

  it('publishes a late key for twice the max-age before it is used', async () => {
    await age(LIFETIMES.rotation + 30 * DAY)
    await replica().rotation.advance()
    const [, next] = await rows('access_token')
    expect(next?.status).toBe('next')
    expect(next?.activates_in).toBeGreaterThan(PUBLICATION_LEAD - 30)
  })

  it('lets one of many processes make, activate and destroy', async () => {
    const advance = () => Promise.all(Array.from({ length: 6 }, () => replica().rotation.advance()))
    await age(LIFETIMES.rotation)
    await advance()
    expect(await statuses('access_token')).toEqual(['active', 'next'])
    await age(DAY)
    await advance()
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
    await age(DAY)
    await advance()
    const types = (await events()).filter(({ detail }) => detail.purpose === 'access_token').map(({ type }) => type)
    expect(types.sort()).toEqual(
      ['key.activated', 'key.activated', 'key.created', 'key.created', 'key.destroyed', 'key.retired'].sort(),
    )
  })

  it('changes KEKs daily and destroys one when the last token it wrapped has expired', async () => {
    const { rotation } = replica()
    await age(DAY - 1800)
    await rotation.advance()
    expect(await statuses('kek')).toEqual(['active', 'next'])
    expect((await rows('kek')).map(({ number }) => number)).toEqual([0, 1])
    await age(1801)
    await rotation.advance()
    expect(await statuses('kek')).toEqual(['retired', 'active'])
    await age(tenant.maxTokenLifetime + SKEW + 1)
    await rotation.advance()
    expect(await statuses('kek')).toEqual(['active'])
  })

  it('never rotates what lists and cookies depend on', async () => {
    await age(10 * LIFETIMES.rotation)
    await replica().rotation.advance()
    expect(await statuses('permutation')).toEqual(['active'])
    expect(await statuses('cookie')).toEqual(['active'])
    expect(await statuses('pairwise')).toEqual(['active'])
  })

  it('puts the next key, or a new one, in the place of a revoked one', async () => {
    const revoke = async () => {
      const { id } = only((await rows('access_token')).filter(({ status }) => status === 'active'))
      await pool.query("SELECT revoke_key($1, $2, interval '1 day', '{}', 'test')", [tenant.id, id])
    }
    const { rotation } = replica()
    await rotation.rotate(tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    await revoke()
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
    await revoke()
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['retired', 'retired', 'active'])
  })

  it('goes on after the failure of one tenant, and logs it', async () => {
    await replica().rotation.ensure(other.id)
    await pool.query("UPDATE keys SET activated_at = activated_at - interval '1000 days'")
    const { keys, rotation, log } = databaseProcess(pool, { envelope })
    const create = keys.create
    keys.create = (tenantId, ...rest) =>
      tenantId === tenant.id ? Promise.reject(new Error('broken')) : create(tenantId, ...rest)
    await rotation.advance()
    expect((await rows('kek', other)).map(({ status }) => status)).toEqual(['active', 'next'])
    expect(log.lines.some(({ level, tenant: id }) => level === 'error' && id === tenant.id)).toBe(true)
  })

  it('destroys all keys of a tenant whose last token has expired since it was deleted', async () => {
    await replica().rotation.ensure(other.id)
    await pool.query("UPDATE tenants SET deleted_at = now() - interval '1 hour' WHERE id = $1", [tenant.id])
    await replica().rotation.advance()
    expect(await rows('access_token')).toHaveLength(1)
    await pool.query("UPDATE tenants SET deleted_at = now() - interval '30 days' WHERE id = $1", [tenant.id])
    await replica().rotation.advance()
    const { rows: left } = await pool.query('SELECT DISTINCT tenant_id FROM keys')
    expect(left).toEqual([{ tenant_id: other.id }])
  })
})

describe('the store', () => {
  const only = async (purpose: Purpose, status: string) => {
    const found = (await rows(purpose)).find((row) => row.status === status)
    if (!found) throw new Error(`no ${status} ${purpose} key`)
    return found.id
  }

  it('activates and destroys nothing before its time, whatever the schedule of a process says', async () => {
    const { keys, rotation } = replica()
    await rotation.ensure(tenant.id)
    await rotation.rotate(tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    const next = { id: await only('access_token', 'next'), keep: 3600 }
    expect(await keys.activate(tenant.id, { ...next, atOnce: false }, OPERATOR)).toBe('not_due')
    expect(await keys.activate(other.id, { ...next, atOnce: true }, OPERATOR)).toBe('not_due')
    expect(await keys.activate(tenant.id, { ...next, atOnce: true }, OPERATOR)).toBe('activated')
    for (const status of ['retired', 'active']) {
      const change = { id: await only('access_token', status), keep: 3600, slack: SKEW }
      expect(await keys.destroy(tenant.id, change, OPERATOR)).toBe('needed')
    }
  })

  it('announces every change, and audits it with who asked for it', async () => {
    const { keys, rotation } = replica()
    await rotation.ensure(tenant.id)
    const announced = async (change: () => Promise<unknown>) => {
      const before = await configRevision()
      await change()
      expect(await configRevision()).not.toBe(before)
      return (await events()).at(-1)
    }
    const of = (id: string) => ({ actor: OPERATOR, subject: { key: id } })
    await age(LIFETIMES.rotation - DAY)
    await announced(() => rotation.advance())
    const id = await only('access_token', 'next')
    const hastened = await announced(() => keys.hasten(tenant.id, { id, lead: 600 }, OPERATOR))
    expect(hastened).toMatchObject({ type: 'key.hastened', ...of(id) })
    const old = await only('access_token', 'active')
    const activated = await announced(() => keys.activate(tenant.id, { id, atOnce: true, keep: 0 }, OPERATOR))
    expect(activated).toMatchObject({ type: 'key.activated', ...of(id) })
    expect((await events()).at(-2)).toMatchObject({ type: 'key.retired', ...of(old) })
    const destroyed = await announced(() => keys.destroy(tenant.id, { id: old, keep: 0, slack: 0 }, OPERATOR))
    expect(destroyed).toMatchObject({ type: 'key.destroyed', ...of(old) })
  })

  it('lets nobody jump a queue: of two next keys of a group one is made', async () => {
    const { keys, rotation } = replica()
    await rotation.ensure(tenant.id)
    await Promise.all(
      Array.from({ length: 4 }, () =>
        replica().rotation.rotate(tenant.id, { purpose: 'kek', now: false, revoke: false }, OPERATOR),
      ),
    )
    expect(await statuses('kek')).toEqual(['active', 'next'])
    expect((await keys.schedule(tenant.id))?.keys).toHaveLength(FIRST_KEYS.length + 1)
  })
})

describe('MAC keys', () => {
  const grant = async (about: {
    rotate: boolean
    created: string
    refreshed: string
    idle: number
    expires: string
  }) => {
    const [user, client] = [randomUUID(), randomUUID()]
    await pool.query('INSERT INTO users (tenant_id, id, username) VALUES ($1, $2, $3)', [tenant.id, user, user])
    await pool.query("INSERT INTO clients (tenant_id, id, name) VALUES ($1, $2, 'c')", [tenant.id, client])
    await pool.query(
      `INSERT INTO grants (tenant_id, month, id, user_id, client_id, secret, revision, auth_time, rotate, refreshed_at, idle, created_at, expires_at)
       VALUES ($1, 1, gen_random_uuid(), $2, $3, '\\x00', 0, now(), $4, now() - $5::interval, $6, now() - $7::interval, now() + $8::interval)`,
      [tenant.id, user, client, about.rotate, about.refreshed, about.idle, about.created, about.expires],
    )
  }

  /** A MAC key that retired ten days ago and was to go today. */
  const retired = async () => {
    const { rotation } = replica()
    await rotation.ensure(tenant.id)
    await age(LIFETIMES.rotation)
    await rotation.advance()
    await age(DAY)
    await rotation.advance()
    expect(await statuses('mac')).toEqual(['retired', 'active'])
    await pool.query(
      "UPDATE keys SET retired_at = now() - interval '10 days', expires_at = now() - interval '1 s' WHERE tenant_id = $1 AND purpose = 'mac' AND status = 'retired'",
      [tenant.id],
    )
  }

  it('are kept for the idle lifetime of a grant after they retired', async () => {
    const { rotation } = replica()
    await rotation.ensure(tenant.id)
    await rotation.rotate(tenant.id, { purpose: 'mac', now: true, revoke: false }, OPERATOR)
    const [old] = await rows('mac')
    expect(old?.expires_in).toBeGreaterThan(LIFETIMES.idle)
    await age(LIFETIMES.idle + SKEW + 1)
    await rotation.advance()
    expect(await statuses('mac')).not.toContain('retired')
  })

  it.each([
    {
      name: 'a grant that never rotates and was made under it',
      given: { rotate: false, created: '20 days', refreshed: '1 hour', idle: 7 * DAY, expires: '30 days' },
      until: 30 * DAY,
    },
    {
      name: 'a grant that was last refreshed under it and idles longer than is usual now',
      given: { rotate: true, created: '20 days', refreshed: '11 days', idle: 30 * DAY, expires: '60 days' },
      until: 19 * DAY,
    },
  ])('outlive their time for $name', async ({ given, until }) => {
    await retired()
    await grant(given)
    await replica().rotation.advance()
    const [old] = await rows('mac')
    expect(old?.status).toBe('retired')
    expect(Math.abs((old?.expires_in ?? 0) - (until + SKEW))).toBeLessThan(60)
  })

  it.each([
    {
      name: 'refreshed since',
      given: { rotate: true, created: '20 days', refreshed: '1 hour', idle: 30 * DAY, expires: '60 days' },
    },
    {
      name: 'idle for too long',
      given: { rotate: true, created: '20 days', refreshed: '11 days', idle: 7 * DAY, expires: '60 days' },
    },
    {
      name: 'made since, though it never rotates',
      given: { rotate: false, created: '1 day', refreshed: '1 hour', idle: 7 * DAY, expires: '60 days' },
    },
  ])('do not wait for a grant $name', async ({ given }) => {
    await retired()
    await grant(given)
    await replica().rotation.advance()
    expect(await statuses('mac')).toEqual(['active'])
  })

  it('take numbers from 0 to 255 and none that is still in the table', async () => {
    const { rotation } = replica()
    await rotation.ensure(tenant.id)
    await pool.query("UPDATE keys SET number = 254 WHERE tenant_id = $1 AND purpose = 'mac'", [tenant.id])
    const rotate = () => rotation.rotate(tenant.id, { purpose: 'mac', now: true, revoke: false }, OPERATOR)
    await rotate()
    await rotate()
    await pool.query("UPDATE keys SET number = 1 WHERE tenant_id = $1 AND purpose = 'mac' AND number = 254", [
      tenant.id,
    ])
    await rotate()
    expect((await rows('mac')).map(({ number }) => number)).toEqual([1, 255, 0, 2])
  })
})

describe('rotate', () => {
  beforeEach(() => Promise.all([replica().rotation.ensure(tenant.id), replica().rotation.ensure(other.id)]))

  it('publishes a key now and uses it once nobody can have an older JWKS', async () => {
    const { rotation } = replica()
    const [rotated] = await rotation.rotate(tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    const [, next] = await rows('access_token')
    expect(next).toMatchObject({ id: rotated?.key, status: 'next' })
    expect(next?.activates_in).toBeGreaterThan(PUBLICATION_LEAD - 30)
    await age(PUBLICATION_LEAD - 60)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['active', 'next'])
    await age(60)
    await rotation.advance()
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
  })

  it('uses the key that stands ready as soon as it has been public long enough', async () => {
    await age(LIFETIMES.rotation - DAY)
    const { rotation } = replica()
    await rotation.advance()
    const [rotated] = await rotation.rotate(tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    const [, next] = await rows('access_token')
    expect(next).toMatchObject({ id: rotated?.key, status: 'next' })
    expect(Math.abs((next?.activates_in ?? 0) - PUBLICATION_LEAD)).toBeLessThan(30)
    expect((await events()).at(-1)).toMatchObject({ type: 'key.hastened', actor: OPERATOR })
  })

  it('rotates all published keys of the tenant, and no secret, unless told', async () => {
    const rotated = await replica().rotation.rotate(tenant.id, { now: true, revoke: false }, OPERATOR)
    expect(rotated.map(({ purpose }) => purpose).sort()).toEqual([
      'access_token',
      'id_token',
      'introspection',
      'revocations',
      'status_list',
    ])
    expect(rotated.every(({ activatesAt, revoked }) => activatesAt === undefined && revoked.length === 0)).toBe(true)
    expect(await statuses('access_token')).toEqual(['retired', 'active'])
    expect(await statuses('kek')).toEqual(['active'])
    expect(await rows('access_token', other)).toHaveLength(1)
  })

  it('activates at once with `now`, and the old key still verifies', async () => {
    const { rotation, keyring } = replica()
    const { id } = only(await rows('access_token'))
    await rotation.rotate(tenant.id, { purpose: 'access_token', now: true, revoke: false }, OPERATOR)
    const keys = await keyring.all(tenant.id)
    expect(keys.signing('access_token', 'ES256')?.kid).not.toBe(id)
    expect(keys.verification(id)).toBeDefined()
    expect(keys.published.map(({ kid }) => kid)).toContain(id)
  })

  it('revokes in an emergency every key a thief can have taken, with one step, and signs with a new one', async () => {
    const { rotation, keyring } = replica()
    await rotation.rotate(tenant.id, { purpose: 'access_token', now: true, revoke: false }, OPERATOR)
    await rotation.rotate(tenant.id, { purpose: 'access_token', now: false, revoke: false }, OPERATOR)
    const stolen = (await rows('access_token')).map(({ id }) => id)
    expect(stolen).toHaveLength(3)
    const [rotated] = await rotation.rotate(tenant.id, { purpose: 'access_token', now: true, revoke: true }, OPERATOR)
    expect([...(rotated?.revoked ?? [])].sort()).toEqual([...stolen].sort())
    const keys = await keyring.all(tenant.id)
    expect(keys.published.map(({ kid }) => kid).filter((kid) => stolen.includes(kid))).toEqual([])
    expect(stolen.map((kid) => keys.verification(kid))).toEqual([undefined, undefined, undefined])
    expect(keys.signing('access_token', 'ES256')?.kid).toBe(rotated?.key)
    const { rows: entries } = await pool.query(
      "SELECT extract(epoch FROM expires_at - clock_timestamp())::float AS left FROM revocations WHERE tenant_id = $1 AND kind = 'kid'",
      [tenant.id],
    )
    expect(entries).toHaveLength(3)
    for (const { left } of entries) expect(Math.abs(left - REVOKED_KEY_KEPT)).toBeLessThan(60)
    const audited = (await events()).filter(({ type }) => type === 'key.revoked')
    expect(audited.map(({ subject }) => subject.key).sort()).toEqual([...stolen].sort())
    expect(audited[0].actor).toEqual(OPERATOR)
  })

  it('leaves one active key, and no revoked one, when emergencies and schedules meet', async () => {
    await age(LIFETIMES.rotation)
    await replica().rotation.advance()
    await age(DAY)
    await Promise.all([
      ...Array.from({ length: 3 }, () =>
        replica().rotation.rotate(tenant.id, { purpose: 'access_token', now: true, revoke: true }, OPERATOR),
      ),
      ...Array.from({ length: 4 }, () => replica().rotation.advance()),
    ])
    const { rows: active } = await pool.query(
      "SELECT revoked_at FROM keys WHERE tenant_id = $1 AND purpose = 'access_token' AND status = 'active'",
      [tenant.id],
    )
    expect(active).toEqual([{ revoked_at: null }])
  })

  it('refuses to revoke what was never published, and to rotate what cannot be', async () => {
    const { rotation } = replica()
    await expect(rotation.rotate(tenant.id, { purpose: 'kek', now: true, revoke: true }, OPERATOR)).rejects.toThrow(
      RangeError,
    )
    expect(await rotation.rotate(tenant.id, { purpose: 'permutation', now: true, revoke: false }, OPERATOR)).toEqual([])
    expect(await rotation.rotate(tenant.id, { algorithm: 'PS256', now: true, revoke: false }, OPERATOR)).toEqual([])
  })
})

describe('another process', () => {
  it('signs with the new key and publishes no revoked one as soon as it has heard of the change', async () => {
    await replica().rotation.ensure(tenant.id)
    const view = createView({ pool, maxStaleness: 60, log: silent })
    try {
      const { keyring } = databaseProcess(pool, { envelope, remember: view.remember })
      const signer = async () => (await keyring.all(tenant.id)).signing('access_token', 'ES256')?.kid
      const before = await signer()
      await view.catchUp()
      expect(await signer()).toBe(before)
      const request = { purpose: 'access_token', now: true, revoke: true } as const
      const [rotated] = await replica().rotation.rotate(tenant.id, request, OPERATOR)
      await view.catchUp()
      expect(await signer()).toBe(rotated?.key)
      expect((await keyring.all(tenant.id)).published.map(({ kid }) => kid)).not.toContain(before)
    } finally {
      await view.close()
    }
  })
})

describe('keys at rest', () => {
  beforeEach(() => Promise.all([replica().rotation.ensure(tenant.id), replica().rotation.ensure(other.id)]))

  it('hold nothing readable', async () => {
    const signing = (await createKeyStore(pool).load(tenant.id)).find(({ purpose }) => purpose === 'access_token')
    const { rows: columns } = await pool.query('SELECT public_jwk FROM keys WHERE id = $1', [signing?.id])
    expect(columns[0].public_jwk).not.toHaveProperty('d')
    expect(signing && Buffer.from(signing.sealed).includes(Buffer.from('0201010420', 'hex'))).toBe(false)
    expect(signing?.masterKeyId).toBe(envelope.id)
  })

  it('cannot be moved to another tenant', async () => {
    await pool.query(
      `UPDATE keys AS mine SET sealed = theirs.sealed FROM keys AS theirs
        WHERE mine.tenant_id = $1 AND theirs.tenant_id = $2 AND mine.purpose = 'kek' AND theirs.purpose = 'kek'`,
      [tenant.id, other.id],
    )
    const { keyring, log } = replica()
    expect((await keyring.all(tenant.id)).kek()).toBeUndefined()
    expect((await keyring.all(other.id)).kek()).toBeDefined()
    expect(log.lines).toEqual([expect.objectContaining({ level: 'error', tenant: tenant.id, purpose: 'kek' })])
    // Nor is a new key made over the damaged one.
    await expect(
      keyring.active(tenant.id, { purpose: 'kek', algorithm: 'A256KW' }, (keys) => keys.kek()),
    ).rejects.toThrow('no active kek')
    expect(await rows('kek')).toHaveLength(1)
  })

  it('cannot be copied to another tenant, id and all', async () => {
    await pool.query("DELETE FROM keys WHERE tenant_id = $1 AND purpose = 'kek'", [tenant.id])
    await pool.query(
      `INSERT INTO keys SELECT $1, id, purpose, algorithm, number, status, public_jwk, sealed, master_key_id, created_at, activates_at, activated_at
         FROM keys WHERE tenant_id = $2 AND purpose = 'kek'`,
      [tenant.id, other.id],
    )
    const { keyring, log } = replica()
    expect((await keyring.all(tenant.id)).kek()).toBeUndefined()
    expect(log.lines).toHaveLength(1)
  })

  it.each([
    ['another purpose', "purpose = 'cookie'", 'permutation'],
    ['another number', 'number = 77', 'kek'],
    ['another id', "id = 'other'", 'mac'],
  ])('cannot serve %s', async (_, change, purpose) => {
    await pool.query("DELETE FROM keys WHERE purpose = 'cookie'")
    await pool.query(`UPDATE keys SET ${change} WHERE tenant_id = $1 AND purpose = $2`, [tenant.id, purpose])
    const moved = (await createKeyStore(pool).load(tenant.id)).filter((key) => {
      try {
        return !openSecret(envelope, tenant.id, key)
      } catch {
        return true
      }
    })
    expect(moved).toHaveLength(1)
  })

  it('publish nothing that was written into the table', async () => {
    const planted = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'planted', use: 'sig', alg: 'ES256' }
    await pool.query("UPDATE keys SET public_jwk = $2 WHERE tenant_id = $1 AND purpose = 'access_token'", [
      tenant.id,
      planted,
    ])
    const { published } = await replica().keyring.all(tenant.id)
    expect(JSON.stringify(published)).not.toContain('planted')
    expect(published).toHaveLength(5)
  })

  it('tell at start whether the master key is theirs', async () => {
    const keys = createKeyStore(pool)
    const stranger = createEnvelope(randomBytes(32))
    expect(await verifyMasterKey(keys, envelope)).toEqual({ result: 'ok' })
    expect(await verifyMasterKey(keys, stranger)).toEqual({ result: 'wrong', sealedWith: envelope.id })
    await pool.query('DELETE FROM keys')
    expect(await verifyMasterKey(keys, stranger)).toEqual({ result: 'no_keys' })
  })

  it('open after the master key was changed, with the old one given too', async () => {
    const old = randomBytes(32)
    await pool.query('DELETE FROM keys')
    await databaseProcess(pool, { envelope: createEnvelope(old) }).rotation.ensure(tenant.id)
    const both = createEnvelope(randomBytes(32), old)
    expect(await verifyMasterKey(createKeyStore(pool), both)).toEqual({ result: 'ok' })
    expect((await databaseProcess(pool, { envelope: both }).keyring.all(tenant.id)).kek()).toBeDefined()
  })

  it('are neither used nor made anew under a wrong master key', async () => {
    const { keyring } = databaseProcess(pool)
    const before = await pool.query('SELECT count(*) FROM keys')
    await expect(
      keyring.active(tenant.id, { purpose: 'kek', algorithm: 'A256KW' }, (keys) => keys.kek()),
    ).rejects.toThrow(WrongMasterKeyError)
    expect((await pool.query('SELECT count(*) FROM keys')).rows).toEqual(before.rows)
  })

  it('get no company under a wrong master key: no first key of an algorithm, no next one', async () => {
    const { rotation, log } = databaseProcess(pool)
    const count = async () => (await pool.query('SELECT count(*)::int AS n FROM keys')).rows[0].n
    const before = await count()
    const ensured = rotation.ensure(tenant.id, { purpose: 'access_token', algorithm: 'Ed25519' })
    await expect(ensured).rejects.toThrow(WrongMasterKeyError)
    await expect(rotation.rotate(tenant.id, { now: true, revoke: true }, OPERATOR)).rejects.toThrow(WrongMasterKeyError)
    await age(LIFETIMES.rotation)
    await rotation.advance()
    expect(await count()).toBe(before)
    expect(log.lines.filter(({ level }) => level === 'error').length).toBeGreaterThan(0)
  })
})
