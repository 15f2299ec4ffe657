import type { AccessTokenClaims } from '../wire/claims.js'
import type { VerifierEvent } from './verifier-event.js'

/** A private key of this API as a JWK, RFC 7517 §4. `alg` is what the API registered; `kid` tells several keys apart. */
export type PrivateJwk = {
  readonly kty: string
  readonly alg?: string
  readonly kid?: string
  readonly crv?: string
  readonly use?: string
  readonly [member: string]: unknown
}

/** The `api_id` and `api_secret` that `admin api create` printed. */
export type ApiCredentials = { readonly id: string; readonly secret: string }

/**
 * What to answer when it isn't known in time whether a token was revoked: 503; ask the authorization server about this one token;
 * or let it pass.
 */
export type WhenStale = 'unavailable' | 'introspect' | 'open'

/** What a route asks of a token beyond being valid. */
export type Requirements<W extends WhenStale = WhenStale> = {
  /** All of these, separated by spaces or as a list. RFC 6750 §3.1. */
  readonly scope?: string | readonly string[]
  /** Seconds since the user signed in, at most. RFC 9470 §4. */
  readonly maxAge?: number
  /** The user must have signed in by one of these. RFC 9470 §4. */
  readonly acr?: string | readonly string[]
  /** Instead of the verifier's own. */
  readonly whenStale?: W
  /** Ask the authorization server about every token, for the few calls that must not be wrong by a second. RFC 7662 §2. */
  readonly introspect?: 'introspect' extends W ? boolean : false
}

/** What a request carried beside a DPoP-bound token. RFC 9449 §7.1. */
export type PresentedProof = {
  /** The value of the one `DPoP` header; undefined when there was none. */
  readonly proof: string | undefined
  readonly method: string
  /** Where the client sent the request to: this API's public URL, never what a `Host` header says. */
  readonly url: string
}

export type DpopOptions = {
  /** Refuse tokens that are not bound to a key. */
  readonly required?: boolean
  /** Seconds that a proof's `iat` may be off, 1 to 300; 60 unless told. */
  readonly window?: number
  /**
   * Ask for a nonce in every proof, RFC 9449 §9. `true`: with a secret of this process; where several processes serve one API, a secret
   * that they share, at least 32 characters.
   */
  readonly nonce?: boolean | string
  /**
   * Remembers that a proof was used, until `expiresAt` (seconds since 1970), and answers false when it was before. In the memory of this
   * process unless told; where several serve one API, something they share.
   */
  readonly remember?: (proofId: string, expiresAt: number) => boolean | Promise<boolean>
}

/** What an API says of itself, RFC 9728 §2. */
export type ResourceDescription = {
  readonly name?: string
  readonly documentation?: string
  readonly scopes?: readonly string[]
  readonly policyUri?: string
  readonly tosUri?: string
}

type CommonOptions = {
  /** Exactly as in the tokens: an origin, or for a tenant of its own `<origin>/t/<slug>`. https, or http on this machine. */
  readonly issuer: string
  /** The identifier this API is registered with. */
  readonly audience: string
  /** Where clients reach this API, when that is not the origin of `audience`. A path is put before that of each request. */
  readonly publicUrl?: string
  /** Seconds that this machine's clock and the server's may differ, 0 to 60; 60 unless told. */
  readonly clockTolerance?: number
  /** Verified tokens to remember; 50,000 unless told. 0: none. */
  readonly cacheSize?: number
  /** Scopes that hold others in them: `{ 'orders:write': ['orders:read'] }`. */
  readonly impliedScopes?: Readonly<Record<string, readonly string[]>>
  readonly dpop?: DpopOptions
  readonly resource?: ResourceDescription
  /** Told of everything that an operator may want to see. What it throws is lost. */
  readonly log?: (event: VerifierEvent) => void
  /** Instead of the global `fetch`: behind a proxy, with a certificate authority of your own. */
  readonly fetch?: typeof fetch
}

/** How tokens of this API come, as registered; anything else is refused. */
type FormatOptions =
  | { readonly format?: 'sealed'; readonly decryptionKeys: readonly [PrivateJwk, ...PrivateJwk[]] }
  | { readonly format: 'signed'; readonly decryptionKeys?: never }

type CredentialOptions =
  | { readonly credentials: ApiCredentials; readonly whenStale?: WhenStale }
  | { readonly credentials?: never; readonly whenStale?: Exclude<WhenStale, 'introspect'> }

/** With credentials the verifier follows the revocation feed; without, it reads status lists. */
export type VerifierOptions = CommonOptions & FormatOptions & CredentialOptions

/** The claims of a verified token, frozen. RFC 9068 §2.2. */
export type VerifiedClaims = Readonly<AccessTokenClaims>
