import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClaimError, parseProfileClaims } from '../../../src/accounts/profile-claims.js'
import { FURTHER_CLAIMS } from '../../../src/oauth/standard-claims.js'

const refusal = (...written: string[]) => {
  try {
    return parseProfileClaims(written)
  } catch (error) {
    if (error instanceof ClaimError) return error.message
    throw error
  }
}

describe('a claim of a user, OpenID Connect Core §5.1', () => {
  test.each([
    ['given_name=Ann', { given_name: 'Ann' }],
    ['nickname=a=b', { nickname: 'a=b' }],
    ['picture=https://ann.example/a.png?x=1', { picture: 'https://ann.example/a.png?x=1' }],
    ['birthdate=1990-02-28', { birthdate: '1990-02-28' }],
    ['birthdate=0000-02-29', { birthdate: '0000-02-29' }],
    ['birthdate=1990', { birthdate: '1990' }],
    ['zoneinfo=Europe/Paris', { zoneinfo: 'Europe/Paris' }],
    ['locale=en-US', { locale: 'en-US' }],
    ['locale=en_US', { locale: 'en_US' }],
    ['phone_number_verified=false', { phone_number_verified: false }],
    [
      'address={"street_address":"Lane 1\\nTown","country":"NL"}',
      { address: { street_address: 'Lane 1\nTown', country: 'NL' } },
    ],
    ['website=', { website: null }],
  ])('is read in its type: %s', (written, expected) => {
    expect(parseProfileClaims([written])).toEqual(expected)
  })

  test.each([
    'email=ann@example.com',
    'email_verified=true',
    'name=Ann',
    'sub=1',
    'admin=true',
    'constructor=1',
    '__proto__={}',
    'given_name',
    'given_name=a\u0007b',
    'given_name=a\u202eb',
    `given_name=${'x'.repeat(2001)}`,
    'website=http://ann.example',
    'website=javascript:alert(1)',
    'picture=ann.png',
    'birthdate=1990-02-30',
    'birthdate=28.2.1990',
    'birthdate=1990-13-01',
    'zoneinfo=Mars/Olympus',
    'zoneinfo=+01:00',
    'locale=not a locale',
    'phone_number_verified=yes',
    'address=Lane 1',
    'address=[]',
    'address={}',
    'address={"planet":"Earth"}',
    'address={"country":1}',
    'address={"country":"NL","country":"BE"}',
    'address={"__proto__":"x"}',
  ])('is refused: %j', (written) => {
    expect(refusal(written)).toEqual(expect.any(String))
  })

  test('of no known name is refused with those that are known', () => {
    expect(refusal('admin=true')).toContain(FURTHER_CLAIMS.join(', '))
  })

  test('is given once', () => {
    expect(refusal('gender=a', 'gender=b')).toBe('gender is given more than once.')
  })

  test('of whatever text is read or refused, and is then one that may be stored', () => {
    const name = fc.constantFrom(...FURTHER_CLAIMS)
    fc.assert(
      fc.property(name, fc.oneof(fc.string(), fc.json(), fc.webUrl()), (claim, value) => {
        const read = refusal(`${claim}=${value}`)
        if (typeof read === 'string') return
        expect(Object.keys(read)).toEqual([claim])
        expect(JSON.stringify(read)).not.toContain('\\u0000')
      }),
    )
  })
})
