import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { makeGrant, makeTenant, operator, type Stage, setStage } from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

let stage: Stage
beforeAll(async () => {
  stage = await setStage()
})
beforeEach(() => maintain())
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows

type Maintained = { made: number; dropped: number; postponed: number }
async function maintain(lifetime = '30 days', auditMonths = 12): Promise<Maintained> {
  const [done] = await sql('CALL maintain_partitions($1::interval, $2::integer)', lifetime, auditMonths)
  return done
}

const nothing: Maintained = { made: 0, dropped: 0, postponed: 0 }

async function partitionsOf(table: string): Promise<string[]> {
  const rows = await sql(
    'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass',
    table,
  )
  return rows.map(({ name }) => name).sort()
}

async function calendar() {
  const [now] = await sql(
    `SELECT month_of(now())::int AS month, slot_of(now()) AS slot, day_of(now()) - date '1970-01-01' AS day`,
  )
  return now as { month: number; slot: number; day: number }
}

const range = (prefix: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `${prefix}${first + index}`)

test('makes what will be needed, and nothing the second time', async () => {
  expect(await maintain()).toEqual(nothing)
  const { month, slot, day } = await calendar()
  expect(await partitionsOf('audit_events')).toEqual([
    'audit_events_default',
    ...range('audit_events_m', month, month + 3),
  ])
  expect(await partitionsOf('throttle')).toEqual(
    range('throttle_d', day, day + 7)
      .concat('throttle_default')
      .sort(),
  )
  expect(await partitionsOf('revocations')).toEqual(['revocations_default', ...range('revocations_s', slot, slot + 3)])
  expect(await partitionsOf('flips')).toEqual(['flips_default', ...range('flips_s', slot, slot + 3)])
})

test('makes hours for revocations as far ahead as any tenant’s tokens can live', async () => {
  const { id } = await makeTenant(stage.pool, { max_token_lifetime: 86_400 })
  expect((await maintain()).made).toBeGreaterThanOrEqual(23)
  const { slot } = await calendar()
  expect(await partitionsOf('revocations')).toContain(`revocations_s${slot + 26}`)
  await sql('DELETE FROM tenants WHERE id = $1', id)
})

test('makes months for grants as far ahead as they can live', async () => {
  const { made } = await maintain('400 days')
  expect(made).toBeGreaterThanOrEqual(12)
  const [{ last }] = await sql(`SELECT month_of(now() + interval '400 days')::int AS last`)
  expect(await partitionsOf('grants')).toContain(`grants_m${last}`)
})

test('moves the rows that came before their partition, and they are found and revoked there', async () => {
  const grants = createGrants(stage)
  const years = 3
  const world = { ours: stage.ours, theirs: stage.theirs }
  const early = await makeGrant(grants, world.ours, { lifetime: years * 365 * 86_400 })
  const foreign = await makeGrant(grants, world.theirs, { lifetime: years * 365 * 86_400 })
  const where = async () =>
    (await sql('SELECT tableoid::regclass::text AS name FROM grants WHERE id = $1', early.id))[0].name
  expect(await where()).toBe('grants_default')
  expect(await grants.find(early.tenantId, early.id)).toMatchObject({ state: 'live' })

  expect((await maintain(`${years * 365 + 40} days`)).made).toBeGreaterThan(0)
  expect(await where()).toMatch(/^grants_m\d+$/)
  expect(await sql('SELECT FROM grants_default')).toEqual([])
  expect(await grants.find(early.tenantId, early.id)).toEqual(early)
  expect(await grants.refresh(early, { generation: 0, grace: 10, place: newPlace() }, operator)).toEqual({
    result: 'rotated',
    generation: 1,
  })
  const revocations = createRevocations({ pool: stage.pool, installation: await readInstallation(stage.pool) })
  expect(await revocations.revokeGrant(early.tenantId, early.id, { reason: 'test', by: operator })).toBe('revoked')
  expect(await grants.find(foreign.tenantId, foreign.id)).toMatchObject({ state: 'live' })
})

test('gives a partition that was filled first the storage and the keys of the others', async () => {
  const { month } = await calendar()
  const { id: tenant } = stage.ours.tenant
  await sql(
    `INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, auth_time, idle, expires_at)
             VALUES ($1, $2, gen_random_uuid(), $3, $4, 0, now(), 1, now())`,
    tenant,
    month + 9,
    randomBytes(32),
    stage.ours.user.id,
  )
  await sql(`SELECT maintain_table('sessions', 'm', $1, $2, 0, 'WITH (fillfactor = 70)')`, month + 9, month + 10)
  const shape = async (name: string) => {
    const [{ reloptions }] = await sql('SELECT reloptions FROM pg_class WHERE oid = $1::regclass', name)
    const keys = await sql(
      `SELECT contype, pg_get_constraintdef(oid) AS definition FROM pg_constraint
        WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY 1, 2`,
      name,
    )
    const indexes = await sql(
      'SELECT indkey::text, indisunique FROM pg_index WHERE indrelid = $1::regclass ORDER BY 1',
      name,
    )
    return { reloptions, keys, indexes }
  }
  const filled = await shape(`sessions_m${month + 9}`)
  expect(filled).toEqual(await shape(`sessions_m${month + 10}`))
  expect(filled.reloptions).toEqual(['fillfactor=70'])
  expect(filled.keys.length).toBeGreaterThanOrEqual(3)
  expect(await sql(`SELECT FROM sessions_m${month + 9}`)).toHaveLength(1)
})

