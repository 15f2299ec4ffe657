export type TokenErrorReason =
  | 'malformed'
  | 'too_large'
  | 'unsupported_algorithm'
  | 'forbidden_header'
  | 'wrong_type'
  | 'unknown_key'
  | 'unknown_decryption_key'
  | 'bad_signature'
  | 'decryption_failed'
  | 'content_replaced'
  | 'invalid_claims'
  | 'wrong_issuer'
  | 'wrong_audience'
  | 'not_sealed'
  | 'expired'
  | 'not_yet_valid'
  | 'lifetime_too_long'
  | 'revoked'

/** Any token that does not count. Its text never says why; `reason` is for the log. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly reason: TokenErrorReason

  constructor(reason: TokenErrorReason) {
    super('The token is not valid.')
    this.reason = reason
  }
}
