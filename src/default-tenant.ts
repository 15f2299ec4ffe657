import type { Config } from './config.js'
import type { Maintenance } from './jobs/ports.js'
import type { Rotation } from './keys/rotation.js'
import { recordPublicUrl } from './store/installation.js'
import { createTenantRegistry } from './store/registry/tenants.js'
import type { StartedDatabase } from './store/start-database.js'
import { DEFAULT_SLUG } from './store/tenants.js'

type Means = {
  readonly rotation: Pick<Rotation, 'ensure'>
  readonly maintenance: Pick<Maintenance, 'maintainPartitions'>
}

/** The tenant at the root of PUBLIC_URL, with its first keys. Of several processes one makes it. */
export async function ensureDefaultTenant(
  config: Config,
  { prisma, pool }: Pick<StartedDatabase, 'prisma' | 'pool'>,
  { rotation, maintenance }: Means,
): Promise<void> {
  const tenants = createTenantRegistry(prisma)
  await recordPublicUrl(pool, config.publicUrl)
  await maintenance.maintainPartitions({ grantLifetime: config.grantLifetime, auditMonths: 13 })
  if (!(await tenants.find(DEFAULT_SLUG))) {
    const settings = { slug: DEFAULT_SLUG, name: 'Default', maxTokenLifetime: config.maxTokenLifetime }
    await tenants.create(settings, { kind: 'system' })
  }
  const tenant = await tenants.find(DEFAULT_SLUG)
  if (tenant) await rotation.ensure(tenant.id)
}
