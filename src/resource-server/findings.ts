import type { JsonWebKey } from 'node:crypto'
import type { VerificationKey } from '../crypto/jwk.js'

/** A private key, and the file that it came in. */
export type GivenKey = { readonly file: string; readonly jwk: JsonWebKey & { readonly kid?: string } }

/** What the issuer publishes. */
export type Documents = {
  readonly keys: ReadonlyMap<string, VerificationKey>
  /** Seconds. */
  readonly maxTokenLifetime: number
}

export type Expectation = {
  readonly keys: readonly GivenKey[]
  readonly issuer: string | undefined
  readonly audience: string | undefined
  /** Undefined when nobody asked for them; a string says why they can't be had. */
  readonly documents: Documents | string | undefined
  /** Seconds since 1970. */
  readonly now: number
}

/** What was found: what the token says, what is wrong with it, and what could not be told. */
export type Findings = { readonly lines: string[]; readonly wrong: string[]; readonly notes: string[] }
