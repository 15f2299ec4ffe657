import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  errorResponse,
  type Recipient,
  responseLocation,
  successResponse,
} from '../../../src/oauth/authorization-response.js'
import {
  authorizationError,
  invalidGrant,
  invalidScope,
  OAuthError,
  tooManyRequests,
} from '../../../src/oauth/errors.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { clientLike } from '../../support/ports.js'

const to = (change: Partial<Recipient> = {}): Recipient => ({
  tenant: DEFAULT_TENANT,
  client: clientLike('app'),
  redirectUri: 'https://ok.example/cb',
  responseMode: 'query',
  state: 'xyz',
  ...change,
})

describe('an authorization response', () => {
  it('has the code, the state and the issuer', () => {
    expect(responseLocation(to(), successResponse(to(), 'c0de'))).toBe(
      'https://ok.example/cb?code=c0de&state=xyz&iss=https%3A%2F%2Fid.example.com',
    )
  })

  it('has no state where none was given', () => {
    expect(successResponse(to({ state: undefined }), 'c').params).toEqual([
      ['code', 'c'],
      ['iss', DEFAULT_TENANT.issuer],
    ])
  })

  it.each([
    ['https://ok.example/cb?a=1', 'query', 'https://ok.example/cb?a=1&code='],
    ['https://ok.example/cb?', 'query', 'https://ok.example/cb?code='],
    ['https://ok.example/cb?a=1&', 'query', 'https://ok.example/cb?a=1&code='],
    ['com.example.app:/cb', 'query', 'com.example.app:/cb?code='],
    ['https://ok.example/cb?a=1', 'fragment', 'https://ok.example/cb?a=1#code='],
  ] as const)('keeps what the redirect URI has: %s by %s', (redirectUri, responseMode, begins) => {
    const recipient = to({ redirectUri, responseMode })
    expect(responseLocation(recipient, successResponse(recipient, ''))).toMatch(begins)
  })

  it('brings the state back byte for byte, and nothing else with it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (state) => {
        const location = responseLocation(to({ state }), successResponse(to({ state }), 'c'))
        const query = new URL(location).searchParams
        expect(query.get('state')).toBe(state)
        expect([...query.keys()]).toEqual(['code', 'state', 'iss'])
        expect(location).toMatch(/^[\x21-\x7e]+$/)
      }),
    )
  })
})

describe('an error response', () => {
  it('has the error, what it means, the state and the issuer', () => {
    expect(errorResponse(to(), invalidScope('scope_unknown')).params).toEqual([
      ['error', 'invalid_scope'],
      ['error_description', 'The scope is unknown, malformed or beyond what was granted.'],
      ['state', 'xyz'],
      ['iss', DEFAULT_TENANT.issuer],
    ])
  })

  it('has no code that only other endpoints have', () => {
    expect(errorResponse(to(), tooManyRequests('x', 1)).params[0]).toEqual(['error', 'temporarily_unavailable'])
    expect(errorResponse(to(), invalidGrant('x')).params[0]).toEqual(['error', 'access_denied'])
    expect(errorResponse(to(), authorizationError('login_required')).params[0]).toEqual(['error', 'login_required'])
  })

  it('has a description in the characters of RFC 6749', () => {
    const error = new OAuthError('invalid_request', 'x', { description: 'a"b\\c\r\nd\té' })
    expect(errorResponse(to(), error).params[1]).toEqual(['error_description', 'a?b?c??d??'])
  })
})
