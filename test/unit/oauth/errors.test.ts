import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as errors from '../../../src/oauth/errors.js'

describe('OAuthError', () => {
  it.each([
    { error: errors.invalidRequest('scope is malformed.'), code: 'invalid_request', status: 400 },
    { error: errors.invalidClient('client_secret_wrong'), code: 'invalid_client', status: 401 },
    { error: errors.invalidGrant('refresh_token_forged'), code: 'invalid_grant', status: 400 },
    { error: errors.unauthorizedClient('grant_not_registered'), code: 'unauthorized_client', status: 400 },
    { error: errors.unsupportedGrantType(), code: 'unsupported_grant_type', status: 400 },
    { error: errors.invalidScope('scope_widened'), code: 'invalid_scope', status: 400 },
    { error: errors.invalidTarget('resource_unknown'), code: 'invalid_target', status: 400 },
    { error: errors.unsupportedTokenType('id_token'), code: 'unsupported_token_type', status: 400 },
    { error: errors.invalidToken('token_expired'), code: 'invalid_token', status: 401 },
    { error: errors.insufficientScope('scope_missing'), code: 'insufficient_scope', status: 403 },
    { error: errors.insufficientAuthorization('abc', 'totp'), code: 'insufficient_authorization', status: 403 },
    { error: errors.tooManyRequests('address_bucket', 30), code: 'too_many_requests', status: 429 },
    { error: errors.temporarilyUnavailable('queue_full', 2), code: 'temporarily_unavailable', status: 503 },
  ])('answers $code with $status', ({ error, code, status }) => {
    expect(error).toMatchObject({ code, status })
  })

  it('says the same to the client whatever check failed', () => {
    const [forged, revoked] = [
      errors.invalidGrant('refresh_token_forged'),
      errors.invalidGrant('refresh_token_revoked'),
    ]
    expect(forged.description).toBe(revoked.description)
    expect(forged.reason).not.toBe(revoked.reason)
  })

  it('makes the reason of a malformed request out of its text', () => {
    expect(errors.invalidRequest('refresh_token is required.').reason).toBe('refresh_token_is_required')
  })

  it('never lets a character out of the range of RFC 6749 §5.2 into the public text', () => {
    const hostile = fc.constantFrom('"', '\\', '\r\n', '\t', '\x7f', '\x00', 'é', '\u2028')
    const text = fc.array(fc.oneof(hostile, fc.string({ unit: 'binary' }))).map((parts) => parts.join(''))
    fc.assert(
      fc.property(text, (description) => {
        expect(errors.invalidRequest(description).description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/)
      }),
    )
  })

  it('rounds Retry-After up to whole seconds, at least one', () => {
    const retryAfter = (seconds: number) => errors.tooManyRequests('x', seconds).headers['retry-after']
    expect([0, 0.2, 1.5, 60].map(retryAfter)).toEqual(['1', '1', '2', '60'])
  })
})
