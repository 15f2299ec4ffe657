import { describe, expect, it } from 'vitest'
import { parseClaims } from '../../../src/wire/claims.js'
import { claims } from './fixtures.js'

/** The same members, on an object from which the others are inherited: what a payload looks like once something has polluted Object.prototype. */
const inheriting = (own: object, inherited: object): Record<string, unknown> =>
  Object.assign(Object.create(inherited), own)

describe('claims that every object would have', () => {
  const required = ['iss', 'sub', 'aud', 'client_id', 'iat', 'exp', 'jti', 'rev'] as const

  // RFC 9068 §2.2: each is in the token.
  it.each(required)('do not stand in for %s', (name) => {
    const { [name]: value, ...others } = claims
    expect(parseClaims(inheriting(others, { [name]: value }))).toBeUndefined()
    expect(parseClaims(inheriting({ ...others, [name]: value }, {}))).toMatchObject(claims)
  })

  it.each(['nbf', 'scope', 'status', 'cnf', 'act'])('do not make a token invalid as its %s', (name) => {
    expect(parseClaims(inheriting(claims, { [name]: 7.5 }))).toMatchObject(claims)
    expect(parseClaims({ ...claims, [name]: 7.5 })).toBeUndefined()
  })
})
