import type { Actor } from '../../oauth/records.js'
import type { ApiSettings, RegisteredKeys } from '../../oauth/registration/api.js'
import { Prisma, type PrismaClient } from '../generated/client.js'
import { type Act, act, audit, configChanged, isDuplicate } from './act.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type ApiRecord = ApiSettings & {
  readonly id: string
  /** Undefined for an API that nothing was ever encrypted to. */
  readonly keys:
    | (RegisteredKeys & {
        readonly fetchedAt: Date | undefined
        readonly checkedAt: Date | undefined
        /** Why the last fetch gave nothing. */
        readonly error: string | undefined
      })
    | undefined
  readonly disabled: boolean
  /** Live secrets: two while one is being replaced. */
  readonly secrets: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewApiRow = {
  readonly id: string
  readonly settings: ApiSettings
  readonly keys: RegisteredKeys | undefined
  /** SHA-256. */
  readonly secretHash: Uint8Array
}

/** What to write: without `keys` they stay, with undefined they go. */
export type ApiRowChange = { readonly settings: ApiSettings; readonly keys?: RegisteredKeys | undefined }

/** What an administrator does to APIs. Deleted ones are unknown, and their identifiers free again. */
export type ApiRegistry = {
  create(tenantId: string, api: NewApiRow, by: Actor): Promise<'created' | 'taken'>
  find(tenantId: string, by: { identifier: string } | { id: string }): Promise<ApiRecord | undefined>
  /** The oldest first. */
  list(tenantId: string, page: PageRequest): Promise<Page<ApiRecord>>
  /** `change` gets the API as it stands, locked, and gives what to write; what it throws changes nothing. */
  update(
    tenantId: string,
    update: { id: string; change: (current: ApiRecord) => ApiRowChange },
    by: Actor,
  ): Promise<'updated' | 'unknown'>
  /** Two secrets live, the new one first; a third makes the oldest end. Answers how many live now. */
  rotateSecret(
    tenantId: string,
    change: { id: string; secretHash: Uint8Array },
    by: Actor,
  ): Promise<{ result: 'rotated'; secrets: number } | { result: 'unknown' }>
  /** Ends every token for it; enabling revives none. */
  disable(tenantId: string, id: string, by: Actor): Promise<'disabled' | 'unchanged' | 'unknown'>
  enable(tenantId: string, id: string, by: Actor): Promise<'enabled' | 'unchanged' | 'unknown'>
  delete(tenantId: string, id: string, by: Actor): Promise<'deleted' | 'unknown'>
}

const WITH_SCOPES = { scopes: { orderBy: { name: 'asc' } } } as const satisfies Prisma.ApiInclude
type Row = Prisma.ApiGetPayload<{ include: typeof WITH_SCOPES }>

/** The rows of `apis` and `api_scopes`, as administered. */
export function createApiRegistry(prisma: PrismaClient): ApiRegistry {
  const onApi = <Outcome>(
    { tenantId, id }: { tenantId: string; id: string },
    work: (tx: Act, api: Row) => Promise<Outcome>,
  ): Promise<Outcome | 'unknown'> =>
    act(prisma, async (tx) => {
      const locked =
        await tx.$executeRaw`SELECT 1 FROM apis WHERE tenant_id = ${tenantId}::uuid AND id = ${id} AND deleted_at IS NULL FOR NO KEY UPDATE`
      if (locked === 0) return 'unknown'
      return work(
        tx,
        await tx.api.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } }, include: WITH_SCOPES }),
      )
    })

  return {
    async create(tenantId, { id, settings, keys, secretHash }, by) {
      try {
        return await act(prisma, async (tx): Promise<'created'> => {
          const secretHashes = [Uint8Array.from(secretHash)]
          await tx.api.create({ data: { tenantId, id, ...columns(settings), ...keyColumns(keys), secretHashes } })
          await tx.apiScope.createMany({ data: scopeRows(settings, { tenantId, apiId: id }) })
          const detail = { format: settings.format, keys: keyDetail(keys) }
          await audit(tx, tenantId, { type: 'api.created', by, subject: { api: id }, detail })
          await configChanged(tx, tenantId)
          return 'created'
        })
      } catch (error) {
        if (isDuplicate(error)) return 'taken'
        throw error
      }
    },

    async find(tenantId, by) {
      const row = await prisma.api.findFirst({ where: { tenantId, ...by, deletedAt: null }, include: WITH_SCOPES })
      return row ? toRecord(row) : undefined
    },

    async list(tenantId, { limit, after }) {
      const rows = await prisma.api.findMany({
        where: { tenantId, deletedAt: null },
        include: WITH_SCOPES,
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: limit + 1,
        ...(after === undefined ? {} : { cursor: { tenantId_id: { tenantId, id: after } }, skip: 1 }),
      })
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => id })
    },

    update: (tenantId, { id, change }, by) =>
      onApi({ tenantId, id }, async (tx, row) => {
        const current = toRecord(row)
        const next = change(current)
        const data = { ...columns(next.settings), ...('keys' in next ? keyColumns(next.keys) : {}) }
        await tx.api.update({ where: { tenantId_id: { tenantId, id } }, data })
        await tx.apiScope.deleteMany({ where: { tenantId, apiId: id } })
        await tx.apiScope.createMany({ data: scopeRows(next.settings, { tenantId, apiId: id }) })
        const changed = changedSettings(current, next.settings)
        const subject = { api: id }
        if (changed.length > 0) await audit(tx, tenantId, { type: 'api.updated', by, subject, detail: { changed } })
        if ('keys' in next) {
          await audit(tx, tenantId, { type: 'api.keys_set', by, subject, detail: { keys: keyDetail(next.keys) } })
        }
        await configChanged(tx, tenantId)
        return 'updated' as const
      }),

    async rotateSecret(tenantId, { id, secretHash }, by) {
      const outcome = await onApi({ tenantId, id }, async (tx, api) => {
        const secretHashes = [Uint8Array.from(secretHash), ...api.secretHashes].slice(0, 2)
        await tx.api.update({ where: { tenantId_id: { tenantId, id } }, data: { secretHashes } })
        await audit(tx, tenantId, { type: 'api.secret_rotated', by, subject: { api: id } })
        await configChanged(tx, tenantId)
        return { result: 'rotated' as const, secrets: secretHashes.length }
      })
      return outcome === 'unknown' ? { result: outcome } : outcome
    },

    disable: (tenantId, id, by) =>
      onApi({ tenantId, id }, async (tx, api) => {
        if (api.disabledAt) return 'unchanged'
        await tx.api.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: new Date() } })
        await audit(tx, tenantId, { type: 'api.disabled', by, subject: { api: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'api_disabled' })
        return 'disabled'
      }),

    enable: (tenantId, id, by) =>
      onApi({ tenantId, id }, async (tx, api) => {
        if (!api.disabledAt) return 'unchanged'
        await tx.api.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: null } })
        await audit(tx, tenantId, { type: 'api.enabled', by, subject: { api: id } })
        await configChanged(tx, tenantId)
        return 'enabled'
      }),

    delete: (tenantId, id, by) =>
      onApi({ tenantId, id }, async (tx) => {
        await tx.api.update({
          where: { tenantId_id: { tenantId, id } },
          data: { deletedAt: new Date(), secretHashes: [] },
        })
        await audit(tx, tenantId, { type: 'api.deleted', by, subject: { api: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'api_deleted' })
        return 'deleted' as const
      }),
  }
}

