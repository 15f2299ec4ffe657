import { isJsonObject } from '../crypto/json.js'
import { TokenError } from '../crypto/token-error.js'
import { REVOCATION_LIST_TYPE, type RevocationEntry } from '../wire/revocation-list.js'
import type { SigningKeys } from './signing-keys.js'
import { verifySigned } from './verify-signed.js'

/** What the issuer has signed of its revocations: all of them, what came after a revision, or in a heartbeat that nothing did. */
export type RevocationPage = {
  /** Seconds since 1970, by the issuer's clock. */
  readonly iat: number
  /** What to ask on with. */
  readonly cursor: string
  /** Up to where everything is told, microseconds. */
  readonly revision: number
  /** The revision it continues from; undefined where it begins anew. */
  readonly after: number | undefined
  readonly more: boolean
  /** Seconds. */
  readonly maxStaleness: number
  /** Seconds of the server's monotonic clock: when it asked its database, and when the stream was opened. Only in heartbeats. */
  readonly polledAt: number | undefined
  readonly openedAt: number | undefined
  readonly entries: readonly Entry[]
}

/** Kinds may come that are not known here: their digests meet no token, which is as it was before. */
export type Entry = Omit<RevocationEntry, 'k'> & { readonly k: string }

/** The longest page that is read, in characters. */
export const MAX_PAGE_LENGTH = 2 * 1_048_576

/** The page in a JWS of the issuer. Throws TokenError for whatever is not signed by it or not well formed. RFC 7515 §5.2. */
export async function verifyPage(
  jws: string,
  { keys, issuer }: { readonly keys: Pick<SigningKeys, 'find' | 'refresh'>; readonly issuer: string },
): Promise<RevocationPage> {
  const payload = await verifySigned(jws, keys, { typ: REVOCATION_LIST_TYPE, maxLength: MAX_PAGE_LENGTH })
  if (payload['iss'] !== issuer) throw new TokenError('wrong_issuer')
  const page = parsePage(payload)
  if (!page) throw new TokenError('invalid_claims')
  return page
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isMoment = (value: unknown): value is number | undefined => value === undefined || Number.isFinite(value)
// Goes into a header and an address.
const isCursor = (value: unknown): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,512}$/.test(value)
const isDigest = (value: unknown) => typeof value === 'string' && value.length === 22

/** The claims of a page; undefined when one is missing, of another type or at odds with another. */
export function parsePage(payload: Record<string, unknown>): RevocationPage | undefined {
  const { iat, cursor, revision, since, after, more, max_staleness: maxStaleness, entries } = payload
  const { polled_at: polledAt, opened_at: openedAt } = payload
  if (!isWhole(iat) || !isCursor(cursor) || !isWhole(revision) || !isMoment(polledAt) || !isMoment(openedAt)) return
  if (typeof maxStaleness !== 'number' || !(maxStaleness > 0)) return
  if (more !== undefined && typeof more !== 'boolean') return
  // A part names both where it begins and the cursor of that place; what tells all names neither.
  if (after !== undefined && !isWhole(after)) return
  if (after === undefined ? since !== undefined : after > revision || !isCursor(since)) return
  // More of the same would never end.
  if (more && after === revision) return
  if (polledAt === undefined ? openedAt !== undefined : after !== revision || more) return
  if (!Array.isArray(entries) || !entries.every(isEntry)) return
  if (polledAt !== undefined && entries.length > 0) return
  return { iat, cursor, revision, after, more: more ?? false, maxStaleness, polledAt, openedAt, entries }
}

function isEntry(value: unknown): value is Entry {
  if (!isJsonObject(value)) return false
  const { k, d, r, exp } = value
  return typeof k === 'string' && isDigest(d) && (r === undefined || isWhole(r)) && isWhole(exp)
}
