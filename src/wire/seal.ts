import { encodeBase64url } from '../crypto/base64url.js'
import { CONTENT_KEY_LENGTH } from '../crypto/content-encryption.js'
import { agreeWithRecipient } from '../crypto/key-agreement.js'
import { wrapKey } from '../crypto/key-wrap.js'
import { randomOctets } from '../crypto/random.js'
import { TokenError } from '../crypto/token-error.js'
import { MAX_TOKEN_LENGTH } from './access-token.js'
import { agreedKey, type Recipient, transportedKey } from './content-key.js'
import { encryptJwe } from './jwe.js'
import { type Kek, wrapForServer } from './wrapped-key.js'

// RFC 7519 §5.2 asks for the cty; the typ outside is a courtesy, the one inside counts (RFC 8725 §3.11).
const NESTED = { cty: 'JWT', typ: 'at+jwt' }

/**
 * Seals a signed access token (compact JWS) for one API and, in the protected header, for the server itself.
 * No claim is in the clear. Throws TokenError `too_large`. RFC 7519 §11.2, RFC 7516 §5.1.
 */
export function sealAccessToken(inner: string, { key, enc }: Recipient, kek: Kek): string {
  const header = { alg: key.alg, enc, ...NESTED, kid: key.kid }
  if (key.kty === 'RSA') {
    const transported = transportedKey(key)
    // The server cannot check the encrypted key by decrypting it, so the binding covers it too.
    const bound = `${inner}.${transported.encryptedKey}`
    const bk = encodeBase64url(wrapForServer(transported.contentKey, bound, kek))
    return capped(encryptJwe(inner, { ...header, bk }, transported))
  }
  const { epk, sharedSecret } = agreeWithRecipient(key)
  const apu = wrapForServer(sharedSecret, inner, kek)
  const agreed = agreedKey(key, { sharedSecret, enc, apu })
  return capped(encryptJwe(inner, { ...header, epk, apu: encodeBase64url(apu) }, agreed))
}

/**
 * Seals a signed access token for the authorization server alone, so that only introspection reads it.
 * Throws TokenError `too_large`. RFC 7518 §4.4.
 */
export function sealOpaque(inner: string, kek: Kek): string {
  const contentKey = randomOctets(CONTENT_KEY_LENGTH)
  const encryptedKey = encodeBase64url(wrapKey(kek.key, contentKey))
  const header = { alg: 'A256KW', enc: 'A256GCM', ...NESTED, kid: String(kek.id) } as const
  return capped(encryptJwe(inner, header, { contentKey, encryptedKey }))
}

function capped(token: string): string {
  if (token.length > MAX_TOKEN_LENGTH) throw new TokenError('too_large')
  return token
}
