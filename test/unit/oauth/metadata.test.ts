import { describe, expect, it } from 'vitest'
import { grantTypes } from '../../../src/oauth/grants/index.js'
import { metadata } from '../../../src/oauth/metadata.js'
import { uiLocales } from '../../../src/ui/texts/languages.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'

describe.each([DEFAULT_TENANT, ACME])('metadata of $issuer', (tenant) => {
  const document = metadata(tenant, {
    maxStaleness: 5,
    jwksMaxAge: 300,
    requirePushedRequests: true,
    uiLocales: ['en', 'de'],
  })

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
      authorization_endpoint: `${tenant.issuer}/oauth2/authorize`,
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'fragment', 'form_post'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      pushed_authorization_request_endpoint: `${tenant.issuer}/oauth2/par`,
      require_pushed_authorization_requests: true,
      authorization_challenge_endpoint: `${tenant.issuer}/oauth2/authorize-challenge`,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
      display_values_supported: ['page', 'popup'],
      ui_locales_supported: ['en', 'de'],
      scopes_supported: ['openid', 'offline_access', 'profile', 'email', 'address', 'phone'],
      subject_types_supported: ['public', 'pairwise'],
      id_token_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'Ed25519'],
      id_token_encryption_alg_values_supported: ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'],
      id_token_encryption_enc_values_supported: ['A256GCM', 'A128CBC-HS256'],
      userinfo_endpoint: `${tenant.issuer}/oauth2/userinfo`,
      userinfo_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'Ed25519'],
      userinfo_encryption_alg_values_supported: ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'],
      userinfo_encryption_enc_values_supported: ['A256GCM', 'A128CBC-HS256'],
      claim_types_supported: ['normal'],
      claims_supported: expect.arrayContaining(['sub', 'auth_time', 'acr', 'email', 'address', 'updated_at']),
      claims_parameter_supported: true,
      acr_values_supported: ['1'],
      end_session_endpoint: `${tenant.issuer}/oauth2/logout`,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      frontchannel_logout_supported: true,
      frontchannel_logout_session_supported: true,
    })
  })

  it('is what a client of OpenID Connect insists on, OpenID Connect Discovery §3', () => {
    const tag = (text: string) => Intl.getCanonicalLocales(text)[0]
    expect(document.scopes_supported).toContain('openid')
    for (const scope of document.scopes_supported) expect(scope).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(document.id_token_signing_alg_values_supported[0]).toBe('RS256')
    expect(document.id_token_signing_alg_values_supported).not.toContain('none')
    expect(document.ui_locales_supported.map(tag)).toEqual(document.ui_locales_supported)
    expect(uiLocales.map(tag)).toEqual(uiLocales)
    for (const [name, value] of Object.entries(document)) {
      if (/_(?:endpoint|uri)$/.test(name)) expect(String(value).startsWith(`${tenant.issuer}/`)).toBe(true)
    }
  })

  it('has no empty list, no null and no empty text, RFC 8414 §3.2', () => {
    for (const value of Object.values(document)) {
      expect(value).not.toBeNull()
      if (typeof value === 'string' || Array.isArray(value)) expect(value.length).toBeGreaterThan(0)
    }
  })
})
