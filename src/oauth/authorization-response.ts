import type { OAuthError } from './errors.js'
import type { Client, ResponseMode, Tenant } from './records.js'

/** Where an authorization response goes, proven to be the client's own. */
export type Recipient = {
  readonly tenant: Tenant
  readonly client: Client
  readonly redirectUri: string
  readonly responseMode: ResponseMode
  readonly state: string | undefined
}

export type AuthorizationResponse = {
  /** Names and values in their order. */
  readonly params: readonly (readonly [name: string, value: string])[]
  /** For the log: which check failed. */
  readonly reason?: string
}

/** RFC 6749 §4.1.2: a code, and what the client gave to know its own by. */
export function successResponse(to: Recipient, code: string): AuthorizationResponse {
  return { params: [['code', code], ...common(to)] }
}

/** RFC 6749 §4.1.2.1. The description is in the characters allowed there. */
export function errorResponse(
  to: Recipient,
  error: Pick<OAuthError, 'code' | 'description' | 'reason'>,
): AuthorizationResponse {
  const params = [['error', codeOf(error)], ['error_description', error.description], ...common(to)] as const
  return { params, reason: error.reason }
}

/** What a browser is sent to, in the response modes `query` and `fragment`. OAuth 2.0 Multiple Response Type Encoding Practices §2.1. */
export function responseLocation({ redirectUri, responseMode }: Recipient, { params }: AuthorizationResponse): string {
  const encoded = params.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')
  if (responseMode === 'fragment') return `${redirectUri}#${encoded}`
  // RFC 6749 §3.1.2: a query that the redirect URI has is kept.
  const joint = !redirectUri.includes('?') ? '?' : /[?&]$/.test(redirectUri) ? '' : '&'
  return `${redirectUri}${joint}${encoded}`
}

// RFC 9207 §2: of every response, errors included; the bytes are those of the metadata.
function common({ state, tenant }: Recipient): AuthorizationResponse['params'] {
  return [...(state === undefined ? [] : [['state', state] as const]), ['iss', tenant.issuer] as const]
}

/** The codes that an authorization response may have are not all of those that a token endpoint has. RFC 6749 §4.1.2.1. */
function codeOf({ code }: Pick<OAuthError, 'code'>): string {
  if (code === 'too_many_requests') return 'temporarily_unavailable'
  return code === 'invalid_grant' ? 'access_denied' : code
}
