import type { TokenErrorReason } from '../crypto/token-error.js'
import { type Scheme, wwwAuthenticate } from '../wire/challenge.js'
import { DPOP_ALGORITHMS } from '../wire/dpop-key.js'
import type { DpopProofReason } from '../wire/dpop-proof.js'

export type VerifyErrorCode =
  | 'token_missing'
  | 'invalid_request'
  | 'invalid_token'
  | 'insufficient_scope'
  | 'insufficient_user_authentication'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'temporarily_unavailable'

/** Why nothing can be said of a token now: a matter of the server, or of the way to it, and not of who presents it. */
export type UnavailableReason = 'keys_unavailable' | 'revocation_unknown' | 'introspection_unavailable'

/** Why a request was refused, for the log and never for the client. */
export type RefusalReason =
  // token_missing
  | 'no_token'
  | 'other_scheme'
  | 'token_in_query'
  // invalid_request
  | 'repeated_authorization_header'
  | 'malformed_authorization_header'
  | 'token_in_header_and_query'
  // invalid_token
  | TokenErrorReason
  | 'bound_token_as_bearer'
  | 'unbound_token_as_dpop'
  | 'unbound_token'
  | 'certificate_bound_token'
  | 'unknown_confirmation'
  // insufficient_scope, insufficient_user_authentication
  | 'missing_scope'
  | 'sign_in_too_old'
  | 'no_sign_in_time'
  | 'wrong_acr'
  // invalid_dpop_proof, use_dpop_nonce
  | DpopProofReason
  | 'proof_missing'
  | 'repeated_proof'
  | 'proof_replayed'
  // temporarily_unavailable
  | UnavailableReason
  | 'replay_unknown'

/** What was found wrong, before anybody is told. */
export type Refusal = {
  readonly code: VerifyErrorCode
  readonly reason: RefusalReason
  /** How the token came: its challenge says what was wrong. Without one, or when it isn't accepted, all challenges do. RFC 9449 §7.2. */
  readonly scheme?: Scheme
  readonly maxAge?: number
  readonly acrValues?: readonly string[]
  /** For the next proof. RFC 9449 §9. */
  readonly nonce?: string
  /** Seconds; 1 unless told. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/** What a route lets clients know before they have a token. RFC 9110 §11.5. */
export type ProtectionSpace = {
  readonly schemes: readonly Scheme[]
  /** All scopes that the route needs. */
  readonly scope?: readonly string[] | undefined
  /** Where the RFC 9728 §3 document of the API is. */
  readonly resourceMetadata?: string | undefined
}

// RFC 6750 §3.1, RFC 9470 §3, RFC 9449 §7.1 and §9. `temporarily_unavailable`: a 401 would make every client throw its token away.
const ANSWERS: Readonly<Record<VerifyErrorCode, { readonly status: number; readonly text: string }>> = {
  token_missing: { status: 401, text: 'The request carries no access token.' },
  invalid_request: {
    status: 400,
    text: 'The request must carry one access token, in one well-formed Authorization header.',
  },
  invalid_token: { status: 401, text: 'The access token is not valid.' },
  insufficient_scope: { status: 403, text: 'The access token lacks a scope that this request needs.' },
  insufficient_user_authentication: { status: 401, text: 'A different or more recent authentication is required.' },
  invalid_dpop_proof: { status: 401, text: 'The DPoP proof is not valid.' },
  use_dpop_nonce: { status: 401, text: 'The DPoP proof needs the nonce that comes with this response.' },
  temporarily_unavailable: { status: 503, text: 'The access token cannot be checked at the moment.' },
}

/** A request that may not pass, and the whole answer to it. Message and headers never say why; `reason` does. */
export class VerifyError extends Error {
  override readonly name = 'VerifyError'
  readonly code: VerifyErrorCode
  readonly status: number
  readonly reason: RefusalReason
  /** What the response must carry, names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined where there was no token: RFC 6750 §3.1 gives no error information then. */
  readonly body: { readonly error: string; readonly error_description: string } | undefined

  constructor(refusal: Refusal, space: ProtectionSpace) {
    const { status, text } = ANSWERS[refusal.code]
    super(text, refusal.cause === undefined ? undefined : { cause: refusal.cause })
    this.code = refusal.code
    this.status = status
    this.reason = refusal.reason
    this.headers = headersOf(refusal, space)
    this.body = refusal.code === 'token_missing' ? undefined : { error: refusal.code, error_description: text }
  }
}

function headersOf(refusal: Refusal, space: ProtectionSpace): Record<string, string> {
  return {
    'cache-control': 'no-store',
    ...(refusal.code === 'temporarily_unavailable'
      ? { 'retry-after': String(refusal.retryAfter ?? 1) }
      : { 'www-authenticate': challengesOf(refusal, space) }),
    ...(refusal.nonce !== undefined && { 'dpop-nonce': refusal.nonce }),
  }
}

function challengesOf({ code, scheme, maxAge, acrValues }: Refusal, space: ProtectionSpace): string {
  const { schemes, scope, resourceMetadata } = space
  const isTold = (offered: Scheme) => offered === scheme || scheme === undefined || !schemes.includes(scheme)
  const error = { error: code, description: ANSWERS[code].text, maxAge, acrValues }
  return wwwAuthenticate(
    schemes.map((offered) => ({
      scheme: offered,
      scope,
      resourceMetadata,
      ...(code !== 'token_missing' && isTold(offered) && error),
      ...(offered === 'DPoP' && { algs: DPOP_ALGORITHMS }),
    })),
  )
}
