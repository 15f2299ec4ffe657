import type { Actor } from '../../oauth/records.js'
import type { AuditEvent, PrismaClient } from '../generated/client.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type AuditRecord = {
  /** A whole number, greater for a later event. */
  readonly id: string
  readonly at: Date
  readonly type: string
  readonly actor: Actor
  readonly subject: Readonly<Record<string, unknown>>
  readonly detail: Readonly<Record<string, unknown>>
}

export type AuditQuery = PageRequest & {
  /** `user.created`, or `user` for all of that noun. */
  readonly type?: string | undefined
  readonly since?: Date | undefined
}

export type AuditTrail = {
  /** The newest first. */
  list(tenantId: string, query: AuditQuery): Promise<Page<AuditRecord>>
}

/** The rows of `audit_events`, as read. */
export function createAuditTrail(prisma: PrismaClient): AuditTrail {
  return {
    async list(tenantId, { type, since, limit, after }) {
      const rows = await prisma.auditEvent.findMany({
        where: {
          tenantId,
          ...(type === undefined ? {} : { type: type.includes('.') ? type : { startsWith: `${type}.` } }),
          // The month is what lets Postgres skip the partitions before.
          ...(since === undefined ? {} : { at: { gte: since }, month: { gte: monthOf(since) } }),
          ...(after === undefined ? {} : { id: { lt: BigInt(after) } }),
        },
        orderBy: { id: 'desc' },
        take: limit + 1,
      })
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => String(id) })
    },
  }
}

/** As `month_of` in the migrations. */
const monthOf = (at: Date) => (at.getUTCFullYear() - 1970) * 12 + at.getUTCMonth()

function toRecord({ id, at, type, actor, subject, detail }: AuditEvent): AuditRecord {
  return {
    id: String(id),
    at,
    type,
    actor: actor as unknown as Actor,
    subject: subject as Record<string, unknown>,
    detail: detail as Record<string, unknown>,
  }
}
