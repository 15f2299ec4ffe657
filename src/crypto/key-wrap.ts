import { createCipheriv, createDecipheriv } from 'node:crypto'

// RFC 3394 §2.2.3.1: the initial value that makes unwrapping detect any change.
const INITIAL_VALUE = Buffer.alloc(8, 0xa6)
const MIN_WRAPPED_LENGTH = 24

/** Wraps key data (a multiple of 8 bytes, at least 16) under a 256-bit key: A256KW, RFC 7518 §4.4, RFC 3394 §2.2.1. */
export function wrapKey(kek: Uint8Array, data: Uint8Array): Buffer {
  const cipher = createCipheriv('id-aes256-wrap', kek, INITIAL_VALUE)
  return Buffer.concat([cipher.update(data), cipher.final()])
}

/** Unwraps what `wrapKey` made; undefined when anything was changed. RFC 3394 §2.2.2. */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Buffer | undefined {
  // Node unwraps nothing to nothing without complaint.
  if (wrapped.length < MIN_WRAPPED_LENGTH) return undefined
  try {
    const decipher = createDecipheriv('id-aes256-wrap', kek, INITIAL_VALUE)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch {
    return undefined
  }
}
