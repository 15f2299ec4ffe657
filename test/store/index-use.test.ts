import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidToBase64url } from '../../src/crypto/uuid.js'
import type { Grant } from '../../src/oauth/records.js'
import { createClients } from '../../src/store/clients.js'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createSessions } from '../../src/store/sessions.js'
import { createThrottle } from '../../src/store/throttle.js'
import { createUsers } from '../../src/store/users.js'
import { makeGrant, operator, type Stage, setStage } from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

// Postgres counts how often each table was read from its beginning to its end, and how many of its rows were. The counts of a connection
// are there for itself as soon as it asks, so everything is done over one.

let stage: Stage

const ROWS = 4_000
/** Rows from which on Postgres would not read a table whole, and does not take it for empty. */
const MANY = 1_000
/** Rows of a table that are read for one thing, with what is left of their earlier versions. */
const FEW = 20

const FILLING = [
  `INSERT INTO users (tenant_id, id, username) SELECT $1, md5('user' || n)::uuid, 'user' || n FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO credentials (tenant_id, id, user_id, kind, secret)
   SELECT $1, gen_random_uuid(), md5('user' || n)::uuid, 'password', '' FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO clients (tenant_id, id, name, grant_types) SELECT $1, 'client' || n, '', '{}' FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO client_apis (tenant_id, client_id, api_id)
   SELECT $1, 'client' || n, (SELECT id FROM apis WHERE tenant_id = $1) FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, auth_time, idle, expires_at)
   SELECT $1, month, (encode(int2send(month), 'hex') || left(md5('session' || n), 28))::uuid, sha256(''), md5('user' || n)::uuid, 0, now(), 86400, now() + interval '1 day'
     FROM generate_series(1, $2::int) AS n, LATERAL (SELECT (month_of(now()) + n % 2)::smallint AS month) AS m`,
  `INSERT INTO grants (tenant_id, month, id, user_id, client_id, session_id, secret, revision, auth_time, idle, expires_at)
   SELECT $1, month, (encode(int2send(month), 'hex') || left(md5('grant' || n), 28))::uuid, md5('user' || n)::uuid, 'client' || n,
          (encode(int2send(month), 'hex') || left(md5('session' || n), 28))::uuid, sha256(''), 0, now(), 86400, now() + interval '1 day'
     FROM generate_series(1, $2::int) AS n, LATERAL (SELECT (month_of(now()) + n % 2)::smallint AS month) AS m`,
  `INSERT INTO authorization_codes (tenant_id, day, code_hash, client_id, user_id, redirect_uri, code_challenge, credential_version, revision, auth_time, expires_at)
   SELECT $1, day_of(now()) - n % 2, sha256(int4send(n)), 'client' || n, md5('user' || n)::uuid, '', '', 1, 0, now(), now() + interval '1 minute'
     FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO throttle (tenant_id, day, bucket, tries, resets_at)
   SELECT $1, day_of(now()) - n % 2, sha256(int4send(n)), 1, now() + interval '1 hour' FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO known_addresses (tenant_id, month, bucket, seen_on)
   SELECT $1, month_of(now()), sha256(int4send(n)), day_of(now()) FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO revocations (tenant_id, slot, revision, kind, digest, expires_at)
   SELECT $1, slot_of(now()), n, 'jti', md5(n::text), now() + interval '1 hour' FROM generate_series(1, $2::int) AS n`,
  `INSERT INTO audit_events (tenant_id, month, type, actor, subject)
   SELECT $1, month_of(now()), 'test', '{}', '{}' FROM generate_series(1, $2::int) AS n`,
]

/** Plans that are kept may have been made while Postgres knew nothing of the tables yet: a new installation that grows. */
async function fill({ pool, ours }: Stage, analysed: boolean): Promise<void> {
  const { rows } = await pool.query(
    "SELECT oid::regclass AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace",
  )
  for (const { name } of rows) await pool.query(`ALTER TABLE ${name} SET (autovacuum_enabled = off)`)
  for (const each of FILLING) await pool.query(each, [ours.tenant.id, ROWS])
  if (analysed) await pool.query('ANALYZE')
}

type Counted = { name: string; rows: string; whole: string; byIndex: string; rowsRead: string }

async function count(): Promise<Map<string, Counted>> {
  await stage.pool.query('SELECT pg_stat_force_next_flush()')
  const { rows } = await stage.pool.query<Counted>(
    `SELECT relname AS name, n_live_tup AS rows, seq_scan AS whole, coalesce(idx_scan, 0) AS "byIndex",
            seq_tup_read + coalesce(idx_tup_fetch, 0) AS "rowsRead"
       FROM pg_stat_user_tables`,
  )
  return new Map(rows.map((row) => [row.name, row]))
}

/** More often than Postgres plans a prepared statement for the values it is given: the plan that it keeps is among those seen. */
const TIMES = 8

