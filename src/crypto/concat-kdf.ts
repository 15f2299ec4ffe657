import { sha256 } from './sha256.js'

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
  const id = Buffer.from(algorithm)
  const input = Buffer.allocUnsafe(5 * 4 + sharedSecret.length + id.length + apu.length + apv.length)
  let end = input.writeUInt32BE(1)
  const append = (bytes: Uint8Array) => {
    input.set(bytes, end)
    end += bytes.length
  }
  append(sharedSecret)
  for (const part of [id, apu, apv]) {
    end = input.writeUInt32BE(part.length, end)
    append(part)
  }
  input.writeUInt32BE(keyBits, end)
  return sha256(input).subarray(0, keyBits / 8)
}
