import { randomUUID } from 'node:crypto'
import type { Actor } from '../../oauth/records.js'
import type { Prisma, PrismaClient, User } from '../generated/client.js'
import { type Act, act, audit, isDuplicate } from './act.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type UserRecord = {
  readonly id: string
  /** As it was written; the user name is its normal form. */
  readonly email: string
  readonly name: string | undefined
  readonly emailVerified: boolean
  /** Further standard claims by name, OpenID Connect Core §5.1. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly disabled: boolean
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewUser = {
  /** As `normalizeUsername` gives it. */
  readonly username: string
  readonly email: string
  readonly name?: string | undefined
  readonly emailVerified?: boolean | undefined
  readonly claims?: Readonly<Record<string, unknown>> | undefined
  /** argon2id PHC string. */
  readonly passwordHash: string
}

/** Undefined leaves as it is; a null name or claim takes it away. */
export type UserChange = {
  readonly id: string
  readonly address?: { readonly username: string; readonly email: string } | undefined
  readonly name?: string | null | undefined
  readonly emailVerified?: boolean | undefined
  /** Those that are not named stay. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined
}

/** What an administrator does to users. Deleted ones are unknown. */
export type UserRegistry = {
  create(tenantId: string, user: NewUser, by: Actor): Promise<{ result: 'created'; id: string } | { result: 'taken' }>
  find(tenantId: string, by: { username: string } | { id: string }): Promise<UserRecord | undefined>
  /** The oldest first. */
  list(tenantId: string, page: PageRequest): Promise<Page<UserRecord>>
  /** The address an account is found by can change; its sessions and grants stay. */
  update(tenantId: string, change: UserChange, by: Actor): Promise<'updated' | 'taken' | 'unknown'>
  /** Ends every grant and session. */
  setPassword(tenantId: string, change: { id: string; passwordHash: string }, by: Actor): Promise<'set' | 'unknown'>
  /** Ends every grant and session; enabling revives none. */
  disable(tenantId: string, id: string, by: Actor): Promise<'disabled' | 'unchanged' | 'unknown'>
  enable(tenantId: string, id: string, by: Actor): Promise<'enabled' | 'unchanged' | 'unknown'>
  /** Ends every grant and session; what names the person is removed, the row stays until no token of theirs can live. */
  delete(tenantId: string, id: string, by: Actor): Promise<'deleted' | 'unknown'>
  /** Ends every grant and session. */
  logout(tenantId: string, id: string, by: Actor): Promise<'ended' | 'unknown'>
}

/** The rows of `users` and their credentials, as administered. */
export function createUserRegistry(prisma: PrismaClient): UserRegistry {
  /**
   * An act on a user that isn't deleted. The user's row is locked before anything else is, and at once as firmly as a new user name
   * needs: a lock made firmer later can deadlock with a sign-in.
   */
  const onUser = <Outcome extends string>(
    { tenantId, id }: { tenantId: string; id: string },
    work: (tx: Act, user: User) => Promise<Outcome>,
  ): Promise<Outcome | 'unknown'> =>
    act(prisma, async (tx) => {
      const locked =
        await tx.$executeRaw`SELECT 1 FROM users WHERE tenant_id = ${tenantId}::uuid AND id = ${id}::uuid AND deleted_at IS NULL FOR UPDATE`
      if (locked === 0) return 'unknown'
      return work(tx, await tx.user.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } } }))
    })

  return {
    async create(tenantId, { passwordHash, emailVerified = false, ...user }, by) {
      const id = randomUUID()
      const claims = merged({}, user.claims)
      const emailVerifiedAt = emailVerified ? new Date() : null
      try {
        return await act(prisma, async (tx) => {
          await tx.user.create({ data: { tenantId, id, ...user, name: user.name ?? null, claims, emailVerifiedAt } })
          await tx.credential.create({
            data: { tenantId, id: randomUUID(), userId: id, kind: 'password', secret: passwordHash },
          })
          await audit(tx, tenantId, { type: 'user.created', by, subject: { user: id } })
          return { result: 'created', id }
        })
      } catch (error) {
        if (isDuplicate(error)) return { result: 'taken' }
        throw error
      }
    },

    async find(tenantId, by) {
      const user = await prisma.user.findFirst({ where: { tenantId, ...by, deletedAt: null } })
      return user ? toRecord(user) : undefined
    },

    async list(tenantId, { limit, after }) {
      const rows = await prisma.user.findMany({
        where: { tenantId, deletedAt: null },
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: limit + 1,
        ...(after === undefined ? {} : { cursor: { tenantId_id: { tenantId, id: after } }, skip: 1 }),
      })
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => id })
    },

    async update(tenantId, { id, address, name, emailVerified, claims = {} }, by) {
      const changed = [
        ...(address ? ['email'] : []),
        ...(name === undefined ? [] : ['name']),
        ...(emailVerified === undefined ? [] : ['email_verified']),
        ...Object.keys(claims),
      ]
      try {
        return await onUser({ tenantId, id }, async (tx, user) => {
          const moved = address && address.email !== user.email
          const isVerified = emailVerified ?? (user.emailVerifiedAt !== null && !moved)
          await tx.user.update({
            where: { tenantId_id: { tenantId, id } },
            // A new address has proved nothing yet.
            data: {
              ...address,
              emailVerifiedAt: isVerified ? ((moved ? null : user.emailVerifiedAt) ?? new Date()) : null,
              ...(name === undefined ? {} : { name }),
              claims: merged(user.claims, claims),
            },
          })
          await audit(tx, tenantId, { type: 'user.updated', by, subject: { user: id }, detail: { changed } })
          return 'updated'
        })
      } catch (error) {
        if (isDuplicate(error)) return 'taken'
        throw error
      }
    },

    setPassword: (tenantId, { id, passwordHash }, by) =>
      onUser({ tenantId, id }, async (tx) => {
        await tx.credential.upsert({
          where: { tenantId_userId_kind_name: { tenantId, userId: id, kind: 'password', name: '' } },
          create: { tenantId, id: randomUUID(), userId: id, kind: 'password', secret: passwordHash },
          update: { secret: passwordHash },
        })
        await audit(tx, tenantId, { type: 'user.password_set', by, subject: { user: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'password_set' })
        return 'set'
      }),

    disable: (tenantId, id, by) =>
      onUser({ tenantId, id }, async (tx, user) => {
        if (user.disabledAt) return 'unchanged'
        await tx.user.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: new Date() } })
        await audit(tx, tenantId, { type: 'user.disabled', by, subject: { user: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'user_disabled' })
        return 'disabled'
      }),

    enable: (tenantId, id, by) =>
      onUser({ tenantId, id }, async (tx, user) => {
        if (!user.disabledAt) return 'unchanged'
        await tx.user.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: null } })
        await audit(tx, tenantId, { type: 'user.enabled', by, subject: { user: id } })
        return 'enabled'
      }),

    delete: (tenantId, id, by) =>
      onUser({ tenantId, id }, async (tx) => {
        await tx.user.update({
          where: { tenantId_id: { tenantId, id } },
          data: { username: null, email: null, emailVerifiedAt: null, name: null, claims: {}, deletedAt: new Date() },
        })
        await tx.credential.deleteMany({ where: { tenantId, userId: id } })
        await audit(tx, tenantId, { type: 'user.deleted', by, subject: { user: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'user_deleted' })
        return 'deleted'
      }),

    logout: (tenantId, id, by) =>
      onUser({ tenantId, id }, async (tx) => {
        await endEverything(tx, { tenantId, id }, { by, reason: 'logout_by_operator' })
        return 'ended'
      }),
  }
}

