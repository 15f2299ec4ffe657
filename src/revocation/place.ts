import { createCipheriv, createDecipheriv } from 'node:crypto'
import { randomOctets } from '../crypto/random.js'
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

/** The ids of a tenant's tokens, RFC 7519 §4.1.7. */
export type TokenIds = {
  /** A `jti` for the token at a place. */
  of(place: Place): string
  /** What `of` wrote, packed; undefined for any other text. */
  placeOf(jti: string): bigint | undefined
}

/**
 * Ids that are a place, zeros and chance under AES-256 as one block, in base64url. To everybody else they are random; we read from one
 * which bit to set when all we are told is the `jti`. `key`: 32 bytes.
 */
export function createTokenIds(key: Uint8Array): TokenIds {
  // Of blocks that do not depend on each other, so one cipher serves for all: to start one costs more than all the rest.
  const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  const decipher = createDecipheriv('aes-256-ecb', key, null).setAutoPadding(false)
  return {
    of(place) {
      const plain = Buffer.alloc(JTI_BYTES)
      plain.writeBigUInt64BE(packPlace(place))
      plain.set(randomOctets(JTI_BYTES - PLACE_BYTES - CHECK_BYTES), PLACE_BYTES + CHECK_BYTES)
      return cipher.update(plain).toString('base64url')
    },
    placeOf(jti) {
      const bytes = Buffer.from(jti, 'base64url')
      if (bytes.length !== JTI_BYTES || bytes.toString('base64url') !== jti) return undefined
      const plain = decipher.update(bytes)
      return plain.readUInt16BE(PLACE_BYTES) === 0 && (plain[0] ?? 0) < 128 ? plain.readBigUInt64BE() : undefined
    },
  }
}

/** When the token at a packed place expires, in seconds. */
export const expOfPlace = (packed: bigint): number => Number(packed >> 30n)
