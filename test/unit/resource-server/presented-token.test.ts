import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presentedToken } from '../../../src/resource-server/presented-token.js'
import type { RequestParts } from '../../../src/resource-server/verifier.js'

const read = ({ query, ...given }: Partial<RequestParts> & { query?: string }) =>
  presentedToken({
    authorization: [],
    dpop: [],
    target: query === undefined ? '/orders' : `/orders?${query}`,
    ...given,
  })
const bearer = (token: string) => ({ scheme: 'Bearer', token, proof: undefined })

describe('a token is taken from', () => {
  it.each([
    { name: 'Bearer', given: { authorization: ['Bearer abc.def'] }, expect: bearer('abc.def') },
    { name: 'bearer in small letters', given: { authorization: ['bearer abc'] }, expect: bearer('abc') },
    { name: 'BEARER in capitals', given: { authorization: ['BEARER abc'] }, expect: bearer('abc') },
    { name: 'several spaces', given: { authorization: ['Bearer   abc'] }, expect: bearer('abc') },
    {
      name: 'all characters of RFC 6750 §2.1',
      given: { authorization: ['Bearer aZ09-._~+/=='] },
      expect: bearer('aZ09-._~+/=='),
    },
    {
      name: 'DPoP with its proof',
      given: { authorization: ['dpop abc'], dpop: ['p.q.r'] },
      expect: { scheme: 'DPoP', token: 'abc', proof: 'p.q.r' },
    },
    {
      name: 'DPoP without a proof',
      given: { authorization: ['DPoP abc'] },
      expect: { scheme: 'DPoP', token: 'abc', proof: undefined },
    },
    {
      name: 'Bearer with a proof nobody asked for',
      given: { authorization: ['Bearer abc'], dpop: ['p.q.r'] },
      expect: { scheme: 'Bearer', token: 'abc', proof: 'p.q.r' },
    },
    {
      name: 'beside a query of its own',
      given: { authorization: ['Bearer abc'], query: 'page=2&my_access_token=x&q=access_token=' },
      expect: bearer('abc'),
    },
  ])('is taken from $name', ({ given, expect: expected }) => {
    expect(read(given)).toEqual(expected)
  })
})

describe('there is no token', () => {
  it.each([
    { name: 'without a header', given: {}, expect: 'no_token' },
    { name: 'with an empty header', given: { authorization: [''] }, expect: 'other_scheme' },
    { name: 'with Basic', given: { authorization: ['Basic dXNlcjpwYXNz'] }, expect: 'other_scheme' },
    {
      name: 'with a scheme that begins like Bearer',
      given: { authorization: ['Bearerx abc'] },
      expect: 'other_scheme',
    },
    { name: 'with a scheme like __proto__', given: { authorization: ['__proto__ abc'] }, expect: 'other_scheme' },
    { name: 'with a space before the scheme', given: { authorization: [' Bearer abc'] }, expect: 'other_scheme' },
    { name: 'with a proof alone', given: { dpop: ['p.q.r'] }, expect: 'no_token' },
    { name: 'in the query', given: { query: 'access_token=abc' }, expect: 'token_in_query' },
    { name: 'in a path that looks like a query', given: { target: '/a&access_token=x' }, expect: 'no_token' },
    {
      name: 'in the query beside Basic',
      given: { authorization: ['Basic x'], query: 'access_token=abc' },
      expect: 'token_in_query',
    },
  ])('is none $name', ({ given, expect: expected }) => {
    expect(read(given)).toEqual({ code: 'token_missing', reason: expected })
  })
})

describe('a request is refused', () => {
  const MALFORMED = { code: 'invalid_request', reason: 'malformed_authorization_header' }
  it.each([
    'Bearer',
    'Bearer ',
    'Bearer\tabc',
    'Bearer \tabc',
    'Bearer abc ',
    'Bearer abc def',
    'Bearer abc, Bearer def',
    'Bearer abc\n',
    'Bearer a=b',
    'Bearer ==',
    'Bearer "abc"',
    'Bearer ab\u0000c',
    'Bearer abcé',
    'Bearer token="abc"',
    'Bearer,abc',
    'DPoP',
    'DPoP abc;def',
  ])('is refused with the header %j', (header) => {
    expect(read({ authorization: [header] })).toMatchObject(MALFORMED)
  })

  it.each([
    {
      name: 'with two headers',
      given: { authorization: ['Bearer abc', 'Bearer abc'] },
      expect: { code: 'invalid_request', reason: 'repeated_authorization_header' },
    },
    {
      name: 'with two headers, the second of another scheme',
      given: { authorization: ['Basic abc', 'Bearer abc'] },
      expect: { code: 'invalid_request', reason: 'repeated_authorization_header' },
    },
    ...['access_token=abc', 'access_token=', 'access_token', 'a=1&access%5Ftoken=x', 'access_token=x?'].map(
      (query) => ({
        name: `with a header and the query ${query}`,
        given: { authorization: ['Bearer abc'], query },
        expect: { code: 'invalid_request', reason: 'token_in_header_and_query', scheme: 'Bearer' },
      }),
    ),
    {
      name: 'with two proofs',
      given: { authorization: ['DPoP abc'], dpop: ['p.q.r', 'p.q.r'] },
      expect: { code: 'invalid_dpop_proof', reason: 'repeated_proof', scheme: 'DPoP' },
    },
    {
      name: 'with two proofs beside Bearer',
      given: { authorization: ['Bearer abc'], dpop: ['p.q.r', 'p.q.r'] },
      expect: { code: 'invalid_dpop_proof', reason: 'repeated_proof', scheme: 'DPoP' },
    },
  ])('is refused $name', ({ given, expect: expected }) => {
    expect(read(given)).toEqual(expected)
  })
})

describe('the header', () => {
  it('gives back any token of its characters and nothing else', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9\-._~+/]+=*$/), fc.nat(5), (token, spaces) => {
        expect(read({ authorization: [`Bearer${' '.repeat(spaces + 1)}${token}`] })).toEqual(bearer(token))
      }),
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const result = read({ authorization: [`Bearer ${text}`], query: text })
        if (!('code' in result)) expect(result.token).toMatch(/^[A-Za-z0-9\-._~+/]+=*$/)
      }),
    )
  })

  it('is read in time that grows with its length', () => {
    const start = performance.now()
    for (const part of [' ', 'a', '=', 'a=', ' a', '\t', '!', 'access_token=&']) {
      const megabyte = part.repeat(1_000_000 / part.length)
      read({ authorization: [`Bearer ${megabyte}`] })
      read({ authorization: [`Bearer a${megabyte}!`] })
      read({ authorization: [megabyte], query: megabyte })
    }
    expect(performance.now() - start).toBeLessThan(5000)
  })
})
