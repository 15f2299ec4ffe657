import { constants, publicEncrypt, randomBytes } from 'node:crypto'
import { encodeBase64url } from '../crypto/base64url.js'
import { concatKdf } from '../crypto/concat-kdf.js'
import { CONTENT_KEY_LENGTH, type ContentEncryption } from '../crypto/content-encryption.js'
import type { RecipientKey } from '../crypto/jwk.js'
import { agreeWithRecipient, type EcdhRecipient } from '../crypto/key-agreement.js'
import { wrapKey } from '../crypto/key-wrap.js'
import { encryptJwe } from './jwe.js'
import { type Kek, wrapForServer } from './wrapped-key.js'

/** For whom a token is sealed: the key and content encryption the API registered. */
export type Recipient = { key: RecipientKey; enc: ContentEncryption }

const NO_BYTES = Buffer.alloc(0)
// RFC 7519 §5.2 asks for the cty; the typ outside is a courtesy, the one inside counts (RFC 8725 §3.11).
const NESTED = { cty: 'JWT', typ: 'at+jwt' }

/**
 * Seals a signed access token (compact JWS) for one API and, in the protected header, for the server itself.
 * No claim is in the clear. Throws TokenError `too_large`. RFC 7519 §11.2, RFC 7516 §5.1.
 */
export function sealAccessToken(inner: string, { key, enc }: Recipient, kek: Kek): string {
  const header = { alg: key.alg, enc, ...NESTED, kid: key.kid }
  if (key.kty !== 'RSA') return sealByAgreement(inner, { ...header, recipient: key }, kek)

  const contentKey = randomBytes(CONTENT_KEY_LENGTH)
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const encryptedKey = encodeBase64url(publicEncrypt({ key: key.publicKey, ...oaep }, contentKey))
  // The server cannot check the encrypted key by decrypting it, so the binding covers it too.
  const bk = encodeBase64url(wrapForServer(contentKey, `${inner}.${encryptedKey}`, kek))
  return encryptJwe(inner, { ...header, bk }, { contentKey, encryptedKey })
}

function sealByAgreement(
  inner: string,
  { recipient, ...header }: { enc: ContentEncryption; kid: string | undefined; recipient: EcdhRecipient },
  kek: Kek,
): string {
  const { epk, sharedSecret } = agreeWithRecipient(recipient)
  const apu = wrapForServer(sharedSecret, inner, kek)
  const isDirect = recipient.alg === 'ECDH-ES'
  const algorithm = isDirect ? header.enc : recipient.alg
  const derivedKey = concatKdf(sharedSecret, { algorithm, apu, apv: NO_BYTES })
  const contentKey = isDirect ? derivedKey : randomBytes(CONTENT_KEY_LENGTH)
  const encryptedKey = isDirect ? '' : encodeBase64url(wrapKey(derivedKey, contentKey))
  return encryptJwe(inner, { ...header, epk, apu: encodeBase64url(apu) }, { contentKey, encryptedKey })
}

/**
 * Seals a signed access token for the authorization server alone, so that only introspection reads it.
 * Throws TokenError `too_large`. RFC 7518 §4.4.
 */
export function sealOpaque(inner: string, kek: Kek): string {
  const contentKey = randomBytes(CONTENT_KEY_LENGTH)
  const encryptedKey = encodeBase64url(wrapKey(kek.key, contentKey))
  const header = { alg: 'A256KW', enc: 'A256GCM', ...NESTED, kid: String(kek.id) } as const
  return encryptJwe(inner, header, { contentKey, encryptedKey })
}
