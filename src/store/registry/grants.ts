import { Prisma, type PrismaClient } from '../generated/client.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type GrantRecord = {
  readonly id: string
  readonly user: string
  /** Undefined once the user is deleted. */
  readonly email: string | undefined
  readonly client: string
  readonly session: string | undefined
  readonly scope: readonly string[]
  /** Identifiers. */
  readonly apis: readonly string[]
  readonly state: 'live' | 'revoked' | 'expired'
  readonly createdAt: Date
  readonly refreshedAt: Date
  readonly expiresAt: Date
}

/** `ended`: the dead ones too. */
export type GrantQuery = PageRequest & {
  readonly user?: string | undefined
  readonly client?: string | undefined
  readonly ended: boolean
}

export type GrantRegistry = {
  /** The newest first. */
  list(tenantId: string, query: GrantQuery): Promise<Page<GrantRecord>>
}

type Row = Omit<GrantRecord, 'email' | 'session'> & { readonly email: string | null; readonly session: string | null }

/** The rows of `grants`, as an administrator sees them. */
export function createGrantRegistry(prisma: PrismaClient): GrantRegistry {
  return {
    async list(tenantId, { user, client, ended, limit, after }) {
      // What was revoked for all of a client or tenant is written nowhere in the grants: it is a comparison of revisions.
      const rows = await prisma.$queryRaw<Row[]>`
        SELECT * FROM (
          SELECT g.id, g.user_id AS "user", u.email, g.client_id AS "client", g.session_id AS "session", g.scope,
                 ARRAY(SELECT identifier FROM apis WHERE tenant_id = g.tenant_id AND id = ANY (g.apis) ORDER BY 1) AS apis,
                 CASE WHEN g.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL OR c.disabled_at IS NOT NULL OR c.deleted_at IS NOT NULL
                        OR t.disabled_at IS NOT NULL OR g.revision < greatest(c.revoked_revision, t.revoked_revision) THEN 'revoked'
                      WHEN least(g.expires_at, g.refreshed_at + make_interval(secs => g.idle)) <= clock_timestamp() THEN 'expired'
                      ELSE 'live' END AS state,
                 g.created_at AS "createdAt", g.refreshed_at AS "refreshedAt", g.expires_at AS "expiresAt"
            FROM grants g JOIN tenants t ON t.id = g.tenant_id
            JOIN users u ON u.tenant_id = g.tenant_id AND u.id = g.user_id
            JOIN clients c ON c.tenant_id = g.tenant_id AND c.id = g.client_id
           WHERE g.tenant_id = ${tenantId}::uuid
             AND (${user ?? null}::uuid IS NULL OR g.user_id = ${user ?? null}::uuid)
             AND (${client ?? null}::text IS NULL OR g.client_id = ${client ?? null})
             ${
               after === undefined
                 ? Prisma.empty
                 : Prisma.sql`AND (g.created_at, g.id) < (
               SELECT created_at, id FROM grants WHERE tenant_id = ${tenantId}::uuid AND month = month_of_id(${after}::uuid) AND id = ${after}::uuid)`
             }
        ) AS listed
         WHERE ${ended} OR state = 'live'
         ORDER BY "createdAt" DESC, id DESC LIMIT ${limit + 1}`
      const item = ({ email, session, ...row }: Row) => ({
        ...row,
        email: email ?? undefined,
        session: session ?? undefined,
      })
      return toPage(rows, limit, { item, cursor: ({ id }) => id })
    },
  }
}
