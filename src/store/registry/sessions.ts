import { Prisma, type PrismaClient } from '../generated/client.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type SessionRecord = {
  readonly id: string
  readonly user: string
  readonly state: 'live' | 'revoked' | 'expired'
  readonly amr: readonly string[]
  readonly authTime: Date
  readonly usedAt: Date
  readonly createdAt: Date
  readonly expiresAt: Date
  /** Of the browser that it was begun in. */
  readonly userAgent: string | undefined
  readonly address: string | undefined
}

/** `ended`: the dead ones too. */
export type SessionQuery = PageRequest & { readonly user: string; readonly ended: boolean }

type Row = Omit<SessionRecord, 'userAgent' | 'address'> & {
  readonly userAgent: string | null
  readonly address: string | null
}

export type SessionRegistry = {
  /** The newest first. */
  list(tenantId: string, query: SessionQuery): Promise<Page<SessionRecord>>
}

/** The rows of `sessions`, as an administrator sees them. */
export function createSessionRegistry(prisma: PrismaClient): SessionRegistry {
  return {
    async list(tenantId, { user, ended, limit, after }) {
      const rows = await prisma.$queryRaw<Row[]>`
        SELECT * FROM (
          SELECT s.id, s.user_id AS "user", s.amr, s.auth_time AS "authTime", s.used_at AS "usedAt",
                 CASE WHEN s.revoked_at IS NOT NULL OR u.disabled_at IS NOT NULL OR t.disabled_at IS NOT NULL
                        OR s.revision < t.revoked_revision THEN 'revoked'
                      WHEN least(s.expires_at, s.used_at + make_interval(secs => s.idle)) <= clock_timestamp() THEN 'expired'
                      ELSE 'live' END AS state,
                 s.created_at AS "createdAt", s.expires_at AS "expiresAt", s.user_agent AS "userAgent", s.address
            FROM sessions s JOIN tenants t ON t.id = s.tenant_id
            JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
           WHERE s.tenant_id = ${tenantId}::uuid AND s.user_id = ${user}::uuid
             ${
               after === undefined
                 ? Prisma.empty
                 : Prisma.sql`AND (s.created_at, s.id) < (
               SELECT created_at, id FROM sessions WHERE tenant_id = ${tenantId}::uuid AND month = month_of_id(${after}::uuid) AND id = ${after}::uuid)`
             }
        ) AS listed
         WHERE ${ended} OR state = 'live'
         ORDER BY "createdAt" DESC, id DESC LIMIT ${limit + 1}`
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => id })
    },
  }
}

const toRecord = ({ userAgent, address, ...row }: Row): SessionRecord => ({
  ...row,
  userAgent: userAgent ?? undefined,
  address: address ?? undefined,
})