/** Which tables were read at all, and which of those with many rows were read whole, or by an index that finds too many. */
async function tablesRead(work: (n: number) => Promise<unknown>) {
  const before = await count()
  for (let n = 1; n <= TIMES; n++) await work(n)
  const after = [...(await count()).values()]
  const gained = (what: 'whole' | 'byIndex' | 'rowsRead', table: Counted) =>
    Number(table[what]) - Number(before.get(table.name)?.[what] ?? 0)
  const large = after.filter(({ rows }) => Number(rows) >= MANY)
  return {
    whole: large.filter((table) => gained('whole', table) > 0).map(({ name }) => name),
    much: large
      .filter((table) => gained('rowsRead', table) > FEW * TIMES)
      .map((table) => `${table.name}: ${gained('rowsRead', table) / TIMES} rows each`),
    read: after
      .filter((table) => gained('whole', table) + gained('byIndex', table) > 0)
      .map(({ name }) => name)
      .sort(),
  }
}

/** Those of one table. */
const partitions = (read: readonly string[], parent: string) =>
  read.filter((name) => name.replace(/_(?:default|[mds]\d+)$/, '') === parent)

const uncached = { remember: <T>(_: unknown, load: () => Promise<T | undefined>) => load() }
const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows

async function ports() {
  const { pool } = stage
  return {
    grants: createGrants({ pool }),
    users: createUsers({ pool }),
    clients: createClients({ pool, view: uncached, grace: 0 }),
    sessions: createSessions({ pool }),
    codes: createAuthorizationCodes({ pool }),
    endings: createEndings({ pool }),
    throttle: createThrottle(pool, randomBytes(32)),
    revocations: createRevocations({ pool, installation: await readInstallation(pool) }),
  }
}

type Ports = Awaited<ReturnType<typeof ports>>

/** What is done in each round, and made before for all of them. */
type Case = readonly [string, (at: Ports) => Promise<(n: number) => Promise<unknown>>]

const tenantId = () => stage.ours.tenant.id
const userIdOf = async (n: number): Promise<string> =>
  (await sql(`SELECT md5('user' || $1)::uuid AS id`, String(n)))[0].id

async function several<T>(make: () => Promise<T>): Promise<(n: number) => T> {
  const made: T[] = []
  for (let n = 0; n < TIMES; n++) made.push(await make())
  return (n) => made[n - 1] as T
}

const newSession = (userId: string) => ({
  tenantId: tenantId(),
  userId,
  credentialVersion: 1,
  authTime: new Date(),
  amr: ['pwd'],
  acr: undefined,
  rev: 0,
  wide: 0,
  lifetime: 43_200,
  idleLifetime: 7_200,
  userAgent: undefined,
  address: '192.0.2.1',
})

const claims = (grant: Grant) => {
  const iat = Math.floor(Date.now() / 1000)
  const { id, userId: sub, clientId: client_id } = grant
  const named = {
    iss: 'https://issuer.example',
    sub,
    client_id,
    aud: stage.ours.api.identifier,
    jti: randomBytes(16).toString('base64url'),
  }
  return { ...named, scope: 'read', iat, exp: iat + 300, rev: 1, grant: uuidToBase64url(id) }
}

// Of grants and sessions, one month each.
const OF_ONE_MONTH: Case[] = [
  [
    'finding a grant',
    async ({ grants }) => {
      const { id } = await makeGrant(grants, stage.ours)
      return () => grants.find(tenantId(), id)
    },
  ],
  [
    'a refresh',
    async ({ grants }) => {
      const grant = await makeGrant(grants, stage.ours)
      return async (n) => {
        const { result } = await grants.refresh(grant, { generation: n - 1, grace: 10, place: newPlace() }, operator)
        if (result !== 'rotated') throw new Error(result)
      }
    },
  ],
  [
    'a new grant',
    async ({ grants }) =>
      () =>
        makeGrant(grants, stage.ours),
  ],
  [
    'the judgement of a token',
    async ({ grants, revocations }) => {
      const grant = await makeGrant(grants, stage.ours)
      return async () => {
        const judged = await revocations.judge(tenantId(), claims(grant), undefined)
        if (judged !== 'live') throw new Error(judged.dead)
      }
    },
  ],
  [
    'the revocation of a grant',
    async ({ grants, revocations }) => {
      const grant = await several(() => makeGrant(grants, stage.ours))
      return async (n) => {
        const result = await revocations.revokeGrant(tenantId(), grant(n).id, { reason: 'test', by: operator })
        if (result !== 'revoked') throw new Error(result)
      }
    },
  ],
  [
    'a session made and found',
    async ({ sessions }) =>
      async (n) => {
        const made = await sessions.make(newSession(await userIdOf(n)), operator)
        if (made.result !== 'made' || !(await sessions.find(tenantId(), made.token))) throw new Error(made.result)
      },
  ],
  [
    'a sign-in',
    async ({ users, clients, throttle }) =>
      async (n) => {
        const attempt = { username: `user${n}`, address: '192.0.2.1' }
        await clients.find(tenantId(), `client${n}`)
        await throttle.take(tenantId(), attempt)
        const { user } = await users.forSignIn(tenantId(), attempt.username, {
          clientId: `client${n}`,
          apis: [stage.ours.api.id],
        })
        await throttle.succeeded(tenantId(), attempt)
        if (!user) throw new Error('There is no such user.')
      },
  ],
]

