import type { Actor, Encryption, OpenIdSettings, SigningAlgorithm } from '../../oauth/records.js'
import type { ClientSettings } from '../../oauth/registration/client.js'
import { Prisma, type PrismaClient } from '../generated/client.js'
import { type Act, act, audit, configChanged } from './act.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type ClientRecord = ClientSettings & {
  readonly id: string
  readonly disabled: boolean
  /** Live secrets: two while one is being replaced. */
  readonly secrets: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type NewClientRow = {
  readonly id: string
  readonly settings: ClientSettings
  /** SHA-256; undefined for a public client. */
  readonly secretHash: Uint8Array | undefined
}

type Wrong = { result: 'unknown_api'; identifier: string }

/** What an administrator does to clients. Deleted ones are unknown. */
export type ClientRegistry = {
  create(tenantId: string, client: NewClientRow, by: Actor): Promise<{ result: 'created' } | Wrong>
  find(tenantId: string, id: string): Promise<ClientRecord | undefined>
  /** The oldest first. */
  list(tenantId: string, page: PageRequest): Promise<Page<ClientRecord>>
  /** `change` gets the settings as they stand, locked, and gives those to write; what it throws changes nothing. */
  update(
    tenantId: string,
    update: { id: string; change: (current: ClientSettings) => ClientSettings },
    by: Actor,
  ): Promise<{ result: 'updated'; settings: ClientSettings } | { result: 'unknown' } | Wrong>
  /** Two secrets live, the new one first; a third makes the oldest end. Answers how many live now. */
  rotateSecret(
    tenantId: string,
    change: { id: string; secretHash: Uint8Array },
    by: Actor,
  ): Promise<{ result: 'rotated'; secrets: number } | { result: 'unknown' | 'public' }>
  /** Ends everything it was ever given; enabling revives nothing. */
  disable(tenantId: string, id: string, by: Actor): Promise<'disabled' | 'unchanged' | 'unknown'>
  enable(tenantId: string, id: string, by: Actor): Promise<'enabled' | 'unchanged' | 'unknown'>
  delete(tenantId: string, id: string, by: Actor): Promise<'deleted' | 'unknown'>
}

const WITH_APIS = {
  apis: { include: { api: { select: { identifier: true, deletedAt: true } } }, orderBy: { apiId: 'asc' } },
} as const satisfies Prisma.ClientInclude
type Row = Prisma.ClientGetPayload<{ include: typeof WITH_APIS }>

