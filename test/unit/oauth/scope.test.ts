import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseScope, within } from '../../../src/oauth/scope.js'

describe('parseScope', () => {
  it.each([
    { name: 'none', given: undefined, expected: undefined },
    { name: 'one', given: 'orders:read', expected: ['orders:read'] },
    { name: 'two, in their order', given: 'b a', expected: ['b', 'a'] },
    { name: 'one that is said twice, once', given: 'a b a', expected: ['a', 'b'] },
    { name: 'every character a scope may have', given: '!#[]~', expected: ['!#[]~'] },
    {
      name: 'the name of a member of every object',
      given: '__proto__ constructor',
      expected: ['__proto__', 'constructor'],
    },
  ])('reads $name', ({ given, expected }) => {
    expect(parseScope(given)).toEqual(expected)
  })

  it.each(['', ' ', ' a', 'a ', 'a  b', 'a\tb', 'a\nb', 'a"', 'a\\b', 'é', 'a\u007f', 'a,b c\u0000'])(
    'refuses %j',
    (given) => {
      expect(() => parseScope(given)).toThrow('scope_malformed')
    },
  )

  it('accepts exactly the grammar of RFC 6749 §A.4', () => {
    const token = (text: string) =>
      text !== '' && [...text].every((c) => c > ' ' && c <= '~' && c !== '"' && c !== '\\')
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', ' ', '"', '~', '\t') })), (text) => {
        const valid = text.split(' ').every(token)
        if (valid) expect(new Set(parseScope(text))).toEqual(new Set(text.split(' ')))
        else expect(() => parseScope(text)).toThrow('scope_malformed')
      }),
    )
  })

  it('reads a long near-miss without delay', () => {
    expect(() => parseScope(`${'a '.repeat(500_000)} `)).toThrow('scope_malformed')
  })
})

it('tells whether every scope is among others', () => {
  expect(within(['a'], ['a', 'b'])).toBe(true)
  expect(within([], ['a'])).toBe(true)
  expect(within(['a', 'c'], ['a', 'b'])).toBe(false)
  expect(within(['A'], ['a'])).toBe(false)
})
