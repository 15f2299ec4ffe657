import type { DecryptionKey } from '../crypto/decryption-key.js'
import { frozen } from '../crypto/json.js'
import type { VerificationKey } from '../crypto/jwk.js'
import { type JwsExpectation, parseJws, verifyJws } from '../crypto/jws.js'
import { TokenError } from '../crypto/token-error.js'
import { ACCESS_TOKEN_TYP, MAX_TOKEN_LENGTH, SIGNING_ALGORITHMS } from '../wire/access-token.js'
import { type AccessTokenClaims, parseClaims } from '../wire/claims.js'
import { openWithPrivateKey } from '../wire/open-with-private-key.js'
import { revocationKeys } from '../wire/revocation-list.js'
import type { GenuineToken } from './revocations.js'

/** Whose tokens are opened, and with what; without decryption keys they come signed only. */
export type Opener = {
  readonly issuer: string
  readonly audience: string
  readonly decryptionKeys: readonly DecryptionKey[] | undefined
  /** Throws TokenError for a token whose time is over, or has not come. */
  readonly assertTimely: (claims: AccessTokenClaims) => void
}

type FindKey = (kid: string) => VerificationKey | undefined

const EXPECTED: JwsExpectation = { typ: ACCESS_TOKEN_TYP, algorithms: SIGNING_ALGORITHMS, maxLength: MAX_TOKEN_LENGTH }

/** Takes the seal off: the JWS that was inside, not yet known to be genuine. Throws TokenError. RFC 9068 §4, RFC 8725 §3.3. */
export function takeSealOff(token: string, { decryptionKeys }: Pick<Opener, 'decryptionKeys'>): string {
  if (decryptionKeys) {
    // RFC 9068 §4: where encryption was agreed on, what is not encrypted is refused, however good its signature.
    if (isJws(token)) throw new TokenError('not_sealed')
    return unseal(token, decryptionKeys)
  }
  if (!isJws(token)) throw new TokenError('malformed')
  return token
}

function unseal(token: string, decryptionKeys: readonly DecryptionKey[]): string {
  try {
    return openWithPrivateKey(token, decryptionKeys).inner
  } catch (error) {
    // An operator who rotates keys looks for another thing than one whose issuer does.
    if (error instanceof TokenError && error.reason === 'unknown_key') throw new TokenError('unknown_decryption_key')
    throw error
  }
}

/**
 * Verifies the signature and reads the claims: whose the token is, and for whom. Whether it is alive is asked with every use. Throws
 * TokenError; `unknown_key` only of a token that a key not held yet may well have signed. RFC 9068 §4.
 */
export function verifyToken(jws: string, findKey: FindKey, opener: Omit<Opener, 'decryptionKeys'>): GenuineToken {
  const { header, payload } = verifySignature(jws, findKey, opener)
  const claims = assertClaims(payload, opener)
  const kid = String(header['kid'])
  return { claims: frozen(claims), kid, keys: revocationKeys(claims, kid) }
}

function verifySignature(jws: string, findKey: FindKey, opener: Omit<Opener, 'decryptionKeys'>) {
  try {
    return verifyJws(jws, findKey, EXPECTED)
  } catch (error) {
    // What is not for this API is refused for that, so that nobody asks the issuer about its key.
    if (error instanceof TokenError && error.reason === 'unknown_key') assertClaims(parseJws(jws).payload, opener)
    throw error
  }
}

function assertClaims(
  payload: Record<string, unknown>,
  { issuer, audience, assertTimely }: Omit<Opener, 'decryptionKeys'>,
) {
  const claims = parseClaims(payload)
  if (!claims) throw new TokenError('invalid_claims')
  // RFC 9068 §4: exactly, with no URL of the same meaning in its place.
  if (claims.iss !== issuer) throw new TokenError('wrong_issuer')
  if (claims.aud !== audience) throw new TokenError('wrong_audience')
  assertTimely(claims)
  return claims
}

/** Which key a JWS says it was signed with. Throws TokenError where it names none. RFC 7515 §4.1.4. */
export function signingKid(jws: string): string {
  const { kid } = parseJws(jws).header
  if (typeof kid !== 'string') throw new TokenError('unknown_key')
  return kid
}

const isJws = (token: unknown) => typeof token === 'string' && token.split('.', 4).length === 3