// Where the months are unknown, or several.
const OF_ALL_MONTHS: Case[] = [
  [
    'a code issued, found and redeemed',
    async ({ codes }) =>
      async (n) => {
        const session = {
          clientId: stage.ours.client.id,
          sessionId: undefined,
          redirectUri: '',
          codeChallenge: '',
          nonce: undefined,
        }
        const issued = await codes.issue({
          ...newSession(stage.ours.user.id),
          ...session,
          scope: [],
          apis: [stage.ours.api.id],
          claims: undefined,
          offline: n > 4,
        })
        const found = 'code' in issued ? await codes.find(tenantId(), issued.code) : undefined
        const redeemed =
          found &&
          (await codes.redeem(
            found,
            { rotate: true, lifetime: 86_400, idleLifetime: 86_400, place: newPlace() },
            operator,
          ))
        if (redeemed?.result !== 'made') throw new Error(redeemed?.result)
      },
  ],
  [
    'the revocation of a user',
    async () => async (n) => {
      const [{ r }] = await sql(
        `SELECT revoke_user($1, md5('user' || $2)::uuid, $3, 'test') AS r`,
        tenantId(),
        String(100 + n),
        operator,
      )
      if (r === null) throw new Error('There is no such user.')
    },
  ],
  [
    'the end of a session',
    async ({ sessions, endings }) => {
      const made = await several(async () => {
        const session = await sessions.make(newSession(stage.ours.user.id), operator)
        return session.result === 'made' ? session.id : ''
      })
      return async (n) => {
        const about = { id: made(n), userId: stage.ours.user.id }
        const { result } = await endings.endSession(tenantId(), about, { by: operator, reason: 'test' })
        if (result !== 'ended') throw new Error(result)
      }
    },
  ],
  [
    'the end of all other sessions',
    async ({ endings }) =>
      async (n) => {
        const about = { id: '00000000-0000-0000-0000-000000000000', userId: await userIdOf(200 + n) }
        const result = await endings.endOtherSessions(tenantId(), about, { by: operator, reason: 'test' })
        if (result !== 'ended') throw new Error(result)
      },
  ],
  [
    "the end of an app's access",
    async ({ endings }) =>
      async (n) => {
        const about = { userId: await userIdOf(300 + n), clientId: `client${300 + n}` }
        const result = await endings.endAccess(tenantId(), about, { by: operator, reason: 'test' })
        if (result !== 'ended') throw new Error(result)
      },
  ],
]

function inDatabase(analysed: boolean): void {
  beforeAll(async () => {
    stage = await setStage({ connections: 1 })
    await fill(stage, analysed)
  })
  afterAll(() => stage.close())

  test.each(OF_ONE_MONTH)('%s reads by index, and one month of grants and sessions at most', async (_, prepare) => {
    const { whole, much, read } = await tablesRead(await prepare(await ports()))
    expect({ whole, much }).toEqual({ whole: [], much: [] })
    for (const parent of ['grants', 'sessions']) expect(partitions(read, parent).length).toBeLessThanOrEqual(1)
  })
}

// What is done thousands of times a second can't wait until Postgres has looked at the tables, a minute after they have grown.
describe('in a database that was never analysed', () => inDatabase(false))

describe('in a database that was analysed', () => {
  inDatabase(true)

  test.each(OF_ALL_MONTHS)('%s reads by index', async (_, prepare) => {
    const { whole, much } = await tablesRead(await prepare(await ports()))
    expect({ whole, much }).toEqual({ whole: [], much: [] })
  })

  test('a table read whole is found', async () => {
    const { whole, much } = await tablesRead(() =>
      sql('SELECT count(*) FROM grants WHERE secret = $1', randomBytes(32)),
    )
    expect(partitions(whole, 'grants')).toHaveLength(2)
    expect(much).toHaveLength(2)
  })

  test('an index that finds too much is found', async () => {
    const byTenant = 'SELECT count(secret_hash) FROM sessions WHERE tenant_id = $1 AND month = month_of(now())'
    await sql('SET enable_seqscan = off')
    const { whole, much } = await tablesRead(() => sql(byTenant, tenantId()))
    await sql('RESET enable_seqscan')
    expect(whole).toEqual([])
    expect(much).toHaveLength(1)
  })
})
