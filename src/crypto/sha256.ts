import crypto, { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of text in UTF-8. */
export const sha256: (data: Uint8Array | string) => Buffer =
  // In one call where there is one: an object to hash with costs as much as a short text.
  typeof crypto.hash === 'function'
    ? (data) => crypto.hash('sha256', data, 'buffer')
    : (data) => createHash('sha256').update(data).digest()

/** The same as text: 44 characters in base64, 43 in base64url. */
export const sha256Text: (data: Uint8Array | string, encoding: 'base64' | 'base64url') => string =
  typeof crypto.hash === 'function'
    ? (data, encoding) => crypto.hash('sha256', data, encoding)
    : (data, encoding) => createHash('sha256').update(data).digest(encoding)
