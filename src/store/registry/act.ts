import type { Actor } from '../../oauth/records.js'
import { Prisma, type PrismaClient } from '../generated/client.js'

/** One administrative act: what it changes, revokes and leaves in the audit trail is one transaction. */
export type Act = Prisma.TransactionClient

export type Event = {
  readonly type: string
  readonly by: Actor
  /** Ids of what it is about, by kind; never a name or address of a person. */
  readonly subject: Readonly<Record<string, string>>
  readonly detail?: Readonly<Record<string, unknown>>
}

/** Runs an act. Rows are locked in one order: user, sessions, grants, client or API or tenant, revisions. */
export function act<Outcome>(prisma: PrismaClient, work: (tx: Act) => Promise<Outcome>): Promise<Outcome> {
  return prisma.$transaction(work, { maxWait: 10_000, timeout: 15_000 })
}

/** Leaves an event in the audit trail, in the transaction of what it tells of. */
export async function audit(tx: Act, tenantId: string, { type, by, subject, detail = {} }: Event): Promise<void> {
  // A function that returns nothing is executed: Prisma can't read a column of type void.
  await tx.$executeRaw`
    SELECT audit(${tenantId}::uuid, ${type}, ${JSON.stringify(by)}::jsonb, ${JSON.stringify(subject)}::jsonb, ${JSON.stringify(detail)}::jsonb)`
}

/** Makes every process forget what it remembers of the tenant's clients, APIs and keys. Last in an act: it locks `revisions`. */
export async function configChanged(tx: Act, tenantId: string): Promise<void> {
  await tx.$executeRaw`SELECT config_changed(${tenantId}::uuid)`
}

/** A unique index refused the row. */
export function isDuplicate(error: unknown): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === 'P2002'
}
