// For operators and logs. Nothing here was said by the other side, and nothing is for a client's eyes: an answer that
// told closed from open, or private from absent, would map the network for whoever asks.
const MESSAGES = {
  url_malformed: 'The URL is not an absolute URL of a host by its name or address.',
  scheme_refused:
    'The URL must be https; http only where FETCH_ALLOW opens its address, for URLs an operator registered.',
  userinfo_refused: 'The URL must not have a user name or password.',
  port_refused: 'The port must be that of the scheme, or 1024 and above.',
  dns_failed: 'The name has no address.',
  address_refused: 'The address is not public, and FETCH_ALLOW does not open it, or nothing can.',
  host_busy: 'Too many requests to this host wait already.',
  connection_failed: 'The connection failed.',
  timeout: 'The answer took too long.',
  status_refused: 'The status must be 200; redirects are not followed.',
  headers_too_large: 'The header of the answer is too large.',
  content_encoding_refused: 'The answer must not be compressed.',
  content_type_refused: 'The answer has another media type.',
  too_large: 'The answer is too large.',
  not_json: 'The answer is not JSON in UTF-8.',
}

export type FetchReason = keyof typeof MESSAGES

/** A fetch that gave nothing. `detail` is an address, a status, or the system's error code; never text of the answer. */
export class FetchError extends Error {
  override readonly name = 'FetchError'
  readonly reason: FetchReason
  readonly detail: string | undefined

  constructor(reason: FetchReason, detail?: string) {
    super(detail === undefined ? MESSAGES[reason] : `${MESSAGES[reason]} (${detail})`)
    this.reason = reason
    this.detail = detail
  }
}
