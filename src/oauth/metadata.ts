import { STATUS_LIST_TTL, statusListAggregationUri } from '../revocation/status-list.js'
import type { BrowserPolicy } from './browser-ports.js'
import { CLIENT_AUTH_METHODS, SECRET_AUTH_METHODS } from './client-auth.js'
import { grantTypes } from './grants/index.js'
import { ID_TOKEN_SIGNING } from './id-token.js'
import { INTROSPECTION_ENCRYPTION, INTROSPECTION_METHODS, INTROSPECTION_SIGNING } from './introspection-response.js'
import type { Policy } from './ports.js'
import type { Tenant } from './records.js'
import { OPENID_SCOPES } from './registration/scopes.js'
import { STANDARD_CLAIMS } from './standard-claims.js'

type Known = Pick<Policy, 'maxStaleness'> &
  Pick<BrowserPolicy, 'requirePushedRequests'> & {
    readonly jwksMaxAge: number
    /** RFC 5646 §2. */
    readonly uiLocales: readonly string[]
  }

/**
 * The authorization server's metadata, RFC 8414 §2, OpenID Connect Discovery §3: what works, and nothing else. Every URL is made of the issuer, which no request
 * has a say in. Members of our own are `revocation_list_endpoint`, `revocation_list_event_stream_supported`, and in seconds the bounds
 * that a reader may rely on: `revocation_list_max_staleness`; `status_list_ttl`; `jwks_max_age`, after which who reads status lists alone
 * has dropped a stolen key; and `max_access_token_lifetime`, beyond which no token is genuine, whoever signed it.
 */
export function metadata(
  { issuer, maxTokenLifetime }: Pick<Tenant, 'issuer' | 'maxTokenLifetime'>,
  { maxStaleness, jwksMaxAge, requirePushedRequests, uiLocales }: Known,
) {
  return {
    issuer,
    token_endpoint: `${issuer}/oauth2/token`,
    token_endpoint_auth_methods_supported: CLIENT_AUTH_METHODS,
    jwks_uri: `${issuer}/jwks`,
    jwks_max_age: jwksMaxAge,
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
    ...authorization(issuer, { requirePushedRequests, uiLocales }),
    ...openid(issuer),
  }
}

function authorization(
  issuer: string,
  { requirePushedRequests, uiLocales }: Omit<Known, 'maxStaleness' | 'jwksMaxAge'>,
) {
  return {
    authorization_endpoint: `${issuer}/oauth2/authorize`,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'fragment', 'form_post'],
    // RFC 9700 §2.1.1: what a client sends in the clear proves nothing.
    code_challenge_methods_supported: ['S256'],
    // RFC 9207 §3.
    authorization_response_iss_parameter_supported: true,
    // RFC 9126 §5.
    pushed_authorization_request_endpoint: `${issuer}/oauth2/par`,
    require_pushed_authorization_requests: requirePushedRequests,
    // draft-ietf-oauth-first-party-apps §5.
    authorization_challenge_endpoint: `${issuer}/oauth2/authorize-challenge`,
    // OpenID Connect Core §6: said of both, since a client may take silence for a yes.
    request_parameter_supported: false,
    request_uri_parameter_supported: false,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    display_values_supported: ['page', 'popup'],
    ui_locales_supported: uiLocales,
  }
}

function openid(issuer: string) {
  return {
    // APIs have scopes of their own, which are theirs to tell of.
    scopes_supported: OPENID_SCOPES,
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: ID_TOKEN_SIGNING,
    id_token_encryption_alg_values_supported: INTROSPECTION_ENCRYPTION,
    id_token_encryption_enc_values_supported: INTROSPECTION_METHODS,
    userinfo_endpoint: `${issuer}/oauth2/userinfo`,
    userinfo_signing_alg_values_supported: ID_TOKEN_SIGNING,
    userinfo_encryption_alg_values_supported: INTROSPECTION_ENCRYPTION,
    userinfo_encryption_enc_values_supported: INTROSPECTION_METHODS,
    claim_types_supported: ['normal'],
    claims_supported: [
      'sub',
      'iss',
      'aud',
      'exp',
      'iat',
      'auth_time',
      'nonce',
      'acr',
      'amr',
      'sid',
      ...STANDARD_CLAIMS,
    ],
    claims_parameter_supported: true,
    acr_values_supported: ['1'],
    end_session_endpoint: `${issuer}/oauth2/logout`,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
  }
}
