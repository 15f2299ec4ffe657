import { EXPOSED_HEADERS } from './protected-resource-metadata.js'
import type { PlainAnswer, Verifier } from './verifier.js'
import type { VerifyError } from './verify-error.js'

/** What a page of another origin must see of a refusal to act on it. Without the app's own CORS headers it opens nothing. RFC 9728 §5.1. */
export const EXPOSE = 'access-control-expose-headers'

// Public documents: any page may read them, whatever headers it sends along.
const PREFLIGHT = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': '*',
  'access-control-max-age': '600',
}

/** The answer to a request that is not let in. RFC 6750 §3. */
export function refusalAnswer({ status, headers, body }: VerifyError, method: string | undefined): PlainAnswer {
  const text = body === undefined ? '' : JSON.stringify(body)
  const type = body === undefined ? {} : { 'content-type': 'application/json' }
  return withoutBody(method, {
    status,
    headers: { [EXPOSE]: EXPOSED_HEADERS, ...type, ...headers },
    body: text,
  })
}

/** The answer to a request for what this API says of itself; undefined for any other. RFC 9728 §3.1. */
export function wellKnownAnswer(
  bulla: Pick<Verifier, 'wellKnown'>,
  { method, target }: { readonly method: string; readonly target: string },
): PlainAnswer | undefined {
  const document = bulla.wellKnown(target)
  if (!document) return undefined
  if (method === 'OPTIONS') return { status: 204, headers: PREFLIGHT, body: '' }
  // RFC 9110 §15.5.6: an answer of 405 names what is allowed.
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { allow: 'GET, HEAD, OPTIONS' }, body: '' }
  return withoutBody(method, document)
}

/** RFC 9110 §9.3.2: HEAD has the headers of GET, and nothing after them. */
function withoutBody(method: string | undefined, answer: PlainAnswer): PlainAnswer {
  return method === 'HEAD' ? { ...answer, body: '' } : answer
}
