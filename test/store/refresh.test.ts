import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grants, NewGrant, RefreshOutcome } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { eventually } from '../support/eventually.js'
import { auditTrail, makeGrant, makeWorld, operator, type Stage, setStage } from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

let stage: Stage
let grants: Grants
beforeAll(async () => {
  stage = await setStage({ connections: 40 })
  grants = createGrants(stage)
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const make = (overrides?: Partial<NewGrant>) => makeGrant(grants, stage.ours, overrides)
const refresh = (grant: Grant, generation: number, grace = 10, place = newPlace()) =>
  grants.refresh(grant, { generation, grace, place }, { kind: 'client', id: grant.clientId })
const race = (grant: Grant, callers: number, grace?: number) =>
  Promise.all(Array.from({ length: callers }, () => refresh(grant, 0, grace)))
const rowOf = async ({ id }: Grant) => (await sql('SELECT * FROM grants WHERE id = $1', id))[0]

function count(outcomes: RefreshOutcome[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const outcome of outcomes) {
    const name = 'generation' in outcome ? `${outcome.result} ${outcome.generation}` : outcome.result
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

describe('a refresh', () => {
  test('rotates, and answers a late tab with the row’s current token', async () => {
    const grant = await make()
    expect(await refresh(grant, 0)).toEqual({ result: 'rotated', generation: 1 })
    expect(await refresh(grant, 1)).toEqual({ result: 'rotated', generation: 2 })
    expect(await refresh(grant, 0)).toEqual({ result: 'replayed', generation: 2 })
    expect(await refresh(grant, 1)).toEqual({ result: 'replayed', generation: 2 })
    expect(await refresh(grant, 2)).toEqual({ result: 'rotated', generation: 3 })
    expect((await grants.find(grant.tenantId, grant.id))?.generation).toBe(3)
  })

  test('by 40 callers at once rotates once and gives all of them one successor, in every round', async () => {
    for (let round = 0; round < 20; round++) {
      expect(count(await race(await make(), 40))).toEqual({ 'rotated 1': 1, 'replayed 1': 39 })
    }
  })

  test('moves the idle end and never the absolute one, RFC 10017 §6.3.2.3', async () => {
    const grant = await make()
    await sql(`UPDATE grants SET refreshed_at = now() - interval '1 day' WHERE id = $1`, grant.id)
    await refresh(grant, 0)
    const row = await rowOf(grant)
    expect(row.expires_at).toEqual(grant.expiresAt)
    expect(Date.now() - row.refreshed_at.getTime()).toBeLessThan(3_600_000)
  })

  test('of a grant that does not rotate gives the same token for ever', async () => {
    const grant = await make({ rotate: false })
    expect(count(await race(grant, 20, 0))).toEqual({ 'rotated 0': 20 })
    expect(await refresh(grant, 0, 0)).toEqual({ result: 'rotated', generation: 0 })
  })

  test('with a generation ahead of the row goes on from there: the database has lost a write', async () => {
    const grant = await make()
    expect(await refresh(grant, 3)).toEqual({ result: 'rotated', generation: 4 })
    expect(await refresh(grant, 3)).toEqual({ result: 'replayed', generation: 4 })
    expect(await refresh(grant, 4)).toEqual({ result: 'rotated', generation: 5 })
  })

  test('after it was ahead takes an older generation for a copy', async () => {
    const grant = await make()
    await refresh(grant, 3)
    expect(await refresh(grant, 1)).toEqual({ result: 'reused', generation: 4 })
  })

  test('remembers the last eight spent generations', async () => {
    const grant = await make()
    for (let generation = 0; generation < 9; generation++) await refresh(grant, generation, 300)
    expect((await rowOf(grant)).spent_at).toHaveLength(8)
    expect(await refresh(grant, 1, 300)).toEqual({ result: 'replayed', generation: 9 })
    expect(await refresh(grant, 0, 300)).toEqual({ result: 'reused', generation: 9 })
  })
})

describe('a spent token', () => {
  test('outside of the grace ends the grant, its tokens too, and is in the audit trail', async () => {
    const world = await makeWorld(stage.pool)
    const grant = await makeGrant(grants, world)
    await refresh(grant, 0)
    await sql(`UPDATE grants SET spent_at = ARRAY[now() - interval '11 s'] WHERE id = $1`, grant.id)
    expect(await refresh(grant, 0)).toEqual({ result: 'reused', generation: 1 })
    expect(await refresh(grant, 1)).toEqual({ result: 'revoked' })
    expect((await grants.find(grant.tenantId, grant.id))?.state).toBe('revoked')

    const entries = await sql(
      `SELECT kind, digest = revocation_digest('grant', $2) AS meant, below FROM revocations WHERE tenant_id = $1`,
      world.tenant.id,
      Buffer.from(grant.id.replaceAll('-', ''), 'hex').toString('base64url'),
    )
    expect(entries).toEqual([{ kind: 'grant', meant: true, below: null }])
    const trail = await auditTrail(stage.pool, world.tenant.id)
    expect(trail.at(-1)).toEqual({
      type: 'grant.reused',
      subject: { grant: grant.id, user: world.user.id, client: world.client.id },
    })
  })

  test('inside of the grace costs nothing: nothing is revoked, nothing audited', async () => {
    const world = await makeWorld(stage.pool)
    const grant = await makeGrant(grants, world)
    await refresh(grant, 0)
    await sql(`UPDATE grants SET spent_at = ARRAY[now() - interval '9 s'] WHERE id = $1`, grant.id)
    expect(await refresh(grant, 0)).toEqual({ result: 'replayed', generation: 1 })
    expect(await sql('SELECT FROM revocations WHERE tenant_id = $1', world.tenant.id)).toEqual([])
    expect(await auditTrail(stage.pool, world.tenant.id)).toHaveLength(2)
  })

  test('without a grace ends the grant, for callers that raced and waited too', async () => {
    for (let round = 0; round < 10; round++) {
      const grant = await make()
      expect(count(await race(grant, 20, 0))).toEqual({ 'rotated 1': 1, 'reused 1': 1, revoked: 18 })
    }
  })

  test.each([
    { grace: 10, result: 'replayed' },
    { grace: 0, result: 'reused' },
  ])('of a caller that came first and had to wait is $result with a grace of $grace', async ({ grace, result }) => {
    const grant = await make()
    const winner = await stage.pool.connect()
    await winner.query('BEGIN')
    await winner.query('SELECT FROM grants WHERE id = $1 FOR UPDATE', [grant.id])
    const waiting = refresh(grant, 0, grace)
    await eventually(async () => {
      const waiters = await sql(`SELECT FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'`)
      expect(waiters).toHaveLength(1)
    })
    await winner.query(`SELECT refresh_grant($1, $2, 0, gen_random_uuid(), '10 s', NULL, NULL, '{}')`, [
      grant.tenantId,
      grant.id,
    ])
    await winner.query('COMMIT')
    winner.release()
    expect(await waiting).toEqual({ result, generation: 1 })
  })
})

describe('a dead grant', () => {
  test.each([
    { why: 'revoked', change: 'revoked_at = now()' },
    { why: 'expired', change: `expires_at = now() - interval '1 s'` },
    { why: 'expired', change: `refreshed_at = now() - make_interval(secs => idle + 1)` },
  ])('is $why after $change, and nothing is written', async ({ why, change }) => {
    const grant = await make()
    await sql(`UPDATE grants SET ${change} WHERE id = $1`, grant.id)
    const before = await rowOf(grant)
    expect(await refresh(grant, 0)).toEqual({ result: why })
    expect(await rowOf(grant)).toEqual(before)
  })

  test('is one that another tenant asks about, and it lives on in its own', async () => {
    const grant = await make()
    expect(await refresh({ ...grant, tenantId: stage.theirs.tenant.id }, 0)).toEqual({ result: 'revoked' })
    expect(await refresh(grant, 0)).toEqual({ result: 'rotated', generation: 1 })
  })
})

test('refreshes update the row in place where its page has room, as pages of grants are left with', async () => {
  // A database of its own: its statistics count nothing else.
  const quiet = await setStage({ connections: 4 })
  try {
    // One at a time: where another statement is kept from running, what it could still see takes the room in the page.
    const pool = new pg.Pool({ ...quiet.database.connection, max: 1 })
    const store = createGrants({ pool })
    const { rows: partitions } = await quiet.pool.query<{ name: string; options: string[] }>(
      "SELECT oid::regclass AS name, reloptions AS options FROM pg_class WHERE relname ~ '^grants_(m|default)' AND relkind = 'r'",
    )
    expect(partitions.length).toBeGreaterThan(1)
    for (const { name, options } of partitions) {
      expect(options).toContain('fillfactor=70')
      // Room for all: a transaction that goes on, in any database, keeps Postgres from clearing away what was replaced.
      await quiet.pool.query(`ALTER TABLE ${name} SET (fillfactor = 15)`)
    }
    const first = await makeGrant(store, quiet.ours)
    await quiet.pool.query(`
      INSERT INTO grants (tenant_id, month, id, user_id, client_id, secret, revision, scope, apis, amr, auth_time, idle, expires_at)
      SELECT tenant_id, month, overlay(gen_random_uuid()::text PLACING left(id::text, 4) FROM 1)::uuid, user_id, client_id,
             secret, revision, scope, apis, amr, auth_time, idle, expires_at FROM grants, generate_series(1, 299)`)
    const { rows: made } = await quiet.pool.query<{ id: string }>('SELECT id FROM grants')
    // Each in a statement of its own: where rows of one page are written in one, none of what they replace makes room for the next.
    for (let generation = 0; generation < 3; generation++) {
      for (const { id } of made) {
        await store.refresh({ ...first, id }, { generation, grace: 10, place: newPlace() }, operator)
      }
    }
    // A connection hands in its figures when it ends.
    await pool.end()
    await eventually(async () => {
      const { rows } = await quiet.pool.query(
        `SELECT sum(n_tup_upd)::int AS updates, sum(n_tup_hot_upd)::int AS in_place FROM pg_stat_user_tables WHERE relname LIKE 'grants_m%'`,
      )
      expect(rows[0].updates).toBe(900)
      expect(rows[0].in_place).toBe(900)
    })
  } finally {
    await quiet.close()
  }
})

describe('the plan of a refresh', () => {
  test('is kept, though the table is partitioned', async () => {
    const [{ proconfig }] = await sql(`SELECT proconfig FROM pg_proc WHERE proname = 'refresh_grant'`)
    expect(proconfig).toEqual(['plan_cache_mode=force_generic_plan'])
  })

  test('finds a grant by its key, also in a partition that nobody has analysed', async () => {
    const plan = await sql(
      `EXPLAIN (GENERIC_PLAN) UPDATE grants SET generation = 1 WHERE tenant_id = $1 AND month = month_of_id($2) AND id = $2`,
    )
    const scans = plan.flatMap(({ 'QUERY PLAN': line }) => /Scan(?: using)? (\w+)/.exec(line)?.[1] ?? [])
    expect(scans.length).toBeGreaterThan(1)
    expect(scans.filter((index) => !index.endsWith('_pkey'))).toEqual([])
  })
})
