import { TokenError } from '../crypto/token-error.js'
import type { TokenClaims, Unsealer } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { createListKeys } from '../revocation/list-keys.js'
import { expOfPlace } from '../revocation/place.js'
import { openOwn } from '../wire/open-own.js'
import type { Keyring, TenantKeys } from './keyring.js'

/** Reads the access tokens this server made for a tenant, in every format. RFC 7662 §4. */
export function createUnsealer({ keyring }: { readonly keyring: Pick<Keyring, 'find'> }): Unsealer {
  return {
    async open(tenant, token) {
      let unreadable = 'unknown_key'
      const opened = await keyring.find(tenant.id, (keys) => {
        const result = read(token, tenant, keys)
        if ('claims' in result) return result
        unreadable = result.unreadable
        // Only a key that another process made since could change the answer.
        return unreadable === 'unknown_key' ? undefined : result
      })
      return opened ?? { unreadable }
    },
  }
}

function read(token: string, { issuer }: Tenant, keys: TenantKeys): Awaited<ReturnType<Unsealer['open']>> {
  try {
    const { claims, kid, format } = openOwn(token, {
      issuer,
      kekById: (id) => keys.kek(id)?.key,
      resolveKey: keys.verification,
    })
    return { claims, signingKeyId: kid, format, place: placeOf(claims, keys) }
  } catch (error) {
    if (error instanceof TokenError) return { unreadable: error.reason }
    throw error
  }
}

const listKeys = createListKeys()

/** Of a token that has one: those made before there were status lists have none. */
function placeOf({ jti, exp, status }: TokenClaims, keys: TenantKeys): bigint | undefined {
  const secret = keys.secret('permutation')
  const place = status && secret && listKeys(secret).tokenIds.placeOf(jti)
  return place !== undefined && expOfPlace(place) === exp ? place : undefined
}
