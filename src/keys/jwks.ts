import type { Jwks } from '../oauth/ports.js'
import type { Keyring } from './keyring.js'
import { JWKS_MAX_AGE } from './schedule.js'

/**
 * The public keys of a tenant: the next ones, the active ones, and the retired ones until nothing they signed is live; revoked
 * ones not. RFC 7517 §5.
 */
export function createJwks({ keyring }: { readonly keyring: Pick<Keyring, 'all'> }): Jwks {
  return {
    async published(tenant) {
      const { published } = await keyring.all(tenant.id)
      // A copy made now is right until it is too old: no key is used before it has been public for twice as long.
      return { keys: published, maxAge: JWKS_MAX_AGE }
    },
  }
}
