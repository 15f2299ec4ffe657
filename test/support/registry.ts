import { randomBytes, randomUUID } from 'node:crypto'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { Actor } from '../../src/oauth/records.js'
import { registerApi } from '../../src/oauth/registration/api.js'
import { type NewClient, registerClient } from '../../src/oauth/registration/client.js'
import { registerTenant } from '../../src/oauth/registration/tenant.js'
import { PrismaClient } from '../../src/store/generated/client.js'
import { createApiRegistry } from '../../src/store/registry/apis.js'
import { createAuditTrail } from '../../src/store/registry/audit-events.js'
import { createClientRegistry } from '../../src/store/registry/clients.js'
import { createGrantRegistry } from '../../src/store/registry/grants.js'
import { createOperatorRevocations } from '../../src/store/registry/revocations.js'
import { createSessionRegistry } from '../../src/store/registry/sessions.js'
import { createTenantRegistry } from '../../src/store/registry/tenants.js'
import { createUserRegistry } from '../../src/store/registry/users.js'
import { testDatabase } from './database.js'

/** Who administers in tests. */
export const OPERATOR: Actor = { kind: 'operator', id: 'ann' }

const PLACE = { issuer: 'https://id.example', maxTokenLifetime: 3600 }
const unique = (prefix: string) => `${prefix}${randomBytes(5).toString('hex')}`

/** A database of its own with all registries, and two tenants in it: nothing of one may change in the other. */
export async function registryStage() {
  const database = await testDatabase()
  const pool = new pg.Pool({ ...database.connection, max: 20 })
  // A connection that is being closed when the database is dropped reports it, and nobody else listens.
  pool.on('connect', (client) => client.on('error', () => {}))
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  const tenants = createTenantRegistry(prisma)
  const clients = createClientRegistry(prisma)
  const apis = createApiRegistry(prisma)
  const users = createUserRegistry(prisma)
  const trail = createAuditTrail(prisma)

  const rows = async <Row extends pg.QueryResultRow>(text: string, ...values: unknown[]) =>
    (await pool.query<Row>(text, values)).rows

  async function makeTenant(): Promise<string> {
    const made = await tenants.create(registerTenant({ slug: unique('t') }), OPERATOR)
    if (made.result !== 'created') throw new Error(made.result)
    return made.id
  }

  return {
    pool,
    rows,
    tenants,
    clients,
    apis,
    users,
    trail,
    grants: createGrantRegistry(prisma),
    sessions: createSessionRegistry(prisma),
    revocations: createOperatorRevocations(prisma),
    ours: await makeTenant(),
    theirs: await makeTenant(),
    makeTenant,

    async makeUser(tenantId: string, name = unique('u')): Promise<string> {
      const username = `${name}@example.com`
      const made = await users.create(tenantId, { username, email: username, passwordHash: '$argon2id$none' }, OPERATOR)
      if (made.result !== 'created') throw new Error(made.result)
      return made.id
    },

    async makeApi(tenantId: string, identifier = `urn:${unique('a')}`): Promise<{ id: string; identifier: string }> {
      const id = unique('api_')
      const settings = registerApi({ identifier, scopes: ['read', 'write'], format: 'signed' }, PLACE)
      await apis.create(tenantId, { id, settings, keys: undefined, secretHash: randomBytes(32) }, OPERATOR)
      return { id, identifier }
    },

    async makeClient(tenantId: string, asked: Partial<NewClient> = {}): Promise<string> {
      const id = unique('cl_')
      const settings = registerClient({ name: 'A client', public: false, firstParty: true, ...asked })
      await clients.create(
        tenantId,
        { id, settings, secretHash: settings.public ? undefined : randomBytes(32) },
        OPERATOR,
      )
      return id
    },

    /** A live grant made at the tenant's present revision, with a session. */
    async makeGrant(tenantId: string, user: string, client: string): Promise<{ grant: string; session: string }> {
      const [grant, session] = [randomUUID(), randomUUID()]
      const expires = "clock_timestamp() + interval '1 day'"
      await pool.query(
        `INSERT INTO sessions (tenant_id, month, id, secret_hash, user_id, revision, auth_time, idle, expires_at)
         SELECT $1, month_of_id($2), $2, '', $3, revision, now(), 3600, ${expires} FROM revisions WHERE tenant_id = $1`,
        [tenantId, session, user],
      )
      await pool.query(
        `INSERT INTO grants (tenant_id, month, id, user_id, client_id, session_id, secret, revision, scope, auth_time, idle, live, expires_at)
         SELECT $1, month_of_id($2), $2, $3, $4, $5, '', revision, '{read}', now(), 3600,
                ARRAY[(extract(epoch FROM now())::bigint + 300) << 30], ${expires} FROM revisions WHERE tenant_id = $1`,
        [tenantId, grant, user, client, session],
      )
      return { grant, session }
    },

    /** The kinds of revocation entries of a tenant, the oldest first. */
    async entries(tenantId: string): Promise<string[]> {
      const found = await rows<{ kind: string }>(
        'SELECT kind FROM revocations WHERE tenant_id = $1 ORDER BY revision',
        tenantId,
      )
      return found.map(({ kind }) => kind)
    },

    /** Types of the tenant's audit events, the oldest first. */
    async audited(tenantId: string): Promise<string[]> {
      const { items } = await trail.list(tenantId, { limit: 1000 })
      return items.map(({ type }) => type).reverse()
    },

    /** What a running server would notice. */
    async configRevision(tenantId: string): Promise<number> {
      const [row] = await rows<{ n: string }>(
        'SELECT config_revision AS n FROM revisions WHERE tenant_id = $1',
        tenantId,
      )
      return Number(row?.n)
    },

    async close(): Promise<void> {
      await prisma.$disconnect()
      await pool.end()
      await database.drop()
    },
  }
}

export type RegistryStage = Awaited<ReturnType<typeof registryStage>>
