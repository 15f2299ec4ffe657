import { randomBytes, timingSafeEqual } from 'node:crypto'
import { sha256 } from './sha256.js'

/** Makes an unguessable value, base64url; 32 bytes are 43 characters. RFC 6749 §10.10. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

/** Hashes a random secret for storage. SHA-256 is enough for 256 random bits; passwords need argon2id. */
export function hashSecret(secret: string | Uint8Array): Buffer {
  return sha256(secret)
}

/** Tells whether a secret is the one that was hashed, or one of several: in time that depends on their number alone. */
export function secretMatches(secret: string | Uint8Array, ...hashes: readonly Uint8Array[]): boolean {
  const presented = hashSecret(secret)
  // All are compared, whichever fits.
  return hashes.map((hash) => hash.length === presented.length && timingSafeEqual(presented, hash)).includes(true)
}