test('drops what nothing can need any more, with its rows, and keeps the rest', async () => {
  const { month, slot, day } = await calendar()
  const old = async (table: string, kind: string, at: number) => {
    await sql('SELECT maintain_table($1, $2, $3, $3, 0, $4)', table, kind, at, '')
    return `${table}_${kind}${at}`
  }
  const gone = [
    await old('grants', 'm', month - 2),
    await old('audit_events', 'm', month - 13),
    await old('throttle', 'd', day - 2),
    await old('revocations', 's', slot - 2),
  ]
  const kept = [
    await old('audit_events', 'm', month - 12),
    await old('throttle', 'd', day - 1),
    await old('known_addresses', 'm', month - 1),
  ]
  const entry = 'INSERT INTO revocations VALUES ($1, $2, 1, $3, $4, NULL, now())'
  await sql(entry, stage.ours.tenant.id, slot - 2, 'jti', 'x')
  expect(await maintain()).toEqual({ ...nothing, dropped: gone.length })
  const [{ missing, there }] = await sql(
    `SELECT ARRAY(SELECT n FROM unnest($1::text[]) n WHERE to_regclass(n) IS NULL) AS missing,
            ARRAY(SELECT n FROM unnest($2::text[]) n WHERE to_regclass(n) IS NOT NULL) AS there`,
    gone,
    kept,
  )
  expect([missing, there]).toEqual([gone, kept])
})

test('empties the default partitions of what is over, and of nothing else', async () => {
  const { slot } = await calendar()
  const insert = 'INSERT INTO flips VALUES ($1, $2, 0, $3, 1)'
  for (const { tenant } of [stage.ours, stage.theirs]) {
    await sql(insert, tenant.id, slot - 100, 1)
    await sql(insert, tenant.id, slot + 100, 2)
  }
  await maintain()
  const rows = await sql('SELECT slot - $1::int AS ahead FROM flips_default ORDER BY tenant_id', slot)
  expect(rows).toEqual([{ ahead: 100 }, { ahead: 100 }])
})

test('leaves a busy table for the next time and goes on with the others', async () => {
  const { month } = await calendar()
  const reader = await stage.pool.connect()
  await reader.query('BEGIN')
  await reader.query('SELECT FROM grants LIMIT 1')
  await sql(`DROP TABLE sessions_m${month + 3}`)
  expect(await maintain('2000 days')).toEqual({ made: 1, dropped: 0, postponed: 1 })
  await reader.query('COMMIT')
  reader.release()
  expect(await maintain('2000 days')).toMatchObject({ dropped: 0, postponed: 0 })
})

/** A month of grants that nothing needs, and a reader that has opened a table of theirs and takes its time. */
async function expiredAndRead(table: (expired: string) => string) {
  const { month } = await calendar()
  const expired = `grants_m${month - 2}`
  await sql(`SELECT maintain_table('grants', 'm', $1, $1, 0, '')`, month - 2)
  const reader = await stage.pool.connect()
  await reader.query('BEGIN')
  await reader.query(`SELECT FROM ${table(expired)} LIMIT 1`)
  return {
    isThere: async () => (await sql('SELECT to_regclass($1) IS NOT NULL AS there', expired))[0].there,
    end: async () => {
      await reader.query('COMMIT')
      reader.release()
    },
  }
}

/** Refreshes until it is told to stop, and throws when one waits for a lock for so many milliseconds. Answers how many there were. */
async function refreshing(patience: number) {
  const own = new pg.Pool({ ...stage.database.connection, max: 1, lock_timeout: patience })
  const grants = createGrants({ pool: own })
  let stopped = false
  let grant = await makeGrant(grants, stage.ours)
  const work = (async () => {
    for (let count = 0; ; count++) {
      if (stopped) return count
      if (grant.generation === 40) grant = await makeGrant(grants, stage.ours)
      const { generation } = grant
      const outcome = await grants.refresh(grant, { generation, grace: 10, place: newPlace() }, operator)
      if (outcome.result !== 'rotated') throw new Error(outcome.result)
      grant = { ...grant, generation: outcome.generation }
    }
  })().finally(() => own.end())
  // It is told to whoever stops it.
  work.catch(() => {})
  return {
    stop: () => {
      stopped = true
      return work
    },
  }
}

test.each([
  ['all grants', () => 'grants'],
  ['the month itself', (expired: string) => expired],
])('lets no refresh wait behind a reader of %s, and drops the month when it is gone', async (_, table) => {
  const { isThere, end } = await expiredAndRead(table)
  // Less than whoever drops a partition waits for its lock.
  const refreshes = await refreshing(100)
  const meanwhile = await maintain()
  const there = await isThere()
  expect(await refreshes.stop().finally(end)).toBeGreaterThan(0)
  expect({ ...meanwhile, there }).toEqual({ made: 0, dropped: 0, postponed: 1, there: true })
  expect(await maintain()).toEqual({ made: 0, dropped: 1, postponed: 0 })
  expect(await isThere()).toBe(false)
})

test('drops a month while others are refreshed', async () => {
  const { end, isThere } = await expiredAndRead((expired) => expired)
  await end()
  const refreshes = await Promise.all(Array.from({ length: 4 }, () => refreshing(5_000)))
  while (await isThere()) await maintain()
  const counts = await Promise.all(refreshes.map(({ stop }) => stop()))
  expect(Math.min(...counts)).toBeGreaterThan(0)
})

test('is done by one of many who start at once', async () => {
  const { month } = await calendar()
  for (const n of [1, 2, 3]) await sql(`DROP TABLE audit_events_m${month + n}`)
  const all = await Promise.all(Array.from({ length: 5 }, () => maintain()))
  expect(all.reduce((sum, { made }) => sum + made, 0)).toBe(3)
  expect(all.every(({ postponed }) => postponed === 0)).toBe(true)
})
