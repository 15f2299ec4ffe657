import crypto, { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of text in UTF-8. In one call where there is one: an object to hash with costs as much as a short text. */
export const sha256: (data: Uint8Array | string) => Buffer =
  typeof crypto.hash === 'function'
    ? (data) => crypto.hash('sha256', data, 'buffer')
    : (data) => createHash('sha256').update(data).digest()