/** The rows of `clients` and `client_apis`, as administered. */
export function createClientRegistry(prisma: PrismaClient): ClientRegistry {
  const onClient = <Outcome>(
    { tenantId, id }: { tenantId: string; id: string },
    work: (tx: Act, client: Row) => Promise<Outcome>,
  ): Promise<Outcome | 'unknown'> =>
    act(prisma, async (tx) => {
      const locked =
        await tx.$executeRaw`SELECT 1 FROM clients WHERE tenant_id = ${tenantId}::uuid AND id = ${id} AND deleted_at IS NULL FOR NO KEY UPDATE`
      if (locked === 0) return 'unknown'
      return work(
        tx,
        await tx.client.findUniqueOrThrow({ where: { tenantId_id: { tenantId, id } }, include: WITH_APIS }),
      )
    })

  return {
    create: (tenantId, { id, settings, secretHash }, by) =>
      act(prisma, async (tx) => {
        const apis = await apiIds(tx, tenantId, settings.apis)
        if ('result' in apis) return apis
        await tx.client.create({
          data: { tenantId, id, ...columns(settings), secretHashes: secretHash ? [bytes(secretHash)] : [] },
        })
        await tx.clientApi.createMany({ data: apis.ids.map((apiId) => ({ tenantId, clientId: id, apiId })) })
        await audit(tx, tenantId, { type: 'client.created', by, subject: { client: id } })
        await configChanged(tx, tenantId)
        return { result: 'created' }
      }),

    async find(tenantId, id) {
      const row = await prisma.client.findFirst({ where: { tenantId, id, deletedAt: null }, include: WITH_APIS })
      return row ? toRecord(row) : undefined
    },

    async list(tenantId, { limit, after }) {
      const rows = await prisma.client.findMany({
        where: { tenantId, deletedAt: null },
        include: WITH_APIS,
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: limit + 1,
        ...(after === undefined ? {} : { cursor: { tenantId_id: { tenantId, id: after } }, skip: 1 }),
      })
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => id })
    },

    async update(tenantId, { id, change }, by) {
      const outcome = await onClient({ tenantId, id }, async (tx, row) => {
        const current = toSettings(row)
        const settings = change(current)
        const apis = await apiIds(tx, tenantId, settings.apis)
        if ('result' in apis) return apis
        await tx.client.update({ where: { tenantId_id: { tenantId, id } }, data: columns(settings) })
        await tx.clientApi.deleteMany({ where: { tenantId, clientId: id } })
        await tx.clientApi.createMany({ data: apis.ids.map((apiId) => ({ tenantId, clientId: id, apiId })) })
        const detail = { changed: changedSettings(current, settings) }
        await audit(tx, tenantId, { type: 'client.updated', by, subject: { client: id }, detail })
        await configChanged(tx, tenantId)
        return { result: 'updated' as const, settings }
      })
      return outcome === 'unknown' ? { result: outcome } : outcome
    },

    async rotateSecret(tenantId, { id, secretHash }, by) {
      const outcome = await onClient({ tenantId, id }, async (tx, client) => {
        if (client.public) return { result: 'public' as const }
        const secretHashes = [bytes(secretHash), ...client.secretHashes].slice(0, 2)
        await tx.client.update({ where: { tenantId_id: { tenantId, id } }, data: { secretHashes } })
        await audit(tx, tenantId, { type: 'client.secret_rotated', by, subject: { client: id } })
        await configChanged(tx, tenantId)
        return { result: 'rotated' as const, secrets: secretHashes.length }
      })
      return outcome === 'unknown' ? { result: outcome } : outcome
    },

    disable: (tenantId, id, by) =>
      onClient({ tenantId, id }, async (tx, client) => {
        if (client.disabledAt) return 'unchanged'
        await tx.client.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: new Date() } })
        await audit(tx, tenantId, { type: 'client.disabled', by, subject: { client: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'client_disabled' })
        return 'disabled'
      }),

    enable: (tenantId, id, by) =>
      onClient({ tenantId, id }, async (tx, client) => {
        if (!client.disabledAt) return 'unchanged'
        await tx.client.update({ where: { tenantId_id: { tenantId, id } }, data: { disabledAt: null } })
        await audit(tx, tenantId, { type: 'client.enabled', by, subject: { client: id } })
        await configChanged(tx, tenantId)
        return 'enabled'
      }),

    delete: (tenantId, id, by) =>
      onClient({ tenantId, id }, async (tx) => {
        await tx.client.update({
          where: { tenantId_id: { tenantId, id } },
          data: { deletedAt: new Date(), secretHashes: [] },
        })
        await audit(tx, tenantId, { type: 'client.deleted', by, subject: { client: id } })
        await endEverything(tx, { tenantId, id }, { by, reason: 'client_deleted' })
        return 'deleted' as const
      }),
  }
}

async function endEverything(
  tx: Act,
  { tenantId, id }: { tenantId: string; id: string },
  { by, reason }: { by: Actor; reason: string },
): Promise<void> {
  await tx.$executeRaw`SELECT revoke_client(${tenantId}::uuid, ${id}, ${JSON.stringify(by)}::jsonb, ${reason})`
  await configChanged(tx, tenantId)
}

/** The ids of live APIs, locked against being deleted meanwhile; or the first identifier that none has. */
async function apiIds(tx: Act, tenantId: string, identifiers: readonly string[]): Promise<{ ids: string[] } | Wrong> {
  const rows = await tx.$queryRaw<{ id: string; identifier: string }[]>`
    SELECT id, identifier FROM apis WHERE tenant_id = ${tenantId}::uuid AND identifier = ANY (${identifiers}) AND deleted_at IS NULL
     ORDER BY id FOR SHARE`
  const missing = identifiers.find((identifier) => !rows.some((row) => row.identifier === identifier))
  return missing === undefined ? { ids: rows.map(({ id }) => id) } : { result: 'unknown_api', identifier: missing }
}

