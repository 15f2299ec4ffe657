import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TokenClaims } from '../../src/oauth/ports.js'
import { createGrants } from '../../src/store/grants.js'
import { type Installation, readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { entryDigest } from '../../src/wire/revocation-list.js'
import {
  auditTrail,
  makeGrant,
  makeTenant,
  makeWorld,
  operator,
  type ReadPage,
  reading,
  type Stage,
  setStage,
} from '../support/fixtures.js'

let stage: Stage
let installation: Installation
let revocations: ReturnType<typeof reading>
beforeAll(async () => {
  stage = await setStage()
  installation = await readInstallation(stage.pool)
  revocations = reading(createRevocations({ pool: stage.pool, installation }))
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const now = () => Math.floor(Date.now() / 1000)

function token(change: Partial<TokenClaims> = {}): TokenClaims {
  const { client, api } = stage.ours
  const claims = {
    iss: 'https://id.example.com',
    sub: client.id,
    aud: api.identifier,
    client_id: client.id,
    jti: randomUUID(),
  }
  return { ...claims, iat: now(), exp: now() + 300, rev: 0, ...change }
}

/** Appends an entry and answers its revision. */
async function append(tenantId: string, kind = 'jti', value: string = randomUUID()): Promise<number> {
  const [{ r }] = await sql('SELECT append_revocation($1, $2, $3) AS r', tenantId, kind, value)
  return Number(r)
}

async function page(tenantId: string, cursor: string): Promise<ReadPage> {
  const found = await revocations.since(tenantId, cursor)
  if (found === 'reset') throw new Error('reset')
  return found
}

describe('a revocation', () => {
  test('of a token lasts until its expiry and two minutes, and is audited without it', async () => {
    const { tenant, client } = await makeWorld(stage.pool)
    const claims = token({ client_id: client.id, exp: now() + 7_200 })
    await revocations.revokeToken(tenant.id, { claims, place: undefined }, operator)
    const { entries } = await revocations.snapshot(tenant.id)
    expect(entries).toEqual([{ k: 'jti', d: entryDigest('jti', claims.jti), exp: expect.any(Number) }])
    expect(Math.abs((entries[0]?.exp ?? 0) - claims.exp - 120)).toBeLessThanOrEqual(1)
    expect(await auditTrail(stage.pool, tenant.id)).toEqual([
      { type: 'token.revoked', subject: { client: client.id, jti: claims.jti } },
    ])
  })

  test('of a grant happens once, in its own tenant alone', async () => {
    const world = await makeWorld(stage.pool)
    const grant = await makeGrant(createGrants(stage), world)
    const revoke = (tenantId: string, grantId = grant.id) =>
      revocations.revokeGrant(tenantId, grantId, { reason: 'test', by: operator })
    expect(await revoke(stage.theirs.tenant.id)).toBe('nothing')
    expect(await revoke(world.tenant.id, randomUUID())).toBe('nothing')
    expect(await revoke(world.tenant.id, 'no id')).toBe('nothing')
    const results = await Promise.all(Array.from({ length: 8 }, () => revoke(world.tenant.id)))
    expect(results.filter((result) => result === 'revoked')).toHaveLength(1)
    const { entries } = await revocations.snapshot(world.tenant.id)
    const value = Buffer.from(grant.id.replaceAll('-', ''), 'hex').toString('base64url')
    expect(entries.map(({ d }) => d)).toEqual([entryDigest('grant', value)])
    expect((await auditTrail(stage.pool, world.tenant.id)).at(-1)).toEqual({
      type: 'grant.revoked',
      subject: { grant: grant.id, user: world.user.id, client: world.client.id },
    })
  })

  test.each(['jti', 'grant', 'sid', 'sub', 'client', 'aud', 'act', 'kid', 'tenant'] as const)(
    'of a %s has the digest that readers of the list compute',
    async (kind) => {
      const value = `${randomUUID()} ä🦉\n${kind}`
      const [{ d }] = await sql('SELECT revocation_digest($1, $2) AS d', kind, value)
      expect(d).toBe(entryDigest(kind, value))
    },
  )
})

describe('a snapshot', () => {
  test('holds every live entry of the tenant and none of another, in the order they were made', async () => {
    const [ours, theirs] = [await makeTenant(stage.pool), await makeTenant(stage.pool)]
    await append(theirs.id, 'sub', 'them')
    const wide = await append(ours.id, 'sub', 'ann')
    await append(ours.id, 'jti', 'gone')
    await sql(`UPDATE revocations SET expires_at = now() WHERE tenant_id = $1 AND kind = 'jti'`, ours.id)
    const last = await append(ours.id, 'kid', 'k1')
    const { revision, entries } = await revocations.snapshot(ours.id)
    expect(revision).toBe(last)
    expect(entries.map(({ k, d, r }) => ({ k, d, r }))).toEqual([
      { k: 'sub', d: entryDigest('sub', 'ann'), r: wide },
      { k: 'kid', d: entryDigest('kid', 'k1'), r: undefined },
    ])
    for (const { exp } of entries) expect(Math.abs(exp - now() - 3_720)).toBeLessThan(30)
  })

  test('of a tenant that has revoked nothing is empty and can be continued', async () => {
    const { id } = await makeTenant(stage.pool)
    const { cursor, revision, entries } = await revocations.snapshot(id)
    expect([revision, entries]).toEqual([0, []])
    const first = await append(id)
    expect(await revocations.since(id, cursor)).toMatchObject({ revision: first, entries: [{ k: 'jti' }] })
  })

  test('of no tenant is an error', async () => {
    await expect(revocations.snapshot(randomUUID())).rejects.toThrow('tenant')
  })
})

describe('what came after a cursor', () => {
  test('is what was revoked since, each once', async () => {
    const { id } = await makeTenant(stage.pool)
    await append(id)
    const start = await revocations.snapshot(id)
    const second = await append(id, 'jti', 'two')
    const next = await page(id, start.cursor)
    expect(next).toMatchObject({ revision: second, entries: [{ d: entryDigest('jti', 'two') }] })
    const nothing = await page(id, next.cursor)
    expect(nothing).toMatchObject({ revision: second, entries: [] })
    await append(id, 'jti', 'three')
    expect((await page(id, nothing.cursor)).entries).toMatchObject([{ d: entryDigest('jti', 'three') }])
  })

  test('is a reset for a cursor of another tenant, another installation or another timeline', async () => {
    const [ours, theirs] = [await makeTenant(stage.pool), await makeTenant(stage.pool)]
    const { cursor } = await revocations.snapshot(ours.id)
    expect(await revocations.since(ours.id, cursor)).toMatchObject({ entries: [] })
    expect(await revocations.since(theirs.id, cursor)).toBe('reset')
    for (const change of [{ id: randomUUID() }, { timeline: `'00000002'` }]) {
      const pool = new pg.Pool({ ...stage.database.connection, max: 1 })
      const elsewhere = createRevocations({ pool, installation: { ...installation, ...change } })
      expect(await elsewhere.since(ours.id, cursor).finally(() => pool.end())).toBe('reset')
    }
  })

  test('is a reset for a cursor ahead of the revision: the database has lost what came after', async () => {
    const { id } = await makeTenant(stage.pool)
    await append(id)
    const { cursor } = await revocations.snapshot(id)
    await sql('UPDATE revisions SET revision = revision - 1 WHERE tenant_id = $1', id)
    expect(await revocations.since(id, cursor)).toBe('reset')
  })

  test('is a reset for a cursor older than the entries are kept, unless nothing has happened since', async () => {
    const { id } = await makeTenant(stage.pool, { max_token_lifetime: 600 })
    await append(id)
    const { cursor } = await revocations.snapshot(id)
    const aged = (seconds: number) => {
      const bytes = Buffer.from(cursor, 'base64url')
      bytes.writeUIntBE(bytes.readUIntBE(24, 6) - seconds, 24, 6)
      return bytes.toString('base64url')
    }
    expect(await revocations.since(id, aged(86_400))).toMatchObject({ entries: [] })
    await append(id)
    expect(await revocations.since(id, aged(700))).toMatchObject({ entries: [{ k: 'jti' }] })
    expect(await revocations.since(id, aged(740))).toBe('reset')
  })

  test('never ends for a reader that keeps asking, however quiet the tenant is', async () => {
    const { id } = await makeTenant(stage.pool)
    await append(id)
    // The last revocation is a day old; the reader asked just now.
    await sql('UPDATE revisions SET revision = revision - 86400000000 WHERE tenant_id = $1', id)
    await sql('DELETE FROM revocations WHERE tenant_id = $1', id)
    const { cursor } = await page(id, (await revocations.snapshot(id)).cursor)
    await append(id)
    expect(await revocations.since(id, cursor)).toMatchObject({ entries: [{ k: 'jti' }] })
  })

  test.each([
    '',
    'x',
    'a\0',
    randomBytes(29).toString('base64url'),
    randomBytes(31).toString('base64url'),
    Buffer.alloc(30, 255).toString('base64url'),
    `${Buffer.alloc(30).toString('base64url')}=`,
  ])('is a reset for %j', async (cursor) => {
    expect(await revocations.since(stage.ours.tenant.id, cursor)).toBe('reset')
  })

  test('is missed by no reader, with ten at once revoking and each taking its time to commit', async () => {
    const { id } = await makeTenant(stage.pool)
    const read: string[] = []
    let { cursor } = await revocations.snapshot(id)
    let writing = true
    const reader = async () => {
      for (let last = false; !last; ) {
        // One more round after the last write.
        last = !writing
        const next = await page(id, cursor)
        read.push(...next.entries.map(({ d }) => d))
        cursor = next.cursor
      }
    }
    const written: string[] = []
    const writer = async () => {
      for (let i = 0; i < 12; i++) {
        const value = randomUUID()
        const client = await stage.pool.connect()
        await client.query('BEGIN')
        // Before it has its place in the order, and after.
        await client.query('SELECT pg_sleep(random() / 200)')
        await client.query(`SELECT append_revocation($1, 'jti', $2)`, [id, value])
        await client.query('SELECT pg_sleep(random() / 200)')
        await client.query('COMMIT')
        client.release()
        written.push(entryDigest('jti', value))
      }
    }
    const reading = reader()
    await Promise.all(Array.from({ length: 10 }, writer))
    writing = false
    await reading
    expect(read).toHaveLength(120)
    expect(read.sort()).toEqual(written.sort())
  })

  test('goes without a timeline where the role may not read it', async () => {
    const role = `r_${randomBytes(4).toString('hex')}`
    await sql(`CREATE ROLE ${role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`)
    const before = `REVOKE EXECUTE ON FUNCTION pg_walfile_name(pg_lsn) FROM PUBLIC`
    await sql(before)
    const pool = new pg.Pool({ ...stage.database.connection, max: 1, options: `-c role=${role}` })
    try {
      const limited = await readInstallation(pool)
      expect(limited).toEqual({ id: installation.id, timeline: '' })
      const store = reading(createRevocations({ pool, installation: limited }))
      const { cursor } = await store.snapshot(stage.ours.tenant.id)
      expect(await store.since(stage.ours.tenant.id, cursor)).toMatchObject({ entries: [] })
    } finally {
      await pool.end()
      await sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
    }
  })
})

describe('a long list', () => {
  /** Entries in three hours to come, in one order over all of them; `first`: their lowest revision. */
  const fill = (tenantId: string, count: number, first: number) =>
    sql(
      `WITH made AS (
         INSERT INTO revocations (tenant_id, slot, revision, kind, digest, below, expires_at)
         SELECT $1, slot_of(at), $3 + i - 1, CASE WHEN i % 10 = 0 THEN 'sub' ELSE 'jti' END, revocation_digest('jti', i::text),
                CASE WHEN i % 10 = 0 THEN $3 + i - 1 END, at
           FROM (SELECT i, statement_timestamp() + make_interval(hours => 1 + i % 3) AS at FROM generate_series(1, $2::integer) AS i) AS s
         RETURNING revision)
       UPDATE revisions SET revision = (SELECT max(revision) FROM made) WHERE tenant_id = $1`,
      tenantId,
      count,
      first,
    )
  /** Every page from the first on, and no more than it should take. */
  async function walk(tenantId: string): Promise<ReadPage[]> {
    const pages = [await revocations.snapshot(tenantId)]
    for (let last = pages[0]; last?.more && pages.length < 20; last = pages.at(-1))
      pages.push(await page(tenantId, last.cursor))
    return pages
  }

  test('is told in pages of 5,000, in the order of revision, each from where the one before ends', async () => {
    const [{ id }, other] = [await makeTenant(stage.pool), await makeTenant(stage.pool)]
    await fill(id, 12_000, 1_000_000)
    await fill(other.id, 100, 1_003_000)
    const pages = await walk(id)
    expect(
      pages.map(({ entries, after, revision, more, first }) => [entries.length, first, after, revision, more]),
    ).toEqual([
      [5_000, 1_000_000, undefined, 1_004_999, true],
      [5_000, 1_005_000, 1_004_999, 1_009_999, true],
      [2_000, 1_010_000, 1_009_999, 1_011_999, false],
    ])
    const all = pages.flatMap(({ entries }) => entries)
    expect(new Set(all.map(({ d }) => d)).size).toBe(12_000)
    expect(all.slice(8, 10)).toEqual([
      { k: 'jti', d: entryDigest('jti', '9'), exp: expect.any(Number) },
      { k: 'sub', d: entryDigest('jti', '10'), r: 1_000_009, exp: expect.any(Number) },
    ])
  })

  test('of exactly one page has no more', async () => {
    const { id } = await makeTenant(stage.pool)
    await fill(id, 5_000, 1_000_000)
    expect(await revocations.snapshot(id)).toMatchObject({ more: false, revision: 1_004_999 })
    await append(id)
    expect(await revocations.snapshot(id)).toMatchObject({ more: true, revision: 1_004_999 })
  })

  test('is walked to its end while it grows, and nothing is missed', async () => {
    const { id } = await makeTenant(stage.pool)
    await fill(id, 7_000, 1_000_000)
    const first = await revocations.snapshot(id)
    const late = await append(id, 'jti', 'late')
    const second = await page(id, first.cursor)
    expect(second).toMatchObject({ more: false, revision: late, entries: { length: 2_001 } })
    expect(second.entries.at(-1)).toMatchObject({ d: entryDigest('jti', 'late') })
  })

  test.each(['an hour just begun', 'hours that the planner knows'])(
    'is read by its index, up to the limit, of %s',
    async (when) => {
      const { id } = await makeTenant(stage.pool)
      await fill(id, 30_000, 1_000_000)
      if (when !== 'an hour just begun') await sql('ANALYZE revocations')
      let text = ''
      const query = async (statement: pg.QueryConfig) => {
        text = statement.text
        return stage.pool.query(statement)
      }
      await createRevocations({ pool: { query } as unknown as pg.Pool, installation }).snapshot(id)
      for (const after of [-1, 1_015_000, 1_029_990]) {
        const told = text.replaceAll('$1', `'${id}'::uuid`).replaceAll('$2', String(after))
        const plan = (await sql(`EXPLAIN (ANALYZE, TIMING off) ${told}`)).map((row) => row['QUERY PLAN']).join('\n')
        expect(plan).toContain('Merge Append')
        expect(plan).not.toMatch(/Sort Method|Seq Scan on revocations|Bitmap/)
        // No slot gives more than the page takes of it.
        for (const [, rows] of plan.matchAll(/Index Scan using revocations_\S+ on .*rows=(\d+)[.\d]* loops/g)) {
          expect(Number(rows)).toBeLessThanOrEqual(1_668)
        }
      }
    },
  )
})

describe('where a cursor stands', () => {
  test('is known for those of one tenant, database and timeline', async () => {
    const [ours, theirs] = [await makeTenant(stage.pool), await makeTenant(stage.pool)]
    const revision = await append(ours.id)
    const before = await revocations.head(ours.id)
    expect(before).toMatchObject({ revision, entries: '[]', more: false })
    await append(ours.id)
    const after = await revocations.head(ours.id)
    expect(revocations.locate(before.cursor, after.cursor)).toBe(revision)
    for (const foreign of ['', 'nonsense', (await revocations.head(theirs.id)).cursor]) {
      expect(revocations.locate(foreign, after.cursor)).toBeUndefined()
      expect(revocations.locate(after.cursor, foreign)).toBeUndefined()
    }
  })
})
