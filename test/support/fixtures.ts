import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Grants, NewGrant, RevocationPage, Revocations } from '../../src/oauth/ports.js'
import type { Actor, Grant } from '../../src/oauth/records.js'
import type { RevocationEntry } from '../../src/wire/revocation-list.js'
import { type TestDatabase, testDatabase } from './database.js'
import { newPlace } from './mint.js'

/** Who does things in tests. */
export const operator: Actor = { kind: 'operator', id: 'test' }

type Values = Record<string, unknown>
type Queryable = Pick<pg.Pool, 'query'>

/** Inserts one row of what the columns say. */
export async function insert(pool: Queryable, table: string, values: Values): Promise<void> {
  const columns = Object.keys(values).map((column) => pg.escapeIdentifier(column))
  const places = columns.map((_, index) => `$${index + 1}`)
  await pool.query(`INSERT INTO ${table} (${columns}) VALUES (${places})`, Object.values(values))
}

const unique = (prefix: string) => `${prefix}-${randomBytes(5).toString('hex')}`

/** A tenant with its `revisions` row. Extra columns override, in these and the functions below. */
export async function makeTenant(pool: Queryable, columns: Values = {}): Promise<{ id: string; slug: string }> {
  const tenant = { id: randomUUID(), slug: unique('tenant') }
  const row = { ...tenant, name: 'A tenant', ...columns }
  await insert(pool, 'tenants', row)
  await insert(pool, 'revisions', { tenant_id: row.id })
  return row
}

/** A user whose password hash is `password`, no real one. */
export async function makeUser(
  pool: Queryable,
  tenantId: string,
  { password = '$argon2id$none', ...columns }: Values = {},
): Promise<{ id: string; username: string }> {
  const user = { id: randomUUID(), username: unique('user') }
  const row = { tenant_id: tenantId, ...user, ...columns }
  await insert(pool, 'users', row)
  await insert(pool, 'credentials', {
    tenant_id: tenantId,
    id: randomUUID(),
    user_id: row.id,
    kind: 'password',
    secret: password,
  })
  return row
}

/** An API with scopes `read` and `write` unless told. */
export async function makeApi(
  pool: Queryable,
  tenantId: string,
  { scopes = ['read', 'write'], ...columns }: Values & { scopes?: string[] } = {},
): Promise<{ id: string; identifier: string }> {
  const api = { id: unique('api'), identifier: `https://${unique('api')}.example` }
  const row = { tenant_id: tenantId, ...api, name: 'An API', format: 'signed', ...columns }
  await insert(pool, 'apis', row)
  for (const name of scopes) await insert(pool, 'api_scopes', { tenant_id: tenantId, api_id: row.id, name })
  return row
}

/** A public first-party client that may sign users in, for the APIs given. */
export async function makeClient(
  pool: Queryable,
  tenantId: string,
  { apis = [], ...columns }: Values & { apis?: string[] } = {},
): Promise<{ id: string }> {
  const row = {
    tenant_id: tenantId,
    id: unique('client'),
    name: 'A client',
    public: true,
    first_party: true,
    grant_types: ['password', 'refresh_token'],
    ...columns,
  }
  await insert(pool, 'clients', row)
  for (const api of apis) await insert(pool, 'client_apis', { tenant_id: tenantId, client_id: row.id, api_id: api })
  return row
}

/** The row of a key that signs access tokens; nothing can be signed with it. */
export async function makeKey(pool: Queryable, tenantId: string, columns: Values = {}): Promise<{ id: string }> {
  const row = {
    tenant_id: tenantId,
    id: unique('key'),
    purpose: 'access_token',
    algorithm: 'ES256',
    status: 'active',
    public_jwk: {},
    sealed: randomBytes(4),
    master_key_id: 'm',
    activates_at: new Date(),
    ...columns,
  }
  await insert(pool, 'keys', row)
  return row
}

/** A tenant with one of each: its client may have tokens for its API. */
export async function makeWorld(pool: Queryable) {
  const tenant = await makeTenant(pool)
  const user = await makeUser(pool, tenant.id)
  const api = await makeApi(pool, tenant.id)
  const client = await makeClient(pool, tenant.id, { apis: [api.id] })
  return { tenant, user, api, client }
}

export type World = Awaited<ReturnType<typeof makeWorld>>

export type Stage = {
  database: TestDatabase
  pool: pg.Pool
  /** Two tenants, always: nothing of one may be seen in the other. */
  ours: World
  theirs: World
  close: () => Promise<void>
}

/** A database with partitions and two tenants in it, for one test file. */
export async function setStage({ connections = 20 }: { connections?: number } = {}): Promise<Stage> {
  const database = await testDatabase()
  const pool = new pg.Pool({ ...database.connection, max: connections })
  await pool.query("CALL maintain_partitions('30 days', 12)")
  return {
    database,
    pool,
    ours: await makeWorld(pool),
    theirs: await makeWorld(pool),
    close: async () => {
      await pool.end()
      await database.drop()
    },
  }
}

/** Audit events of a tenant, the oldest first. */
export async function auditTrail(pool: Queryable, tenantId: string): Promise<{ type: string; subject: Values }[]> {
  const { rows } = await pool.query('SELECT type, subject FROM audit_events WHERE tenant_id = $1 ORDER BY id', [
    tenantId,
  ])
  return rows
}

/** A grant as a sign-in at the world's client makes it, everything overridable. */
export function newGrant({ tenant, user, client, api }: World, overrides: Partial<NewGrant> = {}): NewGrant {
  return {
    tenantId: tenant.id,
    userId: user.id,
    clientId: client.id,
    scope: ['read'],
    apis: [api.id],
    authTime: new Date(),
    amr: ['pwd'],
    acr: undefined,
    rotate: true,
    idleLifetime: 7 * 86_400,
    lifetime: 30 * 86_400,
    rev: 0,
    wide: 0,
    place: newPlace(),
    credentialVersion: 1,
    ...overrides,
  }
}

/** Makes it; throws where that is refused. */
export async function makeGrant(grants: Grants, world: World, overrides?: Partial<NewGrant>): Promise<Grant> {
  const made = await grants.make(newGrant(world, overrides), operator)
  if (made.result !== 'made') throw new Error(made.result)
  return made.grant
}

/** A browser's session of the world's user, until the end of the month its id names. */
export async function makeSession(pool: Queryable, { tenant, user }: World, columns: Values = {}): Promise<string> {
  const { rows } = await pool.query<{ month: number; id: string }>(
    `SELECT month_of(now()) AS month, encode(int2send(month_of(now())) || $1::bytea, 'hex')::uuid AS id`,
    [randomBytes(14)],
  )
  const [{ month, id } = { month: 0, id: '' }] = rows
  await insert(pool, 'sessions', {
    tenant_id: tenant.id,
    month,
    id,
    secret_hash: randomBytes(32),
    user_id: user.id,
    revision: 0,
    auth_time: new Date(),
    idle: 7_200,
    expires_at: new Date(Date.now() + 43_200_000),
    ...columns,
  })
  return id
}

export type ReadPage = Omit<RevocationPage, 'entries'> & { readonly entries: readonly RevocationEntry[] }

/** The list with its entries read, as those see it that it is for. */
export function reading(revocations: Revocations) {
  const read = (page: RevocationPage): ReadPage => ({ ...page, entries: JSON.parse(page.entries) })
  return {
    ...revocations,
    snapshot: async (tenantId: string) => read(await revocations.snapshot(tenantId)),
    since: async (tenantId: string, cursor: string) => {
      const page = await revocations.since(tenantId, cursor)
      return page === 'reset' ? page : read(page)
    },
  }
}
