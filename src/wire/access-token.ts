import type { SigningKey } from '../crypto/jwk.js'
import { signJws } from '../crypto/jws.js'
import { TokenError } from '../crypto/token-error.js'
import type { AccessTokenClaims } from './claims.js'

/** Longest access token in characters: the mint makes none longer and the SDK reads none longer. */
export const MAX_TOKEN_LENGTH = 7168
/** From here on the mint warns: proxies begin to refuse such headers. */
export const WARN_TOKEN_LENGTH = 4096
export const ACCESS_TOKEN_TYP = 'at+jwt'
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519'] as const

/** Signs the claims as an access token (compact JWS). Throws TokenError `too_large`. RFC 9068 §2.1. */
export function signAccessToken(claims: AccessTokenClaims, key: SigningKey): string {
  const token = signJws({ typ: ACCESS_TOKEN_TYP }, claims, key)
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenError('too_large')
  return token
}
