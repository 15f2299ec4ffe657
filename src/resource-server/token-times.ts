import { TokenError } from '../crypto/token-error.js'
import type { AccessTokenClaims } from '../wire/claims.js'

export type TimeLimits = {
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds that two clocks may differ. */
  readonly tolerance: number
  /** Seconds between `iat` and `exp`, at most; undefined while it isn't known. */
  readonly maxLifetime: number | undefined
}

/**
 * Asserts that a token is in its time. One that would live longer than the server lets any live was made by somebody else, who has the
 * key; the same goes for a token of the future. Throws TokenError. RFC 9068 §4, RFC 7519 §4.1.4.
 */
export function assertTimely(
  { iat, exp, nbf = iat }: Pick<AccessTokenClaims, 'iat' | 'exp' | 'nbf'>,
  { now, tolerance, maxLifetime = Number.POSITIVE_INFINITY }: TimeLimits,
): void {
  if (now >= exp + tolerance) throw new TokenError('expired')
  if (Math.max(iat, nbf) > now + tolerance) throw new TokenError('not_yet_valid')
  if (exp - iat > maxLifetime) throw new TokenError('lifetime_too_long')
}