async function endEverything(
  tx: Act,
  { tenantId, id }: { tenantId: string; id: string },
  { by, reason }: { by: Actor; reason: string },
): Promise<void> {
  await tx.$executeRaw`SELECT revoke_api(${tenantId}::uuid, ${id}, ${JSON.stringify(by)}::jsonb, ${reason})`
  await configChanged(tx, tenantId)
}

/** Named one by one: what else an object may carry is not written. */
function columns(settings: ApiSettings) {
  return {
    identifier: settings.identifier,
    name: settings.name,
    format: settings.format,
    signingAlgorithm: settings.signingAlgorithm,
    encryptionAlgorithm: settings.encryptionAlgorithm ?? null,
    encryptionMethod: settings.encryptionMethod ?? null,
    introspectionAlgorithm: settings.introspectionAlgorithm,
    introspectionEncryption: settings.introspectionEncryption,
    tokenLifetime: settings.tokenLifetime ?? null,
  }
}

function keyColumns(keys: RegisteredKeys | undefined) {
  const at = keys?.jwksUri === undefined ? null : new Date()
  return {
    jwks: keys ? (keys.jwks as Prisma.InputJsonValue) : Prisma.DbNull,
    jwksUri: keys?.jwksUri ?? null,
    jwksFetchedAt: at,
    jwksCheckedAt: at,
    jwksError: null,
  }
}

const scopeRows = ({ scopes, descriptions }: ApiSettings, of: { tenantId: string; apiId: string }) =>
  scopes.map((name) => ({
    ...of,
    name,
    description: (Object.hasOwn(descriptions, name) && descriptions[name]) || null,
  }))

function keyDetail(keys: RegisteredKeys | undefined): string {
  if (!keys) return 'none'
  return keys.jwksUri ?? 'pasted'
}

function changedSettings(before: ApiSettings, after: ApiSettings): string[] {
  const sorted = (settings: ApiSettings) => ({ ...settings, scopes: [...settings.scopes].sort() })
  const [old, next] = [sorted(before), sorted(after)]
  return (Object.keys(next) as (keyof ApiSettings)[]).filter(
    (key) => JSON.stringify(old[key]) !== JSON.stringify(next[key]),
  )
}

function toRecord(row: Row): ApiRecord {
  return {
    id: row.id,
    identifier: row.identifier,
    name: row.name,
    scopes: row.scopes.map(({ name }) => name),
    descriptions: Object.fromEntries(
      row.scopes.flatMap(({ name, description }) => (description === null ? [] : [[name, description]])),
    ),
    // The database's CHECKs hold these to what the types say.
    format: row.format as ApiSettings['format'],
    signingAlgorithm: row.signingAlgorithm as ApiSettings['signingAlgorithm'],
    encryptionAlgorithm: (row.encryptionAlgorithm ?? undefined) as ApiSettings['encryptionAlgorithm'],
    encryptionMethod: (row.encryptionMethod ?? undefined) as ApiSettings['encryptionMethod'],
    introspectionAlgorithm: row.introspectionAlgorithm as ApiSettings['introspectionAlgorithm'],
    introspectionEncryption: row.introspectionEncryption,
    tokenLifetime: row.tokenLifetime ?? undefined,
    keys: row.jwks === null && row.jwksUri === null ? undefined : keysOf(row),
    disabled: row.disabledAt !== null,
    secrets: row.secretHashes.length,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
  }
}

function keysOf({ jwks, jwksUri, jwksFetchedAt, jwksCheckedAt, jwksError }: Row) {
  return {
    jwks: jwks as unknown,
    jwksUri: jwksUri ?? undefined,
    fetchedAt: jwksFetchedAt ?? undefined,
    checkedAt: jwksCheckedAt ?? undefined,
    error: jwksError ?? undefined,
  }
}
