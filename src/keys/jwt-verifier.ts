import { verifyJws } from '../crypto/jws.js'
import { TokenError } from '../crypto/token-error.js'
import type { JwtVerifier } from '../oauth/ports.js'
import { SIGNING_ALGORITHMS } from '../wire/access-token.js'
import type { Keyring } from './keyring.js'

/** Characters; what a URL and a form can hold. */
const MAX_LENGTH = 16_384

/**
 * Reads back ID tokens. Their keys sign other types too, so the type counts; the algorithm is that of the key. RFC 8725 §3.1, §3.11.
 */
export function createJwtVerifier({ keyring }: { readonly keyring: Pick<Keyring, 'find'> }): JwtVerifier {
  return {
    idToken: (tenant, token) =>
      keyring.find(tenant.id, ({ idTokenVerification }) => {
        try {
          const expected = { typ: 'jwt', algorithms: SIGNING_ALGORITHMS, maxLength: MAX_LENGTH }
          return verifyJws(token, idTokenVerification, expected).payload
        } catch (error) {
          if (error instanceof TokenError) return undefined
          throw error
        }
      }),
  }
}
