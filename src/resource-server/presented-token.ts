import type { Scheme } from '../wire/challenge.js'
import type { RequestParts } from './verifier.js'
import type { Refusal } from './verify-error.js'

export type PresentedToken = { readonly scheme: Scheme; readonly token: string; readonly proof: string | undefined }

const SCHEMES: ReadonlyMap<string, Scheme> = new Map([
  ['bearer', 'Bearer'],
  ['dpop', 'DPoP'],
])
// RFC 9110 §5.6.2 and §11.2. No two neighbours share a character, so a match takes one pass.
const SCHEME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/
const CREDENTIALS = /^ +([A-Za-z0-9\-._~+/]+=*)$/

/** Takes the access token out of a request: from its one `Authorization` header and from nowhere else. RFC 6750 §2, RFC 9449 §7.1. */
export function presentedToken({
  authorization,
  dpop,
  target,
}: Omit<RequestParts, 'method'>): PresentedToken | Refusal {
  if (authorization.length > 1) return { code: 'invalid_request', reason: 'repeated_authorization_header' }
  const [header = ''] = authorization
  const name = SCHEME.exec(header)?.[0] ?? ''
  // RFC 9110 §11.1: the scheme's case does not matter.
  const scheme = SCHEMES.get(name.toLowerCase())
  // RFC 6750 §2.3 put tokens into the query, where logs and referrers keep them. draft-ietf-oauth-v2-1 §5.1 does not.
  const query = queryOf(target)
  const isInQuery = /access_token|%/.test(query) && new URLSearchParams(query).has('access_token')
  if (!scheme) {
    if (isInQuery) return { code: 'token_missing', reason: 'token_in_query' }
    return { code: 'token_missing', reason: authorization.length === 0 ? 'no_token' : 'other_scheme' }
  }
  const token = CREDENTIALS.exec(header.slice(name.length))?.[1]
  if (token === undefined) return { code: 'invalid_request', reason: 'malformed_authorization_header', scheme }
  // RFC 6750 §3.1: more than one method is a malformed request.
  if (isInQuery) return { code: 'invalid_request', reason: 'token_in_header_and_query', scheme }
  // RFC 9449 §4.3, check 1.
  if (dpop.length > 1) return { code: 'invalid_dpop_proof', reason: 'repeated_proof', scheme: 'DPoP' }
  return { scheme, token, proof: dpop[0] }
}

const queryOf = (target: string) => (target.includes('?') ? target.slice(target.indexOf('?') + 1) : '')