/** Locks sessions, grants and `revisions`, in that order: whatever locks a user comes before, whatever locks less after. */
async function endEverything(
  tx: Act,
  { tenantId, id }: { tenantId: string; id: string },
  { by, reason }: { by: Actor; reason: string },
): Promise<void> {
  await tx.$executeRaw`SELECT revoke_user(${tenantId}::uuid, ${id}::uuid, ${JSON.stringify(by)}::jsonb, ${reason})`
}

/** The claims there are with others in their place; null takes one away. */
function merged(present: unknown, change: Readonly<Record<string, unknown>> = {}): Prisma.InputJsonObject {
  const all = Object.entries({ ...claimsOf(present), ...change }).filter(([, value]) => value !== null)
  return Object.fromEntries(all) as Prisma.InputJsonObject
}

// The database's CHECK holds it to an object.
const claimsOf = (value: unknown) => value as Readonly<Record<string, unknown>>

function toRecord(user: User): UserRecord {
  const { id, email, name, disabledAt, createdAt, updatedAt } = user
  return {
    id,
    email: email ?? '',
    name: name ?? undefined,
    emailVerified: user.emailVerifiedAt !== null,
    claims: claimsOf(user.claims),
    disabled: disabledAt !== null,
    createdAt,
    updatedAt,
  }
}
