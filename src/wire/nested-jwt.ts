import { agreeWithRecipient } from '../crypto/key-agreement.js'
import { agreedKey, type Recipient, transportedKey } from './content-key.js'
import { encryptJwe } from './jwe.js'

const NO_BYTES = Buffer.alloc(0)

/**
 * Encrypts a signed JWT for one API and for nobody else: the server keeps no way in, as it has into an access token. `typ` is that of
 * the JWT inside. RFC 7519 §11.2, RFC 7516 §5.1.
 */
export function encryptJwt(inner: string, { key, enc }: Recipient, typ: string): string {
  // RFC 7519 §5.2: a nested JWT says so. The typ outside is there to be refused by before any key is touched.
  const header = { alg: key.alg, enc, cty: 'JWT', typ, kid: key.kid }
  if (key.kty === 'RSA') return encryptJwe(inner, header, transportedKey(key))
  const { epk, sharedSecret } = agreeWithRecipient(key)
  return encryptJwe(inner, { ...header, epk }, agreedKey(key, { sharedSecret, enc, apu: NO_BYTES }))
}
