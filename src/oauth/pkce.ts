import { constantTimeEqual } from '../crypto/equality.js'
import { sha256Text } from '../crypto/sha256.js'

/** The one method there is. RFC 7636 §4.2 knows `plain` too, which protects against nobody who can read the request. */
export const CODE_CHALLENGE_METHODS = ['S256'] as const

const VERIFIER = /^[A-Za-z0-9\-._~]{43,128}$/
// A SHA-256 in base64url: always of this length.
const CHALLENGE = /^[A-Za-z0-9_-]{43}$/

/** Whether a text can be a challenge of S256, RFC 7636 §4.2. */
export const isCodeChallenge = (text: string): boolean => CHALLENGE.test(text)

/** Whether a verifier is well formed and the one that a challenge was made of, in constant time. RFC 7636 §4.1, §4.6. */
export function verifierMatches(verifier: string, challenge: string): boolean {
  if (!VERIFIER.test(verifier)) return false
  return constantTimeEqual(sha256Text(verifier, 'base64url'), challenge)
}
