import type { Pool } from 'pg'
import type { Tenants } from '../oauth/ports.js'
import type { Branding, Tenant } from '../oauth/records.js'
import type { RememberingView } from './view.js'

/** The tenant at the root of the server, made at the first start. */
export const DEFAULT_SLUG = 'default'

const SLUG = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const MAX_SLUGS = 2_000

type Row = {
  id: string
  slug: string
  name: string
  branding: Omit<Branding, 'logo'>
  logo: string | null
  max_token_lifetime: number
  disabled: boolean
}

const FIND = {
  name: 'tenants_find',
  text: `
    SELECT id, slug, name, branding, left(encode(sha256(logo), 'hex'), 16) AS logo, max_token_lifetime,
           disabled_at IS NOT NULL OR deleted_at IS NOT NULL AS disabled
      FROM tenants WHERE slug = $1`,
}

/** The issuer identifier of a tenant, RFC 8414 §2. `publicUrl`: an origin. */
export function issuerOf(publicUrl: string, slug: string): string {
  return slug === DEFAULT_SLUG ? publicUrl : `${publicUrl}/t/${slug}`
}

/** The tenants in Postgres, remembered by the view. */
export function createTenants({
  pool,
  view,
  publicUrl,
}: {
  pool: Pick<Pool, 'query'>
  view: Pick<RememberingView, 'remember'>
  publicUrl: string
}): Tenants {
  // A slug is its tenant's for as long as the row stands; what else is known of the tenant is the view's to remember.
  const ids = new Map<string, string>()

  async function read(slug: string): Promise<Tenant | undefined> {
    const { rows } = await pool.query<Row>({ ...FIND, values: [slug] })
    const [row] = rows
    if (!row) {
      ids.delete(slug)
      return undefined
    }
    if (ids.size >= MAX_SLUGS) ids.clear()
    ids.set(slug, row.id)
    return {
      id: row.id,
      slug: row.slug,
      name: row.name,
      branding: row.logo === null ? row.branding : { ...row.branding, logo: row.logo },
      issuer: issuerOf(publicUrl, row.slug),
      maxTokenLifetime: row.max_token_lifetime,
      disabled: row.disabled,
    }
  }

  return {
    async find(slug = DEFAULT_SLUG) {
      const tenantId = ids.get(slug)
      if (tenantId === undefined) return SLUG.test(slug) ? read(slug) : undefined
      return view.remember({ tenantId, kind: 'tenant', key: slug }, () => read(slug))
    },
  }
}
