import { STATUS_LIST_TTL, statusListAggregationUri } from '../revocation/status-list.js'
import { CLIENT_AUTH_METHODS, SECRET_AUTH_METHODS } from './client-auth.js'
import { grantTypes } from './grants/index.js'
import { INTROSPECTION_ENCRYPTION, INTROSPECTION_METHODS, INTROSPECTION_SIGNING } from './introspection-response.js'
import type { Policy } from './ports.js'
import type { Tenant } from './records.js'

/**
 * The authorization server's metadata, RFC 8414 §2: what works, and nothing else. Every URL is made of the issuer, which no request
 * has a say in. Members of our own are `revocation_list_endpoint`, `revocation_list_event_stream_supported`, and in seconds the bounds
 * that a reader may rely on: `revocation_list_max_staleness`; `status_list_ttl`; `jwks_max_age`, after which who reads status lists alone
 * has dropped a stolen key; and `max_access_token_lifetime`, beyond which no token is genuine, whoever signed it.
 */
export function metadata(
  { issuer, maxTokenLifetime }: Pick<Tenant, 'issuer' | 'maxTokenLifetime'>,
  { maxStaleness, jwksMaxAge }: Pick<Policy, 'maxStaleness'> & { readonly jwksMaxAge: number },
) {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    jwks_uri: `${issuer}/jwks`,
    jwks_max_age: jwksMaxAge,
    // RFC 8414 §3.2: there is no authorization endpoint, so `response_types_supported` has no element and is left out.
    grant_types_supported: grantTypes,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    introspection_endpoint_auth_methods_supported: SECRET_AUTH_METHODS,
    // RFC 9701 §7.
    introspection_signing_alg_values_supported: INTROSPECTION_SIGNING,
    introspection_encryption_alg_values_supported: INTROSPECTION_ENCRYPTION,
    introspection_encryption_enc_values_supported: INTROSPECTION_METHODS,
    revocation_endpoint: `${issuer}/oauth2/revoke`,
    revocation_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    // draft-ietf-oauth-status-list §9.1
    status_list_aggregation_endpoint: statusListAggregationUri({ issuer }),
    status_list_ttl: STATUS_LIST_TTL,
    revocation_list_endpoint: `${issuer}/revocations`,
    revocation_list_max_staleness: maxStaleness,
    revocation_list_event_stream_supported: true,
    max_access_token_lifetime: maxTokenLifetime,
  }
}
