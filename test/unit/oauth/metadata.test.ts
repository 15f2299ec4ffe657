import { describe, expect, it } from 'vitest'
import { grantTypes } from '../../../src/oauth/grants/index.js'
import { metadata } from '../../../src/oauth/metadata.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'

describe.each([DEFAULT_TENANT, ACME])('metadata of $issuer', (tenant) => {
  const document = metadata(tenant, { maxStaleness: 5, jwksMaxAge: 300 })

  it('names what works, under its issuer', () => {
    expect(document).toEqual({
      issuer: tenant.issuer,
      token_endpoint: `${tenant.issuer}/oauth2/token`,
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      jwks_uri: `${tenant.issuer}/jwks`,
      jwks_max_age: 300,
      grant_types_supported: grantTypes,
      introspection_endpoint: `${tenant.issuer}/oauth2/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      introspection_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'Ed25519'],
      introspection_encryption_alg_values_supported: ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'],
      introspection_encryption_enc_values_supported: ['A256GCM', 'A128CBC-HS256'],
      revocation_endpoint: `${tenant.issuer}/oauth2/revoke`,
      revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      status_list_aggregation_endpoint: `${tenant.issuer}/status-lists`,
      status_list_ttl: 15,
      revocation_list_endpoint: `${tenant.issuer}/revocations`,
      revocation_list_max_staleness: 5,
      revocation_list_event_stream_supported: true,
      max_access_token_lifetime: tenant.maxTokenLifetime,
    })
  })

  it('has no empty list, no null and no empty text, RFC 8414 §3.2', () => {
    for (const value of Object.values(document)) {
      expect(value).not.toBeNull()
      if (typeof value === 'string' || Array.isArray(value)) expect(value.length).toBeGreaterThan(0)
    }
  })
})
