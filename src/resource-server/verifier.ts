import type { PresentedProof, Requirements, VerifiedClaims, WhenStale } from './options.js'
import type { RevocationStatus } from './revocations.js'

/** What of a request says who calls; header values as they came, one element each. */
export type RequestParts = {
  readonly authorization: readonly string[]
  readonly dpop: readonly string[]
  readonly method: string
  /** Path and query as the client sent them, before any router took a part of them away. */
  readonly target: string
}

/** An answer to be given as it is. */
export type PlainAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A request that may pass. */
export type Admitted = {
  readonly claims: VerifiedClaims
  /** What the response should carry: a new nonce for DPoP, when one is due. RFC 9449 §8.2. */
  readonly headers: Readonly<Record<string, string>>
}

/** How a verifier is, for a health check or metrics; times are seconds. */
export type VerifierStatus = {
  /** Whether a valid token would be let in now. */
  readonly ready: boolean
  readonly revocations: RevocationStatus | undefined
  readonly signingKeys: readonly string[]
  /** Since the signing keys were fetched. */
  readonly keysAge: number | undefined
  readonly rememberedTokens: number
}

/** Decides about every token of one API. Made by `createVerifier`. */
export type Verifier<W extends WhenStale = WhenStale> = {
  /**
   * Decrypts and verifies a token, and checks that it is for this API, alive, not revoked and good for what is asked. Throws VerifyError.
   * RFC 9068 §4.
   */
  verify(
    token: string,
    requirements?: Requirements<W> & { readonly dpop?: PresentedProof | undefined },
  ): Promise<VerifiedClaims>
  /** The same for a request: finds the token in it, and the proof that goes with it. Throws VerifyError. RFC 6750 §2.1, RFC 9449 §7.1. */
  authenticate(request: RequestParts, requirements?: Requirements<W>): Promise<Admitted>
  /** Throws TypeError when requirements can't be met by any token, so that a mistake shows when a route is made. */
  check(requirements: Requirements<W>): void
  /** What stands at a well-known address of this API: its metadata (RFC 9728 §3) and its public keys; undefined elsewhere. */
  wellKnown(target: string): PlainAnswer | undefined
  /** Resolves when tokens can be judged. Rejects when that takes longer than `within` milliseconds, or forever after `close`. */
  ready(within?: number): Promise<void>
  status(): VerifierStatus
  /** Ends the connection to the authorization server. Tokens are refused from then on as by a server that is cut off. */
  close(): void
}
