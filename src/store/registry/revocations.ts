import type { Actor } from '../../oauth/records.js'
import { Prisma, type PrismaClient } from '../generated/client.js'
import { type Act, act, configChanged } from './act.js'

/** What an operator can end. Ids as stored; `about` is the subject of a token's audit event. */
export type Target =
  | {
      readonly kind: 'token'
      readonly jti: string
      readonly place: bigint | undefined
      readonly about: Readonly<Record<string, string>>
    }
  | { readonly kind: 'grant' | 'session' | 'user' | 'client' | 'api'; readonly id: string }
  /** `keep`: seconds that a verifier may go on holding the key. */
  | { readonly kind: 'key'; readonly id: string; readonly keep: number }
  | { readonly kind: 'tenant'; readonly issuer: string }

export type OperatorRevocations = {
  /** `nothing`: there is no such thing, or it is ended already. */
  revoke(tenantId: string, target: Target, by: Actor): Promise<'revoked' | 'nothing'>
}

const REASON = 'revoked_by_operator'

/** What an operator ends, through the functions of the migrations. */
export function createOperatorRevocations(prisma: PrismaClient): OperatorRevocations {
  return {
    revoke: (tenantId, target, by) =>
      act(prisma, async (tx) => {
        const [row] = await tx.$queryRaw<{ revision: bigint | null }[]>`
          SELECT ${call(Prisma.sql`${tenantId}::uuid`, target, Prisma.sql`${JSON.stringify(by)}::jsonb`)} AS revision`
        if (row?.revision == null) return 'nothing'
        await forget(tx, tenantId, target)
        return 'revoked'
      }),
  }
}

/** The functions of the migrations: each revokes, audits and tells the other processes, with its locks in order. */
function call(tenant: Prisma.Sql, target: Target, by: Prisma.Sql): Prisma.Sql {
  switch (target.kind) {
    case 'token':
      return Prisma.sql`revoke_token(${tenant}, ${target.jti}, ${by}, ${JSON.stringify(target.about)}::jsonb, NULL, ${target.place ?? null}::bigint)`
    case 'grant':
      return Prisma.sql`revoke_grant(${tenant}, ${target.id}::uuid, ${by}, ${REASON})`
    case 'session':
      return Prisma.sql`revoke_session(${tenant}, ${target.id}::uuid, ${by}, ${REASON})`
    case 'user':
      return Prisma.sql`revoke_user(${tenant}, ${target.id}::uuid, ${by}, ${REASON})`
    case 'client':
      return Prisma.sql`revoke_client(${tenant}, ${target.id}, ${by}, ${REASON})`
    case 'api':
      return Prisma.sql`revoke_api(${tenant}, ${target.id}, ${by}, ${REASON})`
    case 'key':
      return Prisma.sql`revoke_key(${tenant}, ${target.id}, make_interval(secs => ${target.keep}), ${by}, ${REASON})`
    case 'tenant':
      return Prisma.sql`revoke_tenant(${tenant}, ${target.issuer}, ${by}, ${REASON})`
  }
}

/** The revision that grants are judged by is remembered with the row it stands in. */
async function forget(tx: Act, tenantId: string, { kind }: Target): Promise<void> {
  if (kind === 'client' || kind === 'api' || kind === 'tenant') await configChanged(tx, tenantId)
}
