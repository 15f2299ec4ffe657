import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { LIST_LENGTH } from '../wire/status-list.js'

/** Where a token stands: until when (seconds), in which of the tenant's lists of that hour, and at which bit of it. */
export type Place = { readonly exp: number; readonly list: number; readonly index: number }

/** Lists a tenant can have in one slot. */
export const LISTS = 2 ** 10

const SLOT = 3600

/** The hour since 1970 in which a token expires: lists are kept by it, so that they can be retired. draft-ietf-oauth-status-list §13.1. */
export const slotOf = (exp: number): number => Math.floor(exp / SLOT)

/** As in `grants.live`: `exp · 2^30 + list · 2^20 + index`. */
export const packPlace = ({ exp, list, index }: Place): bigint =>
  (BigInt(exp) << 30n) | BigInt(list * LIST_LENGTH + index)

const JTI_BYTES = 16
const PLACE_BYTES = 8
/** Zeros that tell our own ids from any other 16 bytes. */
const CHECK_BYTES = 2

/**
 * A `jti` for the token at a place: the place, zeros and chance under AES-256 as one block, in base64url. To everybody else it is
 * random; we read from it which bit to set when all we are told is the `jti`. `key`: 32 bytes. RFC 7519 §4.1.7.
 */
export function jtiOfPlace(place: Place, key: Uint8Array): string {
  const plain = Buffer.alloc(JTI_BYTES)
  plain.writeBigUInt64BE(packPlace(place))
  randomBytes(JTI_BYTES - PLACE_BYTES - CHECK_BYTES).copy(plain, PLACE_BYTES + CHECK_BYTES)
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  return Buffer.concat([cipher.update(plain), cipher.final()]).toString('base64url')
}

/** When the token at a packed place expires, in seconds. */
export const expOfPlace = (packed: bigint): number => Number(packed >> 30n)

/** What `jtiOfPlace` wrote, packed; undefined for any other text. */
export function placeOfJti(jti: string, key: Uint8Array): bigint | undefined {
  const bytes = Buffer.from(jti, 'base64url')
  if (bytes.length !== JTI_BYTES || bytes.toString('base64url') !== jti) return undefined
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const plain = Buffer.concat([decipher.update(bytes), decipher.final()])
  return plain.readUInt16BE(PLACE_BYTES) === 0 && (plain[0] ?? 0) < 128 ? plain.readBigUInt64BE() : undefined
}
