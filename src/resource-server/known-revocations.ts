import type { RevocationPage } from './revocation-page.js'

/** `part`: there is more to ask for. `gap`: the page does not follow what is known. `full`: there is no room for all of it. */
export type Taken = 'whole' | 'part' | 'gap' | 'full'

export type KnownRevocations = {
  /** The highest revision that a digest is revoked at, infinite where all are; undefined when nothing is known of it. */
  find(digest: string): { readonly r: number } | undefined
  /** Takes in a page that was received at a moment, in seconds of a clock that never jumps. */
  take(page: RevocationPage, now: number): Taken
  /** Everything was told once, and nothing is being told anew. */
  isWhole(): boolean
  /** What to ask on with; undefined: from the beginning. */
  cursor(): string | undefined
  /** Asks from the beginning from now on. What is known counts until all is told again. */
  beginAnew(): void
  /** Forgets of the next so many entries those that are over. */
  forget(now: number, count: number): void
  size(): number
}

type Known = { r: number; until: number }
type Place = { readonly cursor: string; readonly revision: number }

/** Entries that one process holds: some 150 MB. */
const MAX_ENTRIES = 1_000_000
/**
 * Seconds that an entry is kept beyond its life: what an API's clock and the issuer's may differ, twice.
 */
const SKEW = 120

/**
 * What the issuer has told of its revocations. While it is told anew, what was known before goes on to count, and is dropped when the new
 * is whole: a revocation is never overlooked in between. An entry lives as long as the issuer says from when it came, by a clock that
 * never jumps, so that no change of the time of day revives a token.
 */
export function createKnownRevocations({ maxEntries = MAX_ENTRIES } = {}): KnownRevocations {
  let entries = new Map<string, Known>()
  /** Where the next page goes: the same as `entries`, unless these are being replaced. */
  let coming = entries
  let at: Place | undefined
  let whole = false
  let replacing = false
  let walk = entries.entries()

  function put(into: Map<string, Known>, digest: string, { r, until }: Known): void {
    const known = into.get(digest)
    if (!known) into.set(digest, { r, until })
    else {
      known.r = Math.max(known.r, r)
      known.until = Math.max(known.until, until)
    }
  }

  function begin(): void {
    // What was never whole needs no second place.
    coming = whole ? new Map() : entries
    replacing = true
  }

  function end(): void {
    if (coming !== entries) walk = coming.entries()
    entries = coming
    ;[whole, replacing] = [true, false]
  }

  return {
    find: (digest) => entries.get(digest),
    take({ iat, cursor, revision, after, more, entries: told }, now) {
      if (after === undefined) begin()
      else if (at === undefined || after > at.revision) return 'gap'
      if (Math.max(entries.size, coming.size) + told.length > maxEntries) return 'full'
      for (const { d, r = Number.POSITIVE_INFINITY, exp } of told) {
        const known = { r, until: now + Math.max(0, exp - iat) + SKEW }
        put(entries, d, known)
        if (coming !== entries) put(coming, d, known)
      }
      // A page may repeat what is known: then it leads nowhere new.
      if (at === undefined || after === undefined || revision >= at.revision) at = { cursor, revision }
      if (more) return 'part'
      if (replacing) end()
      return 'whole'
    },
    isWhole: () => whole && !replacing && at !== undefined,
    cursor: () => at?.cursor,
    beginAnew() {
      at = undefined
      // What came of the last attempt is told again.
      coming = entries
      replacing = false
    },
    forget(now, count) {
      for (let seen = 0; seen < count; seen++) {
        const { value, done } = walk.next()
        if (done) {
          walk = entries.entries()
          return
        }
        if (value[1].until <= now) entries.delete(value[0])
      }
    },
    size: () => entries.size,
  }
}
