import { createCipheriv, createDecipheriv, createSecretKey, KeyObject } from 'node:crypto'

/** A 256-bit key that wraps others. One that is used again is faster as a key object. */
export type WrappingKey = KeyObject | Uint8Array

// RFC 3394 §2.2.3.1: the initial value that makes unwrapping detect any change.
const INITIAL_VALUE = Buffer.alloc(8, 0xa6)
const MIN_WRAPPED_LENGTH = 24

/** Wraps key data (a multiple of 8 bytes, at least 16) under a 256-bit key: A256KW, RFC 7518 §4.4, RFC 3394 §2.2.1. */
export function wrapKey(kek: WrappingKey, data: Uint8Array): Buffer {
  // It wraps all it is given at once: there is nothing left for a final step to give.
  return createCipheriv('id-aes256-wrap', asKey(kek), INITIAL_VALUE).update(data)
}

/** Unwraps what `wrapKey` made; undefined when anything was changed. RFC 3394 §2.2.2. */
export function unwrapKey(kek: WrappingKey, wrapped: Uint8Array): Buffer | undefined {
  // Node unwraps nothing to nothing without complaint.
  if (wrapped.length < MIN_WRAPPED_LENGTH) return undefined
  try {
    const decipher = createDecipheriv('id-aes256-wrap', asKey(kek), INITIAL_VALUE)
    return Buffer.concat([decipher.update(wrapped), decipher.final()])
  } catch {
    return undefined
  }
}

// From bytes, Node 24 takes 20 µs longer to start a cipher than from a key object.
const asKey = (key: WrappingKey) => (key instanceof KeyObject ? key : createSecretKey(key))
