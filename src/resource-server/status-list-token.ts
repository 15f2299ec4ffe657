import { promisify } from 'node:util'
import { inflate as inflateBytes } from 'node:zlib'
import { decodeBase64url } from '../crypto/base64url.js'
import { isJsonObject } from '../crypto/json.js'
import { TokenError } from '../crypto/token-error.js'
import { LIST_LENGTH, STATUS_LIST_TYPE } from '../wire/status-list.js'
import type { SigningKeys } from './signing-keys.js'
import { verifySigned } from './verify-signed.js'

/** One state of a status list. */
export type StatusList = {
  readonly bits: number
  readonly bytes: Buffer
  /** Seconds that it is good for from when it was asked for. */
  readonly ttl: number
  /** Seconds since 1970, by the issuer's clock: after it the list is worth nothing. */
  readonly exp: number
}

/** The longest list that is read, in characters: one of a byte an entry in which everything is chance. */
export const MAX_LIST_LENGTH = 2 * 1_048_576

const BITS: readonly unknown[] = [1, 2, 4, 8]
/** Seconds: the issuer's clock and ours may differ. */
const TOLERANCE = 60
const [LEAST_TTL, MOST_TTL] = [5, 300]

const inflate = promisify(inflateBytes)

export type ListVerification = {
  readonly keys: Pick<SigningKeys, 'find' | 'refresh'>
  readonly issuer: string
  /** Where it was fetched, and what it must say of itself. */
  readonly uri: string
  /** Seconds since 1970. */
  readonly now: number
}

/** The list in a Status List Token of the issuer. Throws TokenError. draft-ietf-oauth-status-list §8.3. */
export async function verifyStatusList(jws: string, { keys, issuer, uri, now }: ListVerification): Promise<StatusList> {
  const claims = await verifySigned(jws, keys, { typ: STATUS_LIST_TYPE, maxLength: MAX_LIST_LENGTH })
  if (claims['iss'] !== issuer) throw new TokenError('wrong_issuer')
  const { sub, iat, exp, ttl, status_list: list } = claims
  // draft-ietf-oauth-status-list §8.3: the list of another address is another list.
  if (sub !== uri || !isTime(iat) || !isTime(exp) || exp <= iat || now > exp + TOLERANCE) throw invalid()
  // draft-ietf-oauth-status-list §5.1: a positive number.
  if (!Number.isSafeInteger(ttl) || Number(ttl) <= 0 || !isJsonObject(list)) throw invalid()
  // draft-ietf-oauth-status-list §4.2.
  const { bits, lst } = list
  if (!BITS.includes(bits) || typeof lst !== 'string') throw invalid()
  const packed = decodeBase64url(lst)
  if (!packed) throw invalid()
  // draft-ietf-oauth-status-list §11.5: neither a storm of requests nor a list for a year.
  const goodFor = Math.min(MOST_TTL, Math.max(LEAST_TTL, Number(ttl)))
  return { bits: Number(bits), bytes: await unpack(packed, Number(bits)), ttl: goodFor, exp }
}

/** Whether a list is over, by a clock that may differ from the issuer's. */
export const isOver = ({ exp }: StatusList, now: number): boolean => now > exp + TOLERANCE

/** The status at an index; undefined where the list does not reach. draft-ietf-oauth-status-list §4.1. */
export function statusAt({ bits, bytes }: StatusList, index: number): number | undefined {
  if (!Number.isSafeInteger(index) || index < 0 || index >= (bytes.length * 8) / bits) return undefined
  const byte = bytes[(index * bits) >> 3]
  return byte === undefined ? undefined : (byte >> ((index * bits) & 7)) & ((1 << bits) - 1)
}

/**
 * The newer of two states of one list, with what was revoked in the older: a revocation is final, draft-ietf-oauth-status-list §7.1,
 * so that an older copy out of some cache revives nothing.
 */
export function withRevocations(newer: StatusList, { bits, bytes }: StatusList): StatusList {
  if (newer.bits !== 1 || bits !== 1 || newer.bytes.length !== bytes.length) return newer
  const merged = Buffer.from(newer.bytes)
  for (let i = 0; i < merged.length; i++) merged[i] = (merged[i] ?? 0) | (bytes[i] ?? 0)
  return { ...newer, bytes: merged }
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const invalid = () => new TokenError('invalid_claims')

/** Off the event loop, and no further than a list is long: little text may be many bytes. */
async function unpack(packed: Buffer, bits: number): Promise<Buffer> {
  try {
    return await inflate(packed, { maxOutputLength: (LIST_LENGTH * bits) / 8 })
  } catch {
    throw invalid()
  }
}
