import { createHash, randomBytes } from 'node:crypto'
import { constantTimeEqual } from './equality.js'

/** Makes an unguessable value, base64url; 32 bytes are 43 characters. RFC 6749 §10.10. */
export function randomToken(bytes = 32): string {
  return randomBytes(bytes).toString('base64url')
}

/** Hashes a random secret for storage. SHA-256 is enough for 256 random bits; passwords need argon2id. */
export function hashSecret(secret: string | Uint8Array): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** Tells in constant time whether a secret is the one that was hashed. */
export function secretMatches(secret: string | Uint8Array, hash: Uint8Array): boolean {
  return constantTimeEqual(hashSecret(secret), hash)
}
