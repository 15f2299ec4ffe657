import { OAuthError, temporarilyUnavailable } from '../oauth/errors.js'
import { type ErrorKind, errorPage } from '../ui/pages/error.js'
import { parseAccept, quality } from './accept.js'
import { type HttpResponse, json, NO_STORE } from './handler.js'
import { type PageRequest, page } from './page.js'
import { isUnavailable } from './unavailable.js'

/** No route, or no such tenant: the two look alike, RFC 9110 §15.5.5. */
export const notFound = (reason = 'no_such_path') => new OAuthError('not_found', reason)

/** A method the route does not have, RFC 9110 §15.5.6. */
export const methodNotAllowed = (allow: string) =>
  new OAuthError('invalid_request', 'method_not_allowed', {
    status: 405,
    description: 'The method is not allowed here.',
    headers: { allow },
  })

/** Something a standard leaves to the server, and this one does not do, RFC 9110 §15.6.2. */
export const notImplemented = (reason: string) =>
  new OAuthError('invalid_request', reason, { status: 501, description: 'This is not supported here.' })

/** An answer in no form the caller takes, RFC 9110 §15.5.7. */
export const notAcceptable = (description: string, reason: string) =>
  new OAuthError('invalid_request', reason, { status: 406, description })

/** A body over the route's limit, RFC 9110 §15.5.14. */
export const contentTooLarge = () =>
  new OAuthError('invalid_request', 'content_too_large', { status: 413, description: 'The body is too large.' })

/** More header lines than are read, RFC 6585 §5. */
export const tooManyHeaders = () =>
  new OAuthError('invalid_request', 'too_many_headers', { status: 431, description: 'There are too many headers.' })

/** A body of another kind, character set or encoding than the route reads, RFC 9110 §15.5.16. */
export const unsupportedMediaType = (expected: string, reason: string) =>
  new OAuthError('invalid_request', reason, { status: 415, description: `The body must be ${expected} in UTF-8.` })

export interface ErrorAnswer {
  readonly response: HttpResponse
  /** For the log: which check failed. */
  readonly reason: string
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  /** What nobody foresaw; to be logged in full. */
  readonly unexpected?: unknown
}

/** Whose request failed, and how it is told: as a page for `page`, else as JSON. */
export type Failed = { readonly id: string; readonly page?: PageRequest | undefined }

/**
 * Turns whatever was thrown into an answer, as JSON (RFC 6749 §5.2) or as a page: the only place that does.
 * The database out of reach is 503, a full queue (an error with `retryAfter` in seconds) too, anything unforeseen 500.
 */
export function errorAnswer(error: unknown, request: Failed): ErrorAnswer {
  const known = error instanceof OAuthError ? error : unavailable(error)
  if (known) return { response: errorResponse(known, request), reason: known.reason, detail: known.detail }
  const failure = new OAuthError('server_error', 'unexpected_error', { members: { request_id: request.id } })
  return { response: errorResponse(failure, request), reason: failure.reason, unexpected: error }
}

/** Whether a caller would rather have a page than JSON: a browser that goes there, RFC 9110 §12.5.1. */
export function prefersPage(accept: string | undefined): boolean {
  const accepted = parseAccept(accept)
  return quality(accepted, 'text/html') > quality(accepted, 'application/json')
}

function unavailable(error: unknown): OAuthError | undefined {
  if (isUnavailable(error)) return temporarilyUnavailable('database_unavailable', 1)
  if (error instanceof Error && 'retryAfter' in error && typeof error.retryAfter === 'number') {
    return temporarilyUnavailable('queue_full', error.retryAfter)
  }
  return undefined
}

function errorResponse(error: OAuthError, request: Failed): HttpResponse {
  if (request.page) return pageResponse(error, request.id, request.page)
  const challenge = challengeFor(error)
  return json(
    error.status,
    { error: error.code, error_description: error.description, ...error.members },
    { ...NO_STORE, ...error.headers, ...(challenge && { 'www-authenticate': challenge }) },
  )
}

function pageResponse(error: OAuthError, reference: string, request: PageRequest): HttpResponse {
  const { status, headers, description } = error
  const retryAfter = Number(headers['retry-after'])
  const props = {
    kind: kindOf(error),
    reference,
    // What is wrong with a request is for who made it; of a failure of ours there is nothing to say.
    detail: status < 500 ? description : undefined,
    retryAfter: retryAfter > 0 ? retryAfter : undefined,
  }
  return page(request, (context) => errorPage(props, context), {
    // RFC 9110 §15.5.2: a 401 has a challenge, at which a browser would ask for a password by itself.
    status: status === 401 ? 400 : status,
    headers,
  })
}

const KINDS: Readonly<Record<number, ErrorKind>> = {
  403: 'forbidden',
  404: 'not_found',
  405: 'method',
  429: 'too_many',
  501: 'bad_request',
  503: 'unavailable',
}

function kindOf({ problem, status }: OAuthError): ErrorKind {
  return problem ?? KINDS[status] ?? (status < 500 ? 'bad_request' : 'unexpected')
}

function challengeFor({ code, description }: OAuthError) {
  // RFC 9110 §15.5.2: every 401 has a challenge; RFC 6749 §5.2: in the scheme a client has used, and we have one.
  if (code === 'invalid_client') return 'Basic realm="oauth2"'
  // RFC 6750 §3: the description holds no character that would need an escape in a quoted string.
  if (code === 'invalid_token' || code === 'insufficient_scope') {
    return `Bearer error="${code}", error_description="${description}"`
  }
  return undefined
}
