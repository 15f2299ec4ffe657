import { describe, expect, it } from 'vitest'
import {
  type ProtectedResource,
  protectedResourceMetadata,
} from '../../../src/resource-server/protected-resource-metadata.js'
import { wwwAuthenticate } from '../../../src/wire/challenge.js'

const issuer = 'https://login.example/t/acme'
const describeApi = (api: Partial<ProtectedResource> = {}) =>
  protectedResourceMetadata({ issuer, audience: 'https://api.example.com/orders', ...api })
const ROOT = '/.well-known/oauth-protected-resource'

describe('the document of an API is', () => {
  it.each([
    // The examples of RFC 9728 §3.1.
    { given: 'https://resource.example.com', url: `https://resource.example.com${ROOT}`, paths: [ROOT] },
    {
      given: 'https://resource.example.com/resource1',
      url: `https://resource.example.com${ROOT}/resource1`,
      paths: [`${ROOT}/resource1`, ROOT],
    },
    { given: 'https://api.example.com/', url: `https://api.example.com${ROOT}`, paths: [ROOT] },
    {
      given: 'https://api.example.com/a/b/',
      url: `https://api.example.com${ROOT}/a/b/`,
      paths: [`${ROOT}/a/b/`, ROOT],
    },
    { given: 'https://api.example.com?t=1', url: `https://api.example.com${ROOT}?t=1`, paths: [ROOT] },
    { given: 'https://api.example.com/?t=1', url: `https://api.example.com${ROOT}?t=1`, paths: [ROOT] },
    { given: 'https://api.example.com/a?t=1', url: `https://api.example.com${ROOT}/a?t=1`, paths: [`${ROOT}/a`, ROOT] },
    { given: 'http://localhost:3000/mcp', url: `http://localhost:3000${ROOT}/mcp`, paths: [`${ROOT}/mcp`, ROOT] },
    { given: 'https://API.example.com:443/a', url: `https://api.example.com${ROOT}/a`, paths: [`${ROOT}/a`, ROOT] },
  ])('describes $given at $url', ({ given, url, paths }) => {
    const metadata = describeApi({ audience: given })
    expect(metadata).toMatchObject({ url, paths })
    // Byte for byte what was registered, whatever the URL looks like.
    expect(metadata?.document['resource']).toBe(given)
  })

  it.each([
    'urn:orders',
    'orders',
    '',
    'ftp://api.example.com/',
    'https://',
    'https://api.example.com/#a',
    'https://u:p@api.example.com/',
  ])('nowhere where the audience is %j', (audience) => {
    expect(describeApi({ audience })).toBeUndefined()
  })

  it('at a URL that a challenge can hold', () => {
    for (const audience of [
      'https://api.example.com/"a b"',
      'https://api.example.com/a?b=\\"c',
      'https://é.example/ü',
    ]) {
      const resourceMetadata = describeApi({ audience })?.url
      expect(wwwAuthenticate([{ scheme: 'Bearer', resourceMetadata }])).toMatch(/^Bearer resource_metadata="[^"\\]+"$/)
    }
  })
})

describe('the document says', () => {
  it('the least', () => {
    expect(describeApi()?.document).toEqual({
      resource: 'https://api.example.com/orders',
      authorization_servers: [issuer],
      bearer_methods_supported: ['header'],
      dpop_signing_alg_values_supported: ['ES256', 'PS256', 'Ed25519', 'EdDSA'],
    })
  })

  it('all that it was told', () => {
    const metadata = describeApi({
      jwksUri: 'https://api.example.com/jwks',
      dpop: { required: true },
      resource: {
        name: 'Orders',
        documentation: 'https://docs.example.com/orders',
        scopes: ['orders:read', 'orders:write'],
        policyUri: 'https://example.com/policy',
        tosUri: 'https://example.com/terms',
      },
    })
    expect(metadata?.document).toEqual({
      resource: 'https://api.example.com/orders',
      authorization_servers: [issuer],
      jwks_uri: 'https://api.example.com/jwks',
      scopes_supported: ['orders:read', 'orders:write'],
      bearer_methods_supported: ['header'],
      resource_name: 'Orders',
      resource_documentation: 'https://docs.example.com/orders',
      resource_policy_uri: 'https://example.com/policy',
      resource_tos_uri: 'https://example.com/terms',
      dpop_signing_alg_values_supported: ['ES256', 'PS256', 'Ed25519', 'EdDSA'],
      dpop_bound_access_tokens_required: true,
    })
  })

  it('nothing of DPoP being required where it is not', () => {
    expect(describeApi({ dpop: { required: false } })?.document).not.toHaveProperty('dpop_bound_access_tokens_required')
  })

  it('it to everybody, for five minutes', () => {
    expect(describeApi()?.headers).toEqual({
      'content-type': 'application/json',
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'WWW-Authenticate, DPoP-Nonce, Retry-After',
    })
  })
})
