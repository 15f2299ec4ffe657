import { createCipheriv, createDecipheriv, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import { randomOctets } from './random.js'

export type ContentEncryption = 'A256GCM' | 'A128CBC-HS256'
export type EncryptedContent = { iv: Buffer; ciphertext: Buffer; tag: Buffer }

/** Both algorithms take 32 bytes of key, whole or in halves, and their ciphers throw for any other length. */
export const CONTENT_KEY_LENGTH = 32
const TAG_LENGTH = 16
const IV_LENGTH: Record<ContentEncryption, number> = { A256GCM: 12, 'A128CBC-HS256': 16 }

/** Tells whether a header's `enc` is one we speak, in exact case. RFC 7518 §5.1. */
export function isContentEncryption(value: unknown): value is ContentEncryption {
  return value === 'A256GCM' || value === 'A128CBC-HS256'
}

/** Encrypts UTF-8 text or bytes under a key used for this one message, with a fresh IV. RFC 7516 §5.1. */
export function encryptContent(
  plaintext: Uint8Array | string,
  aad: Uint8Array,
  { enc, key }: { enc: ContentEncryption; key: Buffer },
): EncryptedContent {
  const iv = randomOctets(IV_LENGTH[enc])
  // From bytes, Node 24 takes 20 µs longer to start a cipher or a MAC than from a key object.
  if (enc === 'A256GCM') {
    const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), iv).setAAD(aad)
    const ciphertext = encrypted(cipher, plaintext)
    // Of a mode without blocks all is there already.
    cipher.final()
    return { iv, ciphertext, tag: cipher.getAuthTag() }
  }
  // RFC 7518 §5.2.2.1: the first half of the key authenticates, the second encrypts.
  const cipher = createCipheriv('aes-128-cbc', createSecretKey(key.subarray(16)), iv)
  const ciphertext = Buffer.concat([encrypted(cipher, plaintext), cipher.final()])
  return { iv, ciphertext, tag: cbcTag(key, aad, { iv, ciphertext }) }
}

const encrypted = (cipher: ReturnType<typeof createCipheriv>, text: Uint8Array | string): Buffer =>
  typeof text === 'string' ? cipher.update(text, 'utf8') : cipher.update(text)

/** Decrypts, or gives undefined when key, header, IV, text or tag are not the ones it was made with. RFC 7516 §5.2. */
export function decryptContent(
  { iv, ciphertext, tag }: EncryptedContent,
  aad: Uint8Array,
  { enc, key }: { enc: ContentEncryption; key: Buffer },
): Buffer | undefined {
  // RFC 7518 §5.3: a shortened tag is a forgery in fewer guesses; Node would accept 4 bytes.
  if (tag.length !== TAG_LENGTH || iv.length !== IV_LENGTH[enc]) return undefined
  try {
    if (enc === 'A256GCM') {
      const decipher = createDecipheriv('aes-256-gcm', createSecretKey(key), iv).setAAD(aad)
      decipher.setAuthTag(tag)
      return Buffer.concat([decipher.update(ciphertext), decipher.final()])
    }
    // RFC 7518 §5.2.2.2: the tag is checked before anything is decrypted, so padding tells nothing.
    if (!timingSafeEqual(cbcTag(key, aad, { iv, ciphertext }), tag)) return undefined
    const decipher = createDecipheriv('aes-128-cbc', createSecretKey(key.subarray(16)), iv)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()])
  } catch {
    return undefined
  }
}

function cbcTag(key: Buffer, aad: Uint8Array, { iv, ciphertext }: Omit<EncryptedContent, 'tag'>): Buffer {
  const aadBits = Buffer.alloc(8)
  aadBits.writeBigUInt64BE(BigInt(aad.length) * 8n)
  const mac = createHmac('sha256', createSecretKey(key.subarray(0, 16)))
    .update(aad)
    .update(iv)
    .update(ciphertext)
    .update(aadBits)
  return mac.digest().subarray(0, TAG_LENGTH)
}
