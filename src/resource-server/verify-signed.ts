import { type JwsExpectation, verifyJws } from '../crypto/jws.js'
import { TokenError } from '../crypto/token-error.js'
import { SIGNING_ALGORITHMS } from '../wire/access-token.js'
import type { SigningKeys } from './signing-keys.js'

/**
 * The payload of what the issuer signed besides tokens. A key that is not held yet is asked for, once. Throws TokenError.
 * RFC 7515 §5.2.
 */
export async function verifySigned(
  jws: string,
  keys: Pick<SigningKeys, 'find' | 'refresh'>,
  expected: Required<Pick<JwsExpectation, 'typ' | 'maxLength'>>,
): Promise<Record<string, unknown>> {
  const verify = () => verifyJws(jws, (kid) => keys.find(kid), { ...expected, algorithms: SIGNING_ALGORITHMS }).payload
  try {
    return verify()
  } catch (error) {
    if (!(error instanceof TokenError) || error.reason !== 'unknown_key') throw error
  }
  await keys.refresh()
  return verify()
}
