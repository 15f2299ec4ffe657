import { describe, expect, it } from 'vitest'
import type { UserProfile } from '../../../src/oauth/records.js'
import { claimsByName, claimsFor, claimsOfScope, STANDARD_CLAIMS } from '../../../src/oauth/standard-claims.js'
import { profileLike } from '../../support/ports.js'

const address = { formatted: 'Lane 1\nTown', country: 'NL' }
const full: UserProfile = {
  ...profileLike('ann'),
  emailVerified: true,
  claims: {
    given_name: 'Ann',
    website: 'https://ann.example',
    address,
    phone_number: '+31 20 1',
    phone_number_verified: true,
  },
}

describe('claimsOfScope, OpenID Connect Core §5.4', () => {
  it.each([
    ['email', ['email', 'email_verified']],
    ['phone', ['phone_number', 'phone_number_verified']],
    ['address', ['address']],
    ['openid offline_access orders:read constructor', []],
  ])('of %s', (scope, names) => {
    expect(claimsOfScope(scope.split(' '))).toEqual(names)
  })

  it('of profile has the fourteen of the standard', () => {
    expect(claimsOfScope(['profile'])).toHaveLength(14)
    expect(STANDARD_CLAIMS).toHaveLength(19)
  })
})

describe('claimsFor', () => {
  it('tells what is known, each in the type of the standard', () => {
    expect(claimsFor(full, STANDARD_CLAIMS)).toEqual({
      name: 'Ann Example',
      given_name: 'Ann',
      preferred_username: 'ann@example.com',
      website: 'https://ann.example',
      updated_at: 1_700_000_000,
      email: 'Ann@example.com',
      email_verified: true,
      address,
      phone_number: '+31 20 1',
      phone_number_verified: true,
    })
  })

  it('tells nothing that was not asked for, and says of nothing unknown that it is verified', () => {
    expect(claimsFor(full, ['email'])).toEqual({ email: 'Ann@example.com' })
    expect(claimsFor({ ...full, email: undefined, claims: {} }, STANDARD_CLAIMS)).toEqual({
      name: 'Ann Example',
      preferred_username: 'ann@example.com',
      updated_at: 1_700_000_000,
    })
    expect(claimsFor({ ...full, claims: { phone_number: '1' } }, ['phone_number_verified'])).toEqual({
      phone_number_verified: false,
    })
  })

  it('never tells the address under the name of the user name', () => {
    expect(claimsFor(full, claimsOfScope(['profile']))).not.toHaveProperty('preferred_username')
    const named = { ...full, claims: { preferred_username: 'annie' } }
    expect(claimsFor(named, claimsOfScope(['profile']))).toMatchObject({ preferred_username: 'annie' })
  })

  it('makes no claim of what is no standard one, wherever it comes from', () => {
    const claims = JSON.parse('{"iss":"evil","aud":"evil","__proto__":{"email":"evil"},"admin":true}')
    const names = ['iss', 'sub', 'aud', 'exp', 'admin', '__proto__', 'constructor', 'toString']
    expect(claimsFor({ ...full, claims }, names)).toEqual({})
  })
})

describe('claimsByName, OpenID Connect Core §5.5', () => {
  const requested = { email: {}, name: { essential: true }, sub: {}, acr: {} }

  it('are those that a granted scope covers', () => {
    const third = { firstParty: false }
    expect(claimsByName(requested, { scope: ['openid', 'email'], client: third })).toEqual(['email'])
    expect(claimsByName(requested, { scope: ['openid'], client: third })).toEqual([])
    expect(claimsByName(undefined, { scope: ['openid', 'email'], client: third })).toEqual([])
  })

  it('are all of a first-party client', () => {
    expect(claimsByName(requested, { scope: ['openid'], client: { firstParty: true } })).toEqual(['email', 'name'])
  })
})
