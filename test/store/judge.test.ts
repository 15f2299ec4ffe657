import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { base64urlToUuid, uuidToBase64url } from '../../src/crypto/uuid.js'
import type { Grants, Revocations, TokenClaims } from '../../src/oauth/ports.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { eventually } from '../support/eventually.js'
import {
  makeApi,
  makeGrant,
  makeKey,
  makeSession,
  makeUser,
  makeWorld,
  operator,
  type Stage,
  setStage,
  type World,
} from '../support/fixtures.js'

const now = () => Math.floor(Date.now() / 1000)
const KEY = 'key-1'

let stage: Stage
let grants: Grants
let revocations: Revocations
beforeAll(async () => {
  stage = await setStage()
  grants = createGrants(stage)
  revocations = createRevocations({ pool: stage.pool, installation: await readInstallation(stage.pool) })
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows

type Issued = { world: World; session: string; claims: TokenClaims }

/** A token under a grant under a session, and all it hangs on. */
async function issue(): Promise<Issued> {
  const world = await makeWorld(stage.pool)
  const session = await makeSession(stage.pool, world)
  const grant = await makeGrant(grants, world, { sessionId: session })
  await makeKey(stage.pool, world.tenant.id, { id: KEY })
  // One revocation before, so that the tenant's revision is not zero and the token's is after it.
  const [{ r }] = await sql(`SELECT append_revocation($1, 'jti', 'another') AS r`, world.tenant.id)
  const claims = {
    iss: `https://id.example.com/t/${world.tenant.slug}`,
    sub: world.user.id,
    aud: world.api.identifier,
    client_id: world.client.id,
    iat: now(),
    exp: now() + 300,
    jti: randomUUID(),
    scope: 'read',
    rev: Number(r),
    grant: uuidToBase64url(grant.id),
    sid: uuidToBase64url(session),
  }
  return { world, session, claims }
}

const judge = ({ world, claims }: Pick<Issued, 'world' | 'claims'>, change: Partial<TokenClaims> = {}) =>
  revocations.judge(world.tenant.id, { ...claims, ...change }, KEY)

function without<K extends keyof TokenClaims>(claims: TokenClaims, ...names: K[]): Omit<TokenClaims, K> {
  return Object.fromEntries(Object.entries(claims).filter(([name]) => !names.includes(name as K))) as Omit<
    TokenClaims,
    K
  >
}

const uuidOfGrant = ({ grant = '' }: TokenClaims) => Buffer.from(grant, 'base64url').toString('hex')

describe('a token', () => {
  test('lives, under a grant, under a client alone, and for the issuer itself', async () => {
    const issued = await issue()
    const { claims, world } = issued
    expect(await judge(issued)).toBe('live')
    const machine = { ...without(claims, 'grant', 'sid'), sub: claims.client_id }
    expect(await revocations.judge(world.tenant.id, machine, undefined)).toBe('live')
    expect(await judge(issued, { aud: claims.iss })).toBe('live')
  })

  test('is dead in every tenant but its own', async () => {
    const issued = await issue()
    expect(await revocations.judge(stage.theirs.tenant.id, issued.claims, KEY)).toEqual({ dead: 'client_deleted' })
    expect(await revocations.judge(randomUUID(), issued.claims, KEY)).toEqual({ dead: 'tenant_unknown' })
  })

  type Case = { what: string; dead: string; kill: (issued: Issued) => Promise<unknown> }
  const row = (table: string, set: string, id: (issued: Issued) => string) => (issued: Issued) =>
    sql(`UPDATE ${table} SET ${set} WHERE tenant_id = $1 AND id = $2`, issued.world.tenant.id, id(issued))
  const revoke = (call: string, id: (issued: Issued) => string) => (issued: Issued) =>
    sql(`SELECT ${call}`, issued.world.tenant.id, id(issued), operator, 'test')
  const tenantRow = (set: string) => (issued: Issued) =>
    sql(`UPDATE tenants SET ${set} WHERE id = $1`, issued.world.tenant.id)
  const cases: Case[] = [
    {
      what: 'it is revoked',
      dead: 'jti_revoked',
      kill: ({ world, claims }) => revocations.revokeToken(world.tenant.id, { claims, place: undefined }, operator),
    },
    {
      what: 'its grant is revoked',
      dead: 'grant_revoked',
      kill: ({ world, claims }) =>
        revocations.revokeGrant(
          world.tenant.id,
          uuidOfGrant(claims).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'),
          {
            reason: 'test',
            by: operator,
          },
        ),
    },
    {
      what: 'its session is revoked',
      dead: 'sid_revoked',
      kill: revoke('revoke_session($1, $2, $3, $4)', (i) => i.session),
    },
    {
      what: 'its user is revoked',
      dead: 'sub_revoked',
      kill: revoke('revoke_user($1, $2, $3, $4)', (i) => i.world.user.id),
    },
    {
      what: 'its client is revoked',
      dead: 'client_revoked',
      kill: revoke('revoke_client($1, $2, $3, $4)', (i) => i.world.client.id),
    },
    {
      what: 'its API is revoked',
      dead: 'aud_revoked',
      kill: revoke('revoke_api($1, $2, $3, $4)', (i) => i.world.api.id),
    },
    { what: 'its key is revoked', dead: 'kid_revoked', kill: revoke(`revoke_key($1, $2, '1 day', $3, $4)`, () => KEY) },
    {
      what: 'its tenant is revoked',
      dead: 'tenant_revoked',
      kill: revoke('revoke_tenant($1, $2, $3, $4)', (i) => i.claims.iss),
    },
    {
      what: 'its user is disabled',
      dead: 'user_disabled',
      kill: row('users', 'disabled_at = now()', (i) => i.world.user.id),
    },
    {
      what: 'its user is deleted',
      dead: 'user_deleted',
      kill: row('users', 'deleted_at = now()', (i) => i.world.user.id),
    },
    {
      what: 'its client is disabled',
      dead: 'client_disabled',
      kill: row('clients', 'disabled_at = now()', (i) => i.world.client.id),
    },
    {
      what: 'its client is deleted',
      dead: 'client_deleted',
      kill: row('clients', 'deleted_at = now()', (i) => i.world.client.id),
    },
    {
      what: 'its API is disabled',
      dead: 'api_disabled',
      kill: row('apis', 'disabled_at = now()', (i) => i.world.api.id),
    },
    { what: 'its API is deleted', dead: 'api_deleted', kill: row('apis', 'deleted_at = now()', (i) => i.world.api.id) },
    { what: 'its tenant is disabled', dead: 'tenant_disabled', kill: tenantRow('disabled_at = now()') },
    { what: 'its tenant is deleted', dead: 'tenant_disabled', kill: tenantRow('deleted_at = now()') },
    {
      what: 'the tenant’s cap falls below its lifetime',
      dead: 'lifetime_above_cap',
      kill: tenantRow('max_token_lifetime = 200'),
    },
    {
      what: 'its grant has expired',
      dead: 'grant_expired',
      kill: ({ claims }) =>
        sql(`UPDATE grants SET expires_at = now() - interval '1 s' WHERE id = $1`, uuidOfGrant(claims)),
    },
    {
      what: 'its grant is no longer there',
      dead: 'grant_unknown',
      kill: ({ claims }) => sql('DELETE FROM grants WHERE id = $1', uuidOfGrant(claims)),
    },
  ]
  test.each(cases)('is dead once $what, and no other tenant’s is', async ({ dead, kill }) => {
    const [issued, foreign] = [await issue(), await issue()]
    await kill(issued)
    expect(await judge(issued)).toEqual({ dead })
    expect(await judge(foreign)).toBe('live')
  })

  // What a row says holds when the entry has long left the list.
  test.each(cases.filter(({ dead }) => dead.endsWith('_revoked') && dead !== 'jti_revoked'))(
    'stays dead without an entry once $what',
    async ({ what, kill }) => {
      const issued = await issue()
      await kill(issued)
      await sql('DELETE FROM revocations WHERE tenant_id = $1', issued.world.tenant.id)
      const dead = { dead: expect.stringMatching(/_revoked$/) }
      expect(await judge(issued)).toEqual(dead)
      if (/grant|user/.test(what)) return
      const grantless = without(issued.claims, 'grant')
      expect(await revocations.judge(issued.world.tenant.id, grantless, KEY)).toEqual(dead)
    },
  )

  // What an entry says holds for what has no row to say it.
  test.each(['sub', 'client', 'aud', 'tenant'] as const)('issued after a revocation of its %s lives', async (kind) => {
    const issued = await issue()
    const { claims, world } = issued
    const value = { sub: claims.sub, client: claims.client_id, aud: claims.aud, tenant: claims.iss }[kind]
    const [{ r }] = await sql('SELECT append_revocation($1, $2, $3) AS r', world.tenant.id, kind, value)
    expect(await judge(issued)).toEqual({ dead: `${kind}_revoked` })
    expect(await judge(issued, { rev: Number(r) - 1 })).toEqual({ dead: `${kind}_revoked` })
    expect(await judge(issued, { rev: Number(r) })).toBe('live')
  })

  test('is not met by an entry that has expired', async () => {
    const issued = await issue()
    await revocations.revokeToken(issued.world.tenant.id, { claims: issued.claims, place: undefined }, operator)
    await sql(`UPDATE revocations SET expires_at = now() - interval '1 s' WHERE tenant_id = $1`, issued.world.tenant.id)
    expect(await judge(issued)).toBe('live')
  })

  test('for an API that was registered again is dead, a new one’s lives', async () => {
    const issued = await issue()
    const { world, claims } = issued
    const [{ r }] = await sql(
      'SELECT revoke_api($1, $2, $3, $4) AS r',
      world.tenant.id,
      world.api.id,
      operator,
      'deleted',
    )
    await sql('UPDATE apis SET deleted_at = now() WHERE id = $1', world.api.id)
    await makeApi(stage.pool, world.tenant.id, { identifier: claims.aud })
    expect(await judge(issued)).toEqual({ dead: 'aud_revoked' })
    expect(await judge(issued, { rev: Number(r) })).toBe('live')
  })

  test('of one user is not met by the revocation of another', async () => {
    const issued = await issue()
    const other = await makeUser(stage.pool, issued.world.tenant.id)
    await sql('SELECT revoke_user($1, $2, $3, $4)', issued.world.tenant.id, other.id, operator, 'test')
    expect(await judge(issued)).toBe('live')
  })

  test('with a grant or session that no id can have is dead', async () => {
    const issued = await issue()
    expect(await judge(issued, { grant: 'x' })).toEqual({ dead: 'grant_unknown' })
    expect(await judge(issued, { sid: 'x' })).toBe('live')
  })

  test('under a grant of another tenant is dead', async () => {
    const [issued, other] = [await issue(), await issue()]
    expect(await judge(issued, { grant: other.claims.grant ?? '' })).toEqual({ dead: 'grant_unknown' })
  })

  test('is judged together with others that come in the same moment, each by its own', async () => {
    const [live, dead, other] = await Promise.all([issue(), issue(), issue()])
    await revocations.revokeGrant(dead.world.tenant.id, base64urlToUuid(dead.claims.grant ?? '') ?? '', {
      reason: 'test',
      by: operator,
    })
    const sent: number[] = []
    const query = (statement: { values: unknown[][] }) => {
      sent.push(statement.values[0]?.length ?? 0)
      return stage.pool.query(statement as unknown as pg.QueryConfig)
    }
    const store = createRevocations({
      pool: { query } as unknown as pg.Pool,
      installation: await readInstallation(stage.pool),
    })
    const { claims } = other
    const judged = await Promise.all([
      store.judge(live.world.tenant.id, live.claims, KEY),
      store.judge(dead.world.tenant.id, dead.claims, KEY),
      store.judge(other.world.tenant.id, { ...claims, exp: claims.iat + 1_000_000 }, undefined),
      store.judge(other.world.tenant.id, dead.claims, KEY),
      store.judge(other.world.tenant.id, claims, KEY),
      store.judge(randomUUID(), claims, KEY),
    ])
    expect(judged).toEqual([
      'live',
      { dead: 'grant_revoked' },
      { dead: 'lifetime_above_cap' },
      { dead: expect.any(String) },
      'live',
      { dead: 'tenant_unknown' },
    ])
    expect(sent).toEqual([6])
  })

  test('costs no more to judge when its tenant has revoked thousands', async () => {
    const issued = await issue()
    await sql(
      `INSERT INTO revocations (tenant_id, slot, revision, kind, digest, expires_at)
       SELECT $1, slot_of(now()), n, 'jti', 'digest ' || n, now() + interval '1 hour' FROM generate_series(1, 5000) AS n`,
      issued.world.tenant.id,
    )
    const read = async () => {
      const [{ n }] = await sql(
        `SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS n FROM pg_stat_user_tables WHERE relname LIKE 'revocations%'`,
      )
      return n
    }
    const before = await read()
    const pool = new pg.Pool({ ...stage.database.connection, max: 1 })
    const store = createRevocations({ pool, installation: await readInstallation(pool) })
    for (let i = 0; i < 10; i++) await store.judge(issued.world.tenant.id, issued.claims, KEY)
    // A connection hands in its figures when it ends.
    await pool.end()
    await eventually(async () => {
      const [{ n }] = await sql(`SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()`)
      expect(n).toBeLessThanOrEqual(stage.pool.totalCount)
    })
    expect((await read()) - before).toBeLessThan(1_000)
  })
})
