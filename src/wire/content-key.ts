import { constants, publicEncrypt } from 'node:crypto'
import { encodeBase64url } from '../crypto/base64url.js'
import { concatKdf } from '../crypto/concat-kdf.js'
import { CONTENT_KEY_LENGTH, type ContentEncryption } from '../crypto/content-encryption.js'
import type { RecipientKey } from '../crypto/jwk.js'
import type { EcdhRecipient } from '../crypto/key-agreement.js'
import { wrapKey } from '../crypto/key-wrap.js'
import { randomOctets } from '../crypto/random.js'

/** For whom something is encrypted: the key and content encryption the API registered. */
export type Recipient = { key: RecipientKey; enc: ContentEncryption }

/** What the content is encrypted with, and the part of a JWE that tells the recipient. */
export type ContentKey = { contentKey: Buffer; encryptedKey: string }

const NO_BYTES = Buffer.alloc(0)
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }

/** A new content key, encrypted to an RSA key, which from then on carries what it is encrypted with. RFC 7518 §4.3. */
export function transportedKey({ publicKey }: Extract<RecipientKey, { kty: 'RSA' }>): ContentKey {
  const contentKey = randomOctets(CONTENT_KEY_LENGTH)
  // Node reads this from what it is given as the key. In an object around a key object, Node 24 finds it by way of two exceptions, 23 µs.
  const recipient = Object.assign(publicKey, OAEP)
  return { contentKey, encryptedKey: encodeBase64url(publicEncrypt(recipient, contentKey)) }
}

/** The content key that two parties who share a secret have: the derived one, or a new one wrapped under it. RFC 7518 §4.6. */
export function agreedKey(
  { alg }: EcdhRecipient,
  { sharedSecret, enc, apu }: { sharedSecret: Buffer; enc: ContentEncryption; apu: Buffer },
): ContentKey {
  const isDirect = alg === 'ECDH-ES'
  const derivedKey = concatKdf(sharedSecret, { algorithm: isDirect ? enc : alg, apu, apv: NO_BYTES })
  const contentKey = isDirect ? derivedKey : randomOctets(CONTENT_KEY_LENGTH)
  return { contentKey, encryptedKey: isDirect ? '' : encodeBase64url(wrapKey(derivedKey, contentKey)) }
}
