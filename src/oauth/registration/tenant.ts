import { parseName } from './name.js'
import { quoted, RegistrationError } from './registration-error.js'

const MIN_CAP = 60
const MAX_CAP = 86_400
const DEFAULT_CAP = 3600

/** What is registered of a tenant. Its slug is part of its issuer, RFC 8414 §2, and so never changes. */
export type TenantSettings = {
  readonly slug: string
  readonly name: string
  /** Seconds; no access token of the tenant lives longer. */
  readonly maxTokenLifetime: number
}

export type NewTenant = {
  readonly slug: string
  readonly name?: string | undefined
  readonly maxTokenLifetime?: number | undefined
}

/** The settings of a new tenant. Throws RegistrationError. RFC 8414 §2. */
export function registerTenant({ slug, name = slug, maxTokenLifetime = DEFAULT_CAP }: NewTenant): TenantSettings {
  // What a URL holds as it is, and a host name could.
  if (!/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(slug)) {
    throw new RegistrationError(
      'slug',
      `${quoted(slug)} must be 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end`,
    )
  }
  if (!Number.isInteger(maxTokenLifetime) || maxTokenLifetime < MIN_CAP || maxTokenLifetime > MAX_CAP) {
    throw new RegistrationError('maxTokenLifetime', `must be ${MIN_CAP} to ${MAX_CAP} seconds`)
  }
  return { slug, name: parseName(name), maxTokenLifetime }
}
