/** Code → status and the text a client may read. The text never says which check failed: `reason` does, in the log. */
const ERRORS = {
  invalid_request: [400, 'The request is malformed.'], // RFC 6749 §5.2
  invalid_client: [401, 'Client authentication failed.'], // RFC 6749 §5.2
  invalid_grant: [400, 'The grant is invalid, expired or revoked.'], // RFC 6749 §5.2
  unauthorized_client: [400, 'The client may not use this grant type.'], // RFC 6749 §5.2
  unsupported_grant_type: [400, 'The grant type is not supported.'], // RFC 6749 §5.2
  invalid_scope: [400, 'The scope is unknown, malformed or beyond what was granted.'], // RFC 6749 §5.2
  invalid_target: [400, 'The resource is unknown, missing or not allowed.'], // RFC 8707 §2
  unsupported_response_type: [400, 'The response type is not supported.'], // RFC 6749 §4.1.2.1
  access_denied: [403, 'Access was not allowed.'], // RFC 6749 §4.1.2.1
  login_required: [400, 'The user must sign in.'], // OpenID Connect Core §3.1.2.6
  consent_required: [400, 'The user must allow access.'], // OpenID Connect Core §3.1.2.6
  interaction_required: [400, 'The user must be asked.'], // OpenID Connect Core §3.1.2.6
  request_not_supported: [400, 'Request objects are not supported.'], // OpenID Connect Core §3.1.2.6
  request_uri_not_supported: [400, 'Only request URIs of pushed requests are supported.'], // OpenID Connect Core §3.1.2.6
  invalid_request_uri: [400, 'The request URI is unknown, expired or used.'], // RFC 9126 §4
  unmet_authentication_requirements: [400, 'The user can not be authenticated as asked for.'], // RFC 9470 §5
  unsupported_token_type: [400, 'The token type can not be revoked here.'], // RFC 7009 §2.2.1
  invalid_token: [401, 'The access token is invalid, expired or revoked.'], // RFC 6750 §3.1
  insufficient_scope: [403, 'The access token does not have the scope needed.'], // RFC 6750 §3.1
  insufficient_authorization: [403, 'More steps are needed to sign in.'], // draft-ietf-oauth-first-party-apps §5.2.2.1
  redirect_to_web: [403, 'The user must go on in a browser.'], // draft-ietf-oauth-first-party-apps §5.2.2.1
  invalid_session: [400, 'The auth_session is not valid for this request.'], // draft-ietf-oauth-first-party-apps §5.2.2.1
  too_many_requests: [429, 'Too many requests. Try again later.'], // RFC 6585 §4
  temporarily_unavailable: [503, 'The server is temporarily unable to answer. Try again later.'], // RFC 6749 §4.1.2.1
  server_error: [500, 'The server met an unexpected condition.'], // RFC 6749 §4.1.2.1
  not_found: [404, 'There is nothing here.'], // RFC 9110 §15.5.5
} as const satisfies Record<string, readonly [status: number, description: string]>

export type ErrorCode = keyof typeof ERRORS

interface ErrorDetails {
  /** Instead of the status of the table. */
  readonly status?: number
  /** Instead of the text of the table; what the wire does not allow is replaced. */
  readonly description?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Further members of the JSON answer. */
  readonly members?: Readonly<Record<string, string | number>>
  /** For the log beside the reason: what an operator needs to mend it. Nothing secret, nothing the caller wrote. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  /** What a person is told where a page answers; else the status says it. */
  readonly problem?: Problem | undefined
  readonly cause?: unknown
}

/** What a status doesn't tell a person: a client or redirect URI that isn't registered, or a page that came too late. */
export type Problem = 'bad_link' | 'expired' | 'forbidden'

/** What a protocol function throws; `http/errors.ts` alone turns it into a response. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: ErrorCode
  readonly status: number
  /** Public text, in the characters RFC 6749 §5.2 allows. */
  readonly description: string
  /** Which check failed, a snake_case literal: for the log, never for the client. */
  readonly reason: string
  readonly headers: Readonly<Record<string, string>>
  readonly members: Readonly<Record<string, string | number>>
  readonly detail: Readonly<Record<string, unknown>> | undefined
  readonly problem: Problem | undefined

  constructor(code: ErrorCode, reason: string, details: ErrorDetails = {}) {
    super(`${code}: ${reason}`, { cause: details.cause })
    const [status, description] = ERRORS[code]
    this.code = code
    this.reason = reason
    this.status = details.status ?? status
    this.description = wireText(details.description ?? description)
    this.headers = details.headers ?? {}
    this.members = details.members ?? {}
    this.detail = details.detail
    this.problem = details.problem
  }
}

