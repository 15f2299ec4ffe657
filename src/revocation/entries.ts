import type { RevocationPage, TokenClaims } from '../oauth/ports.js'
import { entryDigest, type RevocationEntry, type RevocationKind } from '../wire/revocation-list.js'

/** The revocations of one tenant, in memory. Moments are seconds of a clock that never jumps. */
export type Entries = {
  /** Takes in a page that was asked for at a moment. Answers how many entries that were new. */
  take(page: Pick<RevocationPage, 'entries' | 'at'>, askedAt: number): number
  /** The kind of an entry that a token is dead by. */
  find(claims: TokenClaims, signingKeyId: string | undefined): RevocationKind | undefined
  /** Forgets of the next so many those that are over. Answers how many. */
  forget(now: number, count: number): number
  size(): number
}

/** `r` is infinite where tokens of any revision are dead. */
type Known = { r: number; until: number }

/** Seconds that an entry outlives the database's own: a process whose clock is slow still takes tokens that it could meet. */
const SKEW = 120

/** What a token is revoked by; as in the statement that judges one in Postgres. */
const VALUES: Record<RevocationKind, (claims: TokenClaims, signingKeyId: string | undefined) => string | undefined> = {
  jti: ({ jti }) => jti,
  grant: ({ grant }) => grant,
  sid: ({ sid }) => sid,
  sub: ({ sub }) => sub,
  client: ({ client_id }) => client_id,
  aud: ({ aud }) => aud,
  // None of our tokens has an actor.
  act: () => undefined,
  kid: (_, signingKeyId) => signingKeyId,
  tenant: ({ iss }) => iss,
}

/** Entries by kind and digest: of a kind that a tenant has none of, no token's digest is made. */
export function createEntries(): Entries {
  const kinds = new Map<RevocationKind, Map<string, Known>>()
  let size = 0
  let walk = everyEntry()

  function* everyEntry() {
    for (const [kind, known] of kinds) for (const [digest, { until }] of known) yield { kind, known, digest, until }
  }

  function put({ k, d, r = Number.POSITIVE_INFINITY }: RevocationEntry, until: number): void {
    const known = kinds.get(k) ?? new Map<string, Known>()
    kinds.set(k, known)
    const found = known.get(d)
    if (found) {
      found.r = Math.max(found.r, r)
      found.until = Math.max(found.until, until)
    } else {
      known.set(d, { r, until })
      size += 1
    }
  }

  return {
    take({ entries, at }, askedAt) {
      const before = size
      // How long it has to live by the clock of the database, from when it was asked by ours: what time it is here does not matter.
      for (const entry of JSON.parse(entries) as RevocationEntry[]) put(entry, askedAt + (entry.exp - at) + SKEW)
      return size - before
    },
    find(claims, signingKeyId) {
      for (const [kind, known] of kinds) {
        const value = VALUES[kind](claims, signingKeyId)
        const entry = value === undefined ? undefined : known.get(entryDigest(kind, value))
        if (entry && claims.rev < entry.r) return kind
      }
      return undefined
    },
    forget(now, count) {
      const before = size
      for (let seen = 0; seen < count; seen++) {
        const { value, done } = walk.next()
        if (done) {
          walk = everyEntry()
          break
        }
        if (value.until > now) continue
        value.known.delete(value.digest)
        if (value.known.size === 0) kinds.delete(value.kind)
        size -= 1
      }
      return before - size
    },
    size: () => size,
  }
}
