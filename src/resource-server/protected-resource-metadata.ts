import { DPOP_ALGORITHMS } from '../wire/dpop-key.js'
import type { DpopOptions, ResourceDescription } from './options.js'

export type ProtectedResource = {
  readonly issuer: string
  readonly audience: string
  readonly resource?: ResourceDescription
  readonly dpop?: DpopOptions
  /** Where the API publishes its encryption key. */
  readonly jwksUri?: string
}

export type ProtectedResourceMetadata = {
  /** What `resource_metadata` in a challenge says. RFC 9728 §5.1. */
  readonly url: string
  /** The paths that answer with the document: its own, then the root form, which clients ask for when they have no challenge. */
  readonly paths: readonly [string, ...string[]]
  readonly document: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
}

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

/** Seconds. */
const MAX_AGE = 300

/** For pages of other origins: what they may read of an API's answers. RFC 9449 §8, RFC 9728 §5.1. */
export const EXPOSED_HEADERS = 'WWW-Authenticate, DPoP-Nonce, Retry-After'

const HEADERS = {
  'content-type': 'application/json',
  'cache-control': `public, max-age=${MAX_AGE}`,
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED_HEADERS,
}

/**
 * What an API says of itself to clients that never heard of it, and where. Undefined where the audience is no http or https URL: then
 * there is no place for it. RFC 9728 §2 and §3.1.
 */
export function protectedResourceMetadata(api: ProtectedResource): ProtectedResourceMetadata | undefined {
  const path = wellKnownPath(api.audience)
  if (!path) return undefined
  const { origin, pathname, search } = path
  return {
    url: `${origin}${pathname}${search}`,
    paths: pathname === WELL_KNOWN ? [WELL_KNOWN] : [pathname, WELL_KNOWN],
    document: documentOf(api),
    headers: HEADERS,
  }
}

function documentOf({ issuer, audience, resource = {}, dpop = {}, jwksUri }: ProtectedResource) {
  const { name, documentation, scopes, policyUri, tosUri } = resource
  return withoutUndefined({
    // RFC 9728 §3.3: clients compare it byte for byte, so it stands as it was registered.
    resource: audience,
    authorization_servers: [issuer],
    jwks_uri: jwksUri,
    scopes_supported: scopes,
    bearer_methods_supported: ['header'],
    resource_name: name,
    resource_documentation: documentation,
    resource_policy_uri: policyUri,
    resource_tos_uri: tosUri,
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    dpop_bound_access_tokens_required: dpop.required ? true : undefined,
  })
}

/** RFC 9728 §3.1: between host and path; a slash that is the whole path goes. */
function wellKnownPath(audience: string) {
  if (!URL.canParse(audience)) return undefined
  const { protocol, username, password, origin, pathname, search, hash } = new URL(audience)
  if (protocol !== 'https:' && protocol !== 'http:') return undefined
  // RFC 8707 §2: an identifier has no fragment. User information would not be part of the origin.
  if (username !== '' || password !== '' || hash !== '') return undefined
  return {
    origin,
    pathname: `${WELL_KNOWN}${pathname === '/' ? '' : pathname}`,
    search: search.replaceAll('\\', '%5C'),
  }
}

function withoutUndefined(members: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
