import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { type ProtectionSpace, type Refusal, VerifyError } from '../../../src/resource-server/verify-error.js'

const METADATA = 'https://api.example.com/.well-known/oauth-protected-resource/orders'
const ALGS = 'algs="ES256 PS256 Ed25519 EdDSA"'
const both: ProtectionSpace = { schemes: ['Bearer', 'DPoP'] }
const dpopOnly: ProtectionSpace = { schemes: ['DPoP'] }
const full: ProtectionSpace = { ...both, scope: ['orders:read', 'orders:write'], resourceMetadata: METADATA }

const INVALID = 'error="invalid_token", error_description="The access token is not valid."'

describe('the answer to a refused request', () => {
  const cases: {
    name: string
    given: Refusal
    space?: ProtectionSpace
    expect: { status: number; error: string | undefined; headers: Record<string, string> }
  }[] = [
    {
      name: 'no token',
      given: { code: 'token_missing', reason: 'no_token' },
      expect: { status: 401, error: undefined, headers: { 'www-authenticate': `Bearer, DPoP ${ALGS}` } },
    },
    {
      name: 'no token, where the document and the scopes are known',
      given: { code: 'token_missing', reason: 'no_token' },
      space: full,
      expect: {
        status: 401,
        error: undefined,
        headers: {
          'www-authenticate':
            `Bearer scope="orders:read orders:write", resource_metadata="${METADATA}", ` +
            `DPoP scope="orders:read orders:write", ${ALGS}, resource_metadata="${METADATA}"`,
        },
      },
    },
    {
      name: 'no token, where it must be bound',
      given: { code: 'token_missing', reason: 'no_token' },
      space: dpopOnly,
      expect: { status: 401, error: undefined, headers: { 'www-authenticate': `DPoP ${ALGS}` } },
    },
    {
      name: 'a bad token as Bearer',
      given: { code: 'invalid_token', reason: 'expired', scheme: 'Bearer' },
      expect: {
        status: 401,
        error: 'invalid_token',
        headers: { 'www-authenticate': `Bearer ${INVALID}, DPoP ${ALGS}` },
      },
    },
    {
      name: 'a bad token as DPoP',
      given: { code: 'invalid_token', reason: 'expired', scheme: 'DPoP' },
      expect: {
        status: 401,
        error: 'invalid_token',
        headers: { 'www-authenticate': `Bearer, DPoP ${INVALID}, ${ALGS}` },
      },
    },
    {
      name: 'an unbound token as Bearer where it must be bound',
      given: { code: 'invalid_token', reason: 'unbound_token', scheme: 'Bearer' },
      space: dpopOnly,
      expect: { status: 401, error: 'invalid_token', headers: { 'www-authenticate': `DPoP ${INVALID}, ${ALGS}` } },
    },
    {
      name: 'a request that can’t be read, RFC 9449 §7.2',
      given: { code: 'invalid_request', reason: 'repeated_authorization_header' },
      expect: {
        status: 400,
        error: 'invalid_request',
        headers: {
          'www-authenticate': ['Bearer', 'DPoP']
            .map(
              (scheme) =>
                `${scheme} error="invalid_request", error_description="The request must carry one access token, in one well-formed Authorization header."${scheme === 'DPoP' ? `, ${ALGS}` : ''}`,
            )
            .join(', '),
        },
      },
    },
    {
      name: 'a scope that is missing: all that the route needs',
      given: { code: 'insufficient_scope', reason: 'missing_scope', scheme: 'Bearer' },
      space: { ...full, schemes: ['Bearer'] },
      expect: {
        status: 403,
        error: 'insufficient_scope',
        headers: {
          'www-authenticate': `Bearer error="insufficient_scope", error_description="The access token lacks a scope that this request needs.", scope="orders:read orders:write", resource_metadata="${METADATA}"`,
        },
      },
    },
    {
      name: 'a sign-in that is not enough, RFC 9470 §3',
      given: {
        code: 'insufficient_user_authentication',
        reason: 'sign_in_too_old',
        scheme: 'Bearer',
        maxAge: 5,
        acrValues: ['gold', 'silver'],
      },
      space: { schemes: ['Bearer'] },
      expect: {
        status: 401,
        error: 'insufficient_user_authentication',
        headers: {
          'www-authenticate':
            'Bearer error="insufficient_user_authentication", error_description="A different or more recent authentication is required.", acr_values="gold silver", max_age="5"',
        },
      },
    },
    {
      name: 'a bad proof',
      given: { code: 'invalid_dpop_proof', reason: 'proof_bad_signature', scheme: 'DPoP' },
      space: dpopOnly,
      expect: {
        status: 401,
        error: 'invalid_dpop_proof',
        headers: {
          'www-authenticate': `DPoP error="invalid_dpop_proof", error_description="The DPoP proof is not valid.", ${ALGS}`,
        },
      },
    },
    {
      name: 'a proof without a nonce, RFC 9449 §9',
      given: { code: 'use_dpop_nonce', reason: 'proof_nonce_missing', scheme: 'DPoP', nonce: 'n-1' },
      space: dpopOnly,
      expect: {
        status: 401,
        error: 'use_dpop_nonce',
        headers: {
          'www-authenticate': `DPoP error="use_dpop_nonce", error_description="The DPoP proof needs the nonce that comes with this response.", ${ALGS}`,
          'dpop-nonce': 'n-1',
        },
      },
    },
    {
      name: 'a token that nobody can judge now: no challenge',
      given: { code: 'temporarily_unavailable', reason: 'revocation_unknown', scheme: 'Bearer' },
      expect: { status: 503, error: 'temporarily_unavailable', headers: { 'retry-after': '1' } },
    },
    {
      name: 'when to ask again',
      given: { code: 'temporarily_unavailable', reason: 'keys_unavailable', retryAfter: 7 },
      expect: { status: 503, error: 'temporarily_unavailable', headers: { 'retry-after': '7' } },
    },
  ]
  it.each(cases)('answers $name', ({ given, space = both, expect: expected }) => {
    const error = new VerifyError(given, space)
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'VerifyError',
      code: given.code,
      reason: given.reason,
      status: expected.status,
    })
    expect(error.headers).toEqual({ 'cache-control': 'no-store', ...expected.headers })
    expect(error.body?.error).toBe(expected.error)
    expect(error.body?.error_description).toBe(expected.error && error.message)
  })

  it('is the same for every token that does not count', () => {
    const answers = (
      ['expired', 'revoked', 'bad_signature', 'wrong_audience', 'not_sealed', 'unknown_key'] as const
    ).map((reason) => {
      const { message, status, headers, body } = new VerifyError(
        { code: 'invalid_token', reason, scheme: 'Bearer' },
        full,
      )
      return { message, status, headers, body }
    })
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })

  it('keeps what went wrong for the log', () => {
    const cause = new Error('ECONNREFUSED 10.0.0.7')
    const error = new VerifyError({ code: 'temporarily_unavailable', reason: 'replay_unknown', cause }, both)
    expect(error.cause).toBe(cause)
    expect(JSON.stringify([error.message, error.headers, error.body])).not.toContain('ECONN')
  })

  it('is understood by oauth4webapi, which knows that it should come again with the nonce', async () => {
    const given = { code: 'use_dpop_nonce', reason: 'proof_nonce_missing', scheme: 'DPoP', nonce: 'n-1' } as const
    const { status, headers } = new VerifyError(given, full)
    const answer = async () => new Response(null, { status, headers })
    const request = oauth.protectedResourceRequest('t', 'GET', new URL('https://api.example.com/'), undefined, null, {
      [oauth.customFetch]: answer,
    })
    const error = await request.catch((reason: unknown) => reason as oauth.WWWAuthenticateChallengeError)
    expect(oauth.isDPoPNonceError(error)).toBe(true)
    expect(error).toMatchObject({
      cause: [
        { scheme: 'bearer', parameters: { scope: 'orders:read orders:write', resource_metadata: METADATA } },
        { scheme: 'dpop', parameters: { error: 'use_dpop_nonce', algs: 'ES256 PS256 Ed25519 EdDSA' } },
      ],
    })
  })
})
