import { describe, expect, it } from 'vitest'
import { errorAnswer } from '../../../src/http/errors.js'
import {
  insufficientAuthorization,
  insufficientScope,
  invalidClient,
  invalidGrant,
  invalidToken,
} from '../../../src/oauth/errors.js'

const request = (headers = {}) => ({ id: 'request-1', headers })
const answer = (error: unknown, headers = {}) => {
  const { response, ...rest } = errorAnswer(error, request(headers))
  return { ...rest, status: response.status, headers: response.headers, body: JSON.parse(String(response.body)) }
}

describe('errorAnswer', () => {
  it('writes code and public text as JSON that nobody stores, and keeps the reason for the log', () => {
    const { status, headers, body, reason } = answer(invalidGrant('refresh_token_reused'))
    expect({ status, body, reason }).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'The grant is invalid, expired or revoked.' },
      reason: 'refresh_token_reused',
    })
    expect(headers).toEqual({ 'content-type': 'application/json', 'cache-control': 'no-store', pragma: 'no-cache' })
  })

  it('challenges a client whose authentication failed, whether or not it used the Authorization header', () => {
    expect(answer(invalidClient('secret_wrong'), { authorization: 'Basic eDp5' })).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="oauth2"' },
    })
    expect(answer(invalidClient('secret_wrong')).headers).toHaveProperty('www-authenticate', 'Basic realm="oauth2"')
  })

  it('challenges a Bearer token', () => {
    expect(answer(invalidToken('token_expired'))).toMatchObject({
      status: 401,
      headers: {
        'www-authenticate':
          'Bearer error="invalid_token", error_description="The access token is invalid, expired or revoked."',
      },
    })
    expect(answer(insufficientScope('scope_missing'))).toMatchObject({
      status: 403,
      headers: { 'www-authenticate': expect.stringContaining('error="insufficient_scope"') },
    })
  })

  it('hands over the session of a sign-in that goes on', () => {
    expect(answer(insufficientAuthorization('s-1', 'totp_needed')).body).toMatchObject({
      error: 'insufficient_authorization',
      auth_session: 's-1',
    })
  })

  it('answers a full queue with 503 and its Retry-After', () => {
    const full = Object.assign(new Error('Too many passwords wait.'), { retryAfter: 3 })
    expect(answer(full)).toMatchObject({
      status: 503,
      headers: { 'retry-after': '3' },
      body: { error: 'temporarily_unavailable' },
      reason: 'queue_full',
    })
  })

  it('answers a database out of reach with 503 and Retry-After', () => {
    expect(answer(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }))).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { error: 'temporarily_unavailable' },
      reason: 'database_unavailable',
    })
  })

  it.each([
    new TypeError('secret detail'),
    'secret detail',
    undefined,
    null,
    { retryAfter: 3 },
    Object.assign(new Error('secret detail'), { status: 200, expose: true }),
  ])('answers what nobody foresaw with 500, the request id and nothing else: %s', (error) => {
    const { status, body, reason, unexpected } = answer(error)
    expect({ status, body, reason }).toEqual({
      status: 500,
      body: {
        error: 'server_error',
        error_description: 'The server met an unexpected condition.',
        request_id: 'request-1',
      },
      reason: 'unexpected_error',
    })
    expect(unexpected).toBe(error)
  })
})
