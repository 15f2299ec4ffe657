import { randomBytes } from 'node:crypto'

const POOL_LENGTH = 4096

let pool = Buffer.alloc(0)

/**
 * Random bytes from the system's generator, fetched 4 KiB at a time: for nonces and for keys of one message, never for a key that is
 * kept. No byte is given twice. At most 4,096 at once.
 */
export function randomOctets(length: number): Buffer {
  if (length > POOL_LENGTH) throw new RangeError(`At most ${POOL_LENGTH} bytes.`)
  // A new one rather than filled again: what was handed out stays as it is.
  if (pool.length < length) pool = randomBytes(POOL_LENGTH)
  const nonce = pool.subarray(0, length)
  pool = pool.subarray(length)
  return nonce
}
