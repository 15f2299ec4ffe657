import type { Jwks } from '../oauth/ports.js'
import type { Keyring, TenantKeys } from './keyring.js'
import { JWKS_MAX_AGE } from './schedule.js'

type Published = Awaited<ReturnType<Jwks['published']>>

/**
 * The public keys of a tenant: the next ones, the active ones, and the retired ones until nothing they signed is live; revoked
 * ones not. The same object until they change. RFC 7517 §5.
 */
export function createJwks({ keyring }: { readonly keyring: Pick<Keyring, 'all'> }): Jwks {
  const known = new WeakMap<TenantKeys, Published>()
  return {
    async published(tenant) {
      const keys = await keyring.all(tenant.id)
      // A copy made now is right until it is too old: no key is used before it has been public for twice as long.
      const published = known.get(keys) ?? { keys: keys.published, maxAge: JWKS_MAX_AGE }
      known.set(keys, published)
      return published
    },
  }
}
