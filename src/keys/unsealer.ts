import { frozen } from '../crypto/json.js'
import { sha256Text } from '../crypto/sha256.js'
import { TokenError } from '../crypto/token-error.js'
import type { TokenClaims, UnsealedToken, Unsealer } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { createListKeys } from '../revocation/list-keys.js'
import { expOfPlace } from '../revocation/place.js'
import { openOwn } from '../wire/open-own.js'
import type { Keyring, TenantKeys } from './keyring.js'

type UnsealerDeps = {
  readonly keyring: Pick<Keyring, 'find'>
  /** What was read lately: an API asks about a token as often as it is used, and its cryptography is the better part of an answer. */
  readonly recent?: {
    get(name: string): UnsealedToken | undefined
    set(name: string, opened: UnsealedToken): void
  }
}

/** Reads the access tokens this server made for a tenant, in every format. RFC 7662 §4. */
export function createUnsealer({ keyring, recent }: UnsealerDeps): Unsealer {
  const numberOf = createNumbering<TenantKeys>()

  function readOrRecall(token: string, tenant: Tenant, keys: TenantKeys): ReturnType<typeof read> {
    // By these very keys: what none of them opens any more is not recalled either. No token is kept.
    const name = `${numberOf(keys)} ${sha256Text(token, 'base64')}`
    const known = recent?.get(name)
    if (known?.claims.iss === tenant.issuer) return known
    const result = read(token, tenant, keys)
    if ('claims' in result) recent?.set(name, result)
    return result
  }

  return {
    async open(tenant, token) {
      let unreadable = 'unknown_key'
      const opened = await keyring.find(tenant.id, (keys) => {
        const result = readOrRecall(token, tenant, keys)
        if ('claims' in result) return result
        unreadable = result.unreadable
        // Only a key that another process made since could change the answer.
        return unreadable === 'unknown_key' ? undefined : result
      })
      return opened ?? { unreadable }
    },
  }
}

/** Numbers objects in the order in which they are first met, and keeps none of them alive. */
function createNumbering<T extends object>(): (one: T) => number {
  const numbers = new WeakMap<T, number>()
  let last = 0
  return (one) => {
    const known = numbers.get(one)
    if (known !== undefined) return known
    numbers.set(one, ++last)
    return last
  }
}

function read(token: string, { issuer }: Tenant, keys: TenantKeys): Awaited<ReturnType<Unsealer['open']>> {
  try {
    const { claims, kid, format } = openOwn(token, {
      issuer,
      kekById: (id) => keys.kek(id)?.key,
      resolveKey: keys.verification,
    })
    // Several requests may be given the same.
    return frozen({ claims, signingKeyId: kid, format, place: placeOf(claims, keys) })
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