/** Named one by one: what else an object may carry is not written. */
function columns(settings: ClientSettings) {
  return {
    name: settings.name,
    public: settings.public,
    firstParty: settings.firstParty,
    grantTypes: [...settings.grantTypes],
    redirectUris: [...settings.redirectUris],
    origins: [...settings.origins],
    scopes: [...settings.scopes],
    defaultResource: settings.defaultResource ?? null,
    rotation: settings.rotation,
    grace: settings.grace ?? null,
    verified: settings.verified,
    requirePushedRequests: settings.requirePushedRequests,
    ...openIdColumns(settings.openid),
  }
}

function openIdColumns(openid: OpenIdSettings) {
  const { idTokenEncryption, userinfoEncryption } = openid
  return {
    jwks: openid.jwks === undefined ? Prisma.DbNull : (openid.jwks as Prisma.InputJsonValue),
    idTokenAlgorithm: openid.idTokenAlgorithm,
    idTokenEncryption: idTokenEncryption?.alg ?? null,
    idTokenEncryptionMethod: idTokenEncryption?.enc ?? null,
    userinfoAlgorithm: openid.userinfoAlgorithm ?? null,
    userinfoEncryption: userinfoEncryption?.alg ?? null,
    userinfoEncryptionMethod: userinfoEncryption?.enc ?? null,
    subjectType: openid.sector === undefined ? 'public' : 'pairwise',
    sector: openid.sector ?? null,
    defaultMaxAge: openid.defaultMaxAge ?? null,
    postLogoutRedirectUris: [...openid.postLogoutRedirectUris],
    backchannelLogoutUri: openid.backchannelLogoutUri ?? null,
    frontchannelLogoutUri: openid.frontchannelLogoutUri ?? null,
  }
}

// Prisma's Bytes want an ArrayBuffer of their own behind them.
const bytes = (hash: Uint8Array) => Uint8Array.from(hash)

function changedSettings(before: ClientSettings, after: ClientSettings): string[] {
  const flat = ({ openid, ...rest }: ClientSettings) => new Map<string, unknown>(Object.entries({ ...rest, ...openid }))
  const [old, next] = [flat(before), flat(after)]
  return [...next.keys()].filter((key) => JSON.stringify(old.get(key)) !== JSON.stringify(next.get(key)))
}

function toSettings(row: Row): ClientSettings {
  const apis = row.apis.filter(({ api }) => api.deletedAt === null).map(({ api }) => api.identifier)
  return {
    name: row.name,
    public: row.public,
    firstParty: row.firstParty,
    grantTypes: row.grantTypes,
    redirectUris: row.redirectUris,
    origins: row.origins,
    scopes: row.scopes,
    apis,
    // Of a deleted API nothing is left to be the default.
    defaultResource: apis.find((identifier) => identifier === row.defaultResource),
    rotation: row.rotation === 'never' ? 'never' : 'always',
    grace: row.grace ?? undefined,
    verified: row.verified,
    requirePushedRequests: row.requirePushedRequests,
    openid: toOpenId(row),
  }
}

// The database's CHECKs hold these to what the types say.
function toOpenId(row: Row): OpenIdSettings {
  return {
    jwks: row.jwks ?? undefined,
    idTokenAlgorithm: row.idTokenAlgorithm as SigningAlgorithm,
    idTokenEncryption: toEncryption(row.idTokenEncryption, row.idTokenEncryptionMethod),
    userinfoAlgorithm: (row.userinfoAlgorithm ?? undefined) as SigningAlgorithm | undefined,
    userinfoEncryption: toEncryption(row.userinfoEncryption, row.userinfoEncryptionMethod),
    sector: row.subjectType === 'pairwise' ? (row.sector ?? undefined) : undefined,
    defaultMaxAge: row.defaultMaxAge ?? undefined,
    postLogoutRedirectUris: row.postLogoutRedirectUris,
    backchannelLogoutUri: row.backchannelLogoutUri ?? undefined,
    frontchannelLogoutUri: row.frontchannelLogoutUri ?? undefined,
  }
}

const toEncryption = (alg: string | null, enc: string | null) =>
  alg === null || enc === null ? undefined : ({ alg, enc } as Encryption)

function toRecord(row: Row): ClientRecord {
  const { id, disabledAt, secretHashes, createdAt, updatedAt } = row
  return { id, ...toSettings(row), disabled: disabledAt !== null, secrets: secretHashes.length, createdAt, updatedAt }
}
