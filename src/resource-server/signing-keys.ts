import { isJsonObject, parseJsonObject } from '../crypto/json.js'
import { importVerificationKey, type PublicSigningJwk, type VerificationKey } from '../crypto/jwk.js'
import { SIGNING_ALGORITHMS } from '../wire/access-token.js'

/** The issuer's public keys: the last good set, renewed in the background. */
export type SigningKeys = {
  /** Undefined too for a key that was revoked. */
  find(kid: string): VerificationKey | undefined
  /** Of the keys that are held. */
  kids(): readonly string[]
  /**
   * Asks the issuer again: one request whoever waits, and after one none for the length of the cool-down unless `urgent`. Resolves to
   * whether what is held is what the issuer has now; of the key named `kid`, to whether that was asked for after somebody first came
   * with it. Never rejects.
   */
  refresh(options?: { readonly urgent?: boolean; readonly kid?: string }): Promise<boolean>
  /** Calls back after the set has changed. */
  onChange(listener: () => void): void
}

const MOST_KEYS = 64
/** Characters in the name of a key. */
export const LONGEST_KID = 255

/**
 * Reads the issuer's JWKS: by `kid` the keys that sign with an algorithm spoken here, whatever else is in it; undefined when it has none
 * of them. RFC 7517 §5: what is not understood is passed over.
 */
export function parseSigningKeys(body: string): Map<string, VerificationKey> | undefined {
  const keys = parseJsonObject(Buffer.from(body))?.['keys']
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) return undefined
  const found = new Map<string, VerificationKey>()
  for (const jwk of keys) {
    if (!isSigningJwk(jwk) || found.has(jwk.kid)) continue
    const key = tryImport(jwk)
    if (key) found.set(jwk.kid, key)
  }
  return found.size > 0 ? found : undefined
}

function isSigningJwk(jwk: unknown): jwk is PublicSigningJwk {
  if (!isJsonObject(jwk)) return false
  const { kid, alg, use } = jwk
  // RFC 7517 §4.2: a key for encryption signs nothing. A private or symmetric one is no key to publish.
  return (
    typeof kid === 'string' &&
    kid.length > 0 &&
    kid.length <= LONGEST_KID &&
    (use === undefined || use === 'sig') &&
    SIGNING_ALGORITHMS.some((known) => known === alg) &&
    !Object.hasOwn(jwk, 'd') &&
    !Object.hasOwn(jwk, 'k')
  )
}

function tryImport(jwk: PublicSigningJwk): VerificationKey | undefined {
  try {
    return importVerificationKey(jwk)
  } catch {
    return undefined
  }
}
