import type { AccessTokenClaims } from '../wire/claims.js'
import type { RevocationKeys } from '../wire/revocation-list.js'

/** A token that is genuine; whether it still counts is another question. */
export type GenuineToken = {
  readonly claims: AccessTokenClaims
  /** Of the key that signed it. */
  readonly kid: string
  readonly keys: RevocationKeys
}

/** `unknown`: what is known is older than the bound allows. */
export type Verdict = 'live' | 'revoked' | 'unknown'

export type RevocationStatus = {
  readonly source: 'feed' | 'status_list'
  /** Seconds since what is known was true; undefined before anything is known. */
  readonly age: number | undefined
  /** Seconds that it may be old. */
  readonly bound: number
  readonly entries: number
}

/** What an API knows of revocations: the live feed, or status lists. */
export type Revocations = {
  /** Answers at once where it can, so that a known token costs no turn of the event loop. Never throws. */
  judge(token: GenuineToken): Verdict | Promise<Verdict>
  /** Whether a signing key was revoked. */
  isKeyRevoked(kid: string): boolean
  /** When the first attempt to learn anything has ended, well or not. */
  readonly attempted: Promise<void>
  status(): RevocationStatus
  close(): void
}
