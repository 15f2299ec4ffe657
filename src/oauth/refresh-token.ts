import { createHmac, KeyObject, timingSafeEqual } from 'node:crypto'
import { decodeBase64url } from '../crypto/base64url.js'
import { bytesToUuid, uuidToBytes } from '../crypto/uuid.js'

/** A server key for refresh tokens. `id` is 0-255, `key` at least 32 bytes. One that is used again is faster as a key object. */
export type MacKey = { id: number; key: KeyObject | Uint8Array }
export type RefreshTokenGrant = {
  tenantId: string
  /** A UUID. */
  grantId: string
  /** 0 for the first token of the grant, one more at each rotation. */
  generation: number
  /** The grant's own 32 random bytes. */
  grantSecret: Uint8Array
}
export type ParsedRefreshToken = {
  macKeyId: number
  grantId: string
  generation: number
  /** Everything the MAC covers within the token. */
  body: Buffer
  mac: Buffer
}

const VERSION = 1
const BODY_LENGTH = 22
const TOKEN_LENGTH = BODY_LENGTH + 32
const TEXT_LENGTH = 72
const SECRET_LENGTH = 32
const MIN_KEY_LENGTH = 32
const MAC_LABEL = Buffer.from('bulla/refresh-token/v1')

/**
 * Writes a refresh token: base64url of `version(1) | MAC key id(1) | grant id(16) | generation(4) | MAC(32)`, 72 characters.
 * Neither the server key nor the grant's secret alone can make one. Throws RangeError for input of the wrong size.
 * RFC 6749 §10.4.
 */
export function formatRefreshToken({ grantId, generation, ...bound }: RefreshTokenGrant, macKey: MacKey): string {
  const id = uuidToBytes(grantId)
  if (id.length !== 16) throw new RangeError('A grant id is a UUID.')
  const body = Buffer.alloc(BODY_LENGTH)
  body.writeUInt8(VERSION)
  body.writeUInt8(macKey.id, 1)
  body.set(id, 2)
  body.writeUInt32BE(generation, 18)
  return Buffer.concat([body, computeMac(body, bound, macKey)]).toString('base64url')
}

/** Reads an untrusted refresh token; undefined unless it is spelled exactly as we write them. It proves nothing yet. */
export function parseRefreshToken(text: string): ParsedRefreshToken | undefined {
  if (typeof text !== 'string' || text.length !== TEXT_LENGTH) return undefined
  const bytes = decodeBase64url(text)
  if (bytes?.length !== TOKEN_LENGTH || bytes[0] !== VERSION) return undefined
  return {
    macKeyId: bytes.readUInt8(1),
    grantId: bytesToUuid(bytes.subarray(2, 18)),
    generation: bytes.readUInt32BE(18),
    body: bytes.subarray(0, BODY_LENGTH),
    mac: bytes.subarray(BODY_LENGTH),
  }
}

/** Tells in constant time whether we made the token for this tenant and grant. Nothing may be spent before. RFC 6749 §10.4. */
export function verifyRefreshToken(
  { macKeyId, body, mac }: ParsedRefreshToken,
  bound: Pick<RefreshTokenGrant, 'tenantId' | 'grantSecret'>,
  macKey: MacKey,
): boolean {
  return macKeyId === macKey.id && timingSafeEqual(mac, computeMac(body, bound, macKey))
}

function computeMac(
  body: Buffer,
  { tenantId, grantSecret }: Pick<RefreshTokenGrant, 'tenantId' | 'grantSecret'>,
  { key }: MacKey,
): Buffer {
  if (grantSecret.length !== SECRET_LENGTH) throw new RangeError('A grant secret has 32 bytes.')
  const length = (key instanceof KeyObject ? key.symmetricKeySize : key.length) ?? 0
  if (length < MIN_KEY_LENGTH) throw new RangeError('A MAC key has at least 32 bytes.')
  // Only the tenant varies in length, so a length before it makes the encoding unambiguous.
  const tenant = Buffer.from(tenantId)
  const tenantLength = Buffer.alloc(4)
  tenantLength.writeUInt32BE(tenant.length)
  const covered = Buffer.concat([MAC_LABEL, tenantLength, tenant, body, grantSecret])
  return createHmac('sha256', key).update(covered).digest()
}
