import { createHash } from 'node:crypto'

export type KdfInput = {
  /** `enc` for direct key agreement, `alg` where the agreed key wraps another. */
  algorithm: string
  apu: Uint8Array
  apv: Uint8Array
  /** Length of the key in bits, 256 unless told, at most that. */
  keyBits?: number
}

/** Derives a key from an agreed secret: one round of Concat KDF with SHA-256. RFC 7518 §4.6.2. */
export function concatKdf(sharedSecret: Uint8Array, { algorithm, apu, apv, keyBits = 256 }: KdfInput): Buffer {
  return createHash('sha256')
    .update(uint32(1))
    .update(sharedSecret)
    .update(uint32(Buffer.byteLength(algorithm)))
    .update(algorithm)
    .update(uint32(apu.length))
    .update(apu)
    .update(uint32(apv.length))
    .update(apv)
    .update(uint32(keyBits))
    .digest()
    .subarray(0, keyBits / 8)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
