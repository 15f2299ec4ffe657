import { createKnownRevocations, type KnownRevocations, type Taken } from './known-revocations.js'
import type { RevocationPage } from './revocation-page.js'
import type { SigningKeys } from './signing-keys.js'
import { boundOf } from './staleness.js'

export type FeedState = {
  readonly known: KnownRevocations
  /** Takes in a page that the issuer has signed. */
  take(page: RevocationPage): Taken
  /** What is known was true at a moment; nothing is said where a part of it is missing. */
  confirm(moment: number): void
  /** Has the bound that the issuer tells. */
  setBound(maxStaleness: number): void
  /** Seconds; undefined before everything was known once. */
  age(): number | undefined
  bound(): number
}

/** What is known of a feed, and how old that is. `monotonic`: seconds. */
export function createFeedState(keys: Pick<SigningKeys, 'refresh'>, monotonic: () => number): FeedState {
  const known = createKnownRevocations()
  let bound = boundOf(5)
  let asOf: number | undefined
  return {
    known,
    take(page) {
      const namesKey = page.entries.some(({ k, d }) => k === 'kid' && !known.find(d))
      const taken = known.take(page, monotonic())
      bound = boundOf(page.maxStaleness)
      // What it signed counts no more from this moment on; that it is gone from the key set is to be seen at once too.
      if (namesKey) void keys.refresh({ urgent: true })
      return taken
    },
    confirm(moment) {
      if (known.isWhole()) asOf = Math.max(asOf ?? moment, moment)
    },
    setBound(maxStaleness) {
      bound = boundOf(maxStaleness)
    },
    age: () => (asOf === undefined ? undefined : monotonic() - asOf),
    bound: () => bound,
  }
}
