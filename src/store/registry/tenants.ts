import { randomUUID } from 'node:crypto'
import type { Actor, Branding } from '../../oauth/records.js'
import type { ChangedTenant, TenantLook } from '../../oauth/registration/branding.js'
import type { TenantSettings } from '../../oauth/registration/tenant.js'
import type { PrismaClient, Tenant } from '../generated/client.js'
import { DEFAULT_SLUG } from '../tenants.js'
import { type Act, act, audit, configChanged, isDuplicate } from './act.js'
import { type Page, type PageRequest, toPage } from './page.js'

export type TenantRecord = TenantSettings & {
  readonly id: string
  readonly branding: Branding
  /** Media type; undefined: it has none. */
  readonly logoType: string | undefined
  readonly disabled: boolean
  readonly createdAt: Date
}

/** `issuer`: what readers of the revocation list know the tenant by. */
export type TenantName = { readonly id: string; readonly issuer: string }

/** What an administrator does to tenants. Deleted ones are unknown, though their slugs stay taken. */
export type TenantRegistry = {
  create(settings: TenantSettings, by: Actor): Promise<{ result: 'created'; id: string } | { result: 'taken' }>
  find(slug: string): Promise<TenantRecord | undefined>
  /** The oldest first. */
  list(page: PageRequest): Promise<Page<TenantRecord>>
  /** Changes how people see it: the default one, too. */
  update(
    tenant: { readonly id: string; readonly change: (current: TenantLook) => ChangedTenant },
    by: Actor,
  ): Promise<'updated' | 'unknown'>
  /** Ends everything its issuer ever issued; it issues nothing until it is enabled, which revives nothing. */
  disable(tenant: TenantName, by: Actor): Promise<'disabled' | 'unchanged' | 'unknown' | 'default'>
  enable(id: string, by: Actor): Promise<'enabled' | 'unchanged' | 'unknown' | 'default'>
  /** As disabling, for good. The row stays, and goes on saying what is revoked, until no token can live. */
  delete(tenant: TenantName, by: Actor): Promise<'deleted' | 'unknown' | 'default'>
}

type Row = Omit<Tenant, 'logo'>

// The picture is nobody's here: what there is to say of it is its type.
const WITHOUT_LOGO = { logo: true } as const

/** The rows of `tenants`, as administered. */
export function createTenantRegistry(prisma: PrismaClient): TenantRegistry {
  const onAnyTenant = <Outcome>(
    id: string,
    work: (tx: Act, tenant: Row) => Promise<Outcome>,
  ): Promise<Outcome | 'unknown'> =>
    act(prisma, async (tx) => {
      const locked =
        await tx.$executeRaw`SELECT 1 FROM tenants WHERE id = ${id}::uuid AND deleted_at IS NULL FOR NO KEY UPDATE`
      if (locked === 0) return 'unknown'
      return work(tx, await tx.tenant.findUniqueOrThrow({ where: { id }, omit: WITHOUT_LOGO }))
    })
  const onTenant = <Outcome extends string>(
    id: string,
    work: (tx: Act, tenant: Row) => Promise<Outcome>,
  ): Promise<Outcome | 'unknown' | 'default'> =>
    // The default one's issuer is the server's own URL.
    onAnyTenant(id, async (tx, tenant) => (tenant.slug === DEFAULT_SLUG ? 'default' : work(tx, tenant)))

  return {
    async create({ slug, name, maxTokenLifetime }, by) {
      const id = randomUUID()
      try {
        return await act(prisma, async (tx) => {
          await tx.tenant.create({ data: { id, slug, name, maxTokenLifetime, revision: { create: {} } } })
          await audit(tx, id, { type: 'tenant.created', by, subject: {}, detail: { slug } })
          return { result: 'created', id }
        })
      } catch (error) {
        if (isDuplicate(error)) return { result: 'taken' }
        throw error
      }
    },

    async find(slug) {
      const tenant = await prisma.tenant.findFirst({ where: { slug, deletedAt: null }, omit: WITHOUT_LOGO })
      return tenant ? toRecord(tenant) : undefined
    },

    async list({ limit, after }) {
      const rows = await prisma.tenant.findMany({
        where: { deletedAt: null },
        omit: WITHOUT_LOGO,
        orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
        take: limit + 1,
        ...(after === undefined ? {} : { cursor: { id: after }, skip: 1 }),
      })
      return toPage(rows, limit, { item: toRecord, cursor: ({ id }) => id })
    },

    update: ({ id, change }, by) =>
      onAnyTenant(id, async (tx, row) => {
        const current = { name: row.name, branding: brandingOf(row) }
        const { name, branding, logo } = change(current)
        await tx.tenant.update({ where: { id }, data: { name, branding: { ...branding }, ...logoColumns(logo) } })
        const detail = { changed: changedSettings(current, { name, branding, logo }) }
        await audit(tx, id, { type: 'tenant.updated', by, subject: {}, detail })
        await configChanged(tx, id)
        return 'updated' as const
      }),

    disable: ({ id, issuer }, by) =>
      onTenant(id, async (tx, tenant) => {
        if (tenant.disabledAt) return 'unchanged'
        await tx.tenant.update({ where: { id }, data: { disabledAt: new Date() } })
        await audit(tx, id, { type: 'tenant.disabled', by, subject: {} })
        await endEverything(tx, { id, issuer }, { by, reason: 'tenant_disabled' })
        return 'disabled'
      }),

    enable: (id, by) =>
      onTenant(id, async (tx, tenant) => {
        if (!tenant.disabledAt) return 'unchanged'
        await tx.tenant.update({ where: { id }, data: { disabledAt: null } })
        await audit(tx, id, { type: 'tenant.enabled', by, subject: {} })
        await configChanged(tx, id)
        return 'enabled'
      }),

    delete: ({ id, issuer }, by) =>
      onTenant(id, async (tx) => {
        await tx.tenant.update({ where: { id }, data: { deletedAt: new Date() } })
        await audit(tx, id, { type: 'tenant.deleted', by, subject: {} })
        await endEverything(tx, { id, issuer }, { by, reason: 'tenant_deleted' })
        return 'deleted'
      }),
  }
}

async function endEverything(
  tx: Act,
  { id, issuer }: TenantName,
  { by, reason }: { by: Actor; reason: string },
): Promise<void> {
  await tx.$executeRaw`SELECT revoke_tenant(${id}::uuid, ${issuer}, ${JSON.stringify(by)}::jsonb, ${reason})`
  await configChanged(tx, id)
}

function toRecord(row: Row): TenantRecord {
  const { id, slug, name, maxTokenLifetime, logoType, disabledAt, createdAt } = row
  const [branding, disabled] = [brandingOf(row), disabledAt !== null]
  return { id, slug, name, maxTokenLifetime, branding, logoType: logoType ?? undefined, disabled, createdAt }
}

// A column of type jsonb that nothing but `update` writes.
const brandingOf = (row: Row) => row.branding as Branding

function logoColumns(logo: ChangedTenant['logo']) {
  if (logo === undefined) return {}
  return { logo: logo && new Uint8Array(logo.bytes), logoType: logo === null ? null : logo.contentType }
}

/** The names of the settings that changed. */
function changedSettings(before: TenantLook, { logo, ...after }: ChangedTenant): string[] {
  const [old, now] = [before, after].map(({ name, branding }): Record<string, string> => ({ name, ...branding }))
  const names = new Set(Object.keys({ ...old, ...now }))
  return [...[...names].filter((name) => old?.[name] !== now?.[name]), ...(logo === undefined ? [] : ['logo'])]
}