/** The same error, answered with further headers. */
export function withHeaders(error: OAuthError, headers: Readonly<Record<string, string>>): OAuthError {
  const { status, description, members, detail, problem } = error
  const details = { status, description, members, detail, problem, headers: { ...error.headers, ...headers } }
  return new OAuthError(error.code, error.reason, { ...details, cause: error })
}

// RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E, so no quote, no backslash, no control, nothing beyond ASCII.
const wireText = (text: string) => text.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?')

const snakeCase = (text: string) =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '')

/** A malformed request, RFC 6749 §5.2. The text is public; the reason is made of it unless given. */
export const invalidRequest = (description: string, reason = snakeCase(description)) =>
  new OAuthError('invalid_request', reason, { description })

/** Failed client authentication, RFC 6749 §5.2. */
export const invalidClient = (reason: string) => new OAuthError('invalid_client', reason)

/** A grant, code or refresh token that does not count, RFC 6749 §5.2. */
export const invalidGrant = (reason: string) => new OAuthError('invalid_grant', reason)

/** A client that may not use this grant type, RFC 6749 §5.2. */
export const unauthorizedClient = (reason: string) => new OAuthError('unauthorized_client', reason)

/** A grant type the server does not have, RFC 6749 §5.2. */
export const unsupportedGrantType = (reason = 'unsupported_grant_type') =>
  new OAuthError('unsupported_grant_type', reason)

/** An error that only the authorization endpoint gives, with the text of the table. RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6. */
export const authorizationError = (
  code:
    | 'access_denied'
    | 'login_required'
    | 'consent_required'
    | 'interaction_required'
    | 'request_not_supported'
    | 'request_uri_not_supported'
    | 'invalid_request_uri'
    | 'unmet_authentication_requirements'
    | 'unsupported_response_type',
  reason: string = code,
) => new OAuthError(code, reason)

/** A scope that is unknown, malformed or too wide, RFC 6749 §5.2. */
export const invalidScope = (reason: string) => new OAuthError('invalid_scope', reason)

/** A resource that is unknown, missing or not allowed, RFC 8707 §2. */
export const invalidTarget = (reason: string, detail: Readonly<Record<string, unknown>> = {}) =>
  new OAuthError('invalid_target', reason, { detail })

/** A token of a kind that can't be revoked, RFC 7009 §2.2.1. */
export const unsupportedTokenType = (reason: string) => new OAuthError('unsupported_token_type', reason)

/** A Bearer token that does not count, RFC 6750 §3.1. */
export const invalidToken = (reason: string) => new OAuthError('invalid_token', reason)

/** A Bearer token without the scope needed, RFC 6750 §3.1. */
export const insufficientScope = (reason: string) => new OAuthError('insufficient_scope', reason)

/** Sign-in needs another step; `authSession` continues it (draft-ietf-oauth-first-party-apps §5.2.2.1). */
export const insufficientAuthorization = (authSession: string, reason: string) =>
  new OAuthError('insufficient_authorization', reason, { members: { auth_session: authSession } })

/**
 * Only a browser can go on; with `request_uri` and `expires_in` where the request waits there already
 * (draft-ietf-oauth-first-party-apps §5.2.2.1.1).
 */
export const redirectToWeb = (
  reason: string,
  pushed: { readonly request_uri: string; readonly expires_in: number } | undefined,
) => new OAuthError('redirect_to_web', reason, { members: { ...pushed } })

/** An `auth_session` that is unknown, over, or of another request (draft-ietf-oauth-first-party-apps §5.2.2.1). */
export const invalidSession = (reason: string) => new OAuthError('invalid_session', reason)

/** Too many tries; `retryAfter` in seconds, RFC 6585 §4. */
export const tooManyRequests = (reason: string, retryAfter: number) =>
  new OAuthError('too_many_requests', reason, retryIn(retryAfter))

/** Overload or an outage behind the server; `retryAfter` in seconds, RFC 9110 §15.6.4. */
export const temporarilyUnavailable = (reason: string, retryAfter: number) =>
  new OAuthError('temporarily_unavailable', reason, retryIn(retryAfter))

// RFC 9110 §10.2.3: whole seconds, none below zero.
const retryIn = (seconds: number) => ({ headers: { 'retry-after': String(Math.max(1, Math.ceil(seconds))) } })
