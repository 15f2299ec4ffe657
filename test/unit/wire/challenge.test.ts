import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Challenge, isScopeToken, wwwAuthenticate } from '../../../src/wire/challenge.js'

/** As the MCP SDKs in TypeScript and Python look a parameter up. */
const lookUp = (header: string, field: string) => {
  const match = header.match(new RegExp(`${field}=(?:"([^"]+)"|([^\\s,]+))`))
  return match?.[1] ?? match?.[2]
}

describe('a challenge', () => {
  const examples: { name: string; given: Challenge[]; expect: string }[] = [
    {
      name: 'RFC 6750 §3, no token',
      given: [{ scheme: 'Bearer', realm: 'example' }],
      expect: 'Bearer realm="example"',
    },
    {
      name: 'RFC 6750 §3, expired token',
      given: [{ scheme: 'Bearer', realm: 'example', error: 'invalid_token', description: 'The access token expired' }],
      expect: 'Bearer realm="example", error="invalid_token", error_description="The access token expired"',
    },
    {
      name: 'RFC 9449 §7.1, no token',
      given: [{ scheme: 'DPoP', algs: ['ES256', 'PS256'] }],
      expect: 'DPoP algs="ES256 PS256"',
    },
    {
      name: 'RFC 9449 §7.1, wrong key',
      given: [{ scheme: 'DPoP', error: 'invalid_token', description: 'Invalid DPoP key binding', algs: ['ES256'] }],
      expect: 'DPoP error="invalid_token", error_description="Invalid DPoP key binding", algs="ES256"',
    },
    {
      name: 'RFC 9449 §7.2, both schemes',
      given: [{ scheme: 'Bearer' }, { scheme: 'DPoP', algs: ['ES256', 'PS256'] }],
      expect: 'Bearer, DPoP algs="ES256 PS256"',
    },
    {
      name: 'RFC 9449 §7.2, both schemes and a bad token',
      given: [
        { scheme: 'Bearer', error: 'invalid_token', description: 'Invalid token' },
        { scheme: 'DPoP', algs: ['ES256', 'PS256'] },
      ],
      expect: 'Bearer error="invalid_token", error_description="Invalid token", DPoP algs="ES256 PS256"',
    },
    {
      name: 'RFC 9470 §3, level',
      given: [
        {
          scheme: 'Bearer',
          error: 'insufficient_user_authentication',
          description: 'A different authentication level is required',
          acrValues: ['myACR'],
        },
      ],
      expect:
        'Bearer error="insufficient_user_authentication", error_description="A different authentication level is required", acr_values="myACR"',
    },
    {
      name: 'RFC 9470 §3, age',
      given: [
        {
          scheme: 'Bearer',
          error: 'insufficient_user_authentication',
          description: 'More recent authentication is required',
          maxAge: 5,
        },
      ],
      expect:
        'Bearer error="insufficient_user_authentication", error_description="More recent authentication is required", max_age="5"',
    },
    {
      name: 'RFC 9728 §5.1',
      given: [
        {
          scheme: 'Bearer',
          resourceMetadata: 'https://resource.example.com/.well-known/oauth-protected-resource',
        },
      ],
      expect: 'Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource"',
    },
    { name: 'Bearer before DPoP', given: [{ scheme: 'DPoP' }, { scheme: 'Bearer' }], expect: 'Bearer, DPoP' },
    {
      name: 'a realm with quotes',
      given: [{ scheme: 'Bearer', realm: 'a "b" \\' }],
      expect: 'Bearer realm="a \\"b\\" \\\\"',
    },
    { name: 'empty lists', given: [{ scheme: 'Bearer', scope: [], acrValues: [], algs: [] }], expect: 'Bearer' },
    { name: 'max_age 0', given: [{ scheme: 'Bearer', maxAge: 0 }], expect: 'Bearer max_age="0"' },
  ]
  it.each(examples)('is written as in the RFC: $name', ({ given, expect: expected }) => {
    expect(wwwAuthenticate(given)).toBe(expected)
  })

  const forbidden: [string, Omit<Challenge, 'scheme'>][] = [
    ['a line break in a realm', { realm: 'a\r\nSet-Cookie: x=1' }],
    ['a letter outside ASCII in a realm', { realm: 'é' }],
    ['a quote in a description', { description: 'say "no"' }],
    ['a backslash in a description', { description: 'a\\b' }],
    ['a line break in a description', { description: 'a\nb' }],
    ['an empty description', { description: '' }],
    ['a space in an error', { error: 'invalid token' }],
    ['a space in one scope', { scope: ['a b'] }],
    ['a quote in a scope', { scope: ['a"b'] }],
    ['an empty scope', { scope: [''] }],
    ['a quote in an acr', { acrValues: ['a"'] }],
    ['a quote in an algorithm', { algs: ['"'] }],
    ['a quote in a URL', { resourceMetadata: 'https://a/"' }],
    ['a space in a URL', { resourceMetadata: 'https://a/ b' }],
    ['a negative max_age', { maxAge: -1 }],
    ['a fraction as max_age', { maxAge: 1.5 }],
    ['an infinite max_age', { maxAge: Number.POSITIVE_INFINITY }],
  ]
  it.each(forbidden)('is refused with %s', (_, parameters) => {
    expect(() => wwwAuthenticate([{ scheme: 'Bearer', ...parameters }])).toThrow(TypeError)
  })

  it('is read by clients that use a regular expression, whatever it holds', () => {
    const word = fc.stringMatching(/^[\x21\x23-\x5b\x5d-\x7e]+$/)
    const values = fc.record({ scope: fc.array(word, { minLength: 1 }), resourceMetadata: word })
    fc.assert(
      fc.property(values, ({ scope, resourceMetadata }) => {
        // No parameter's name inside another's value: what these clients can't tell apart is for the operator not to register.
        fc.pre(!/scope=|resource_metadata=/.test(scope.join(' ') + resourceMetadata))
        const header = wwwAuthenticate([
          { scheme: 'Bearer', scope, resourceMetadata },
          { scheme: 'DPoP', error: 'invalid_token', algs: ['ES256'], scope, resourceMetadata },
        ])
        expect(header.split(' ')[0]).toBe('Bearer')
        expect(lookUp(header, 'scope')).toBe(scope.join(' '))
        expect(lookUp(header, 'resource_metadata')).toBe(resourceMetadata)
        expect(lookUp(header, 'error')).toBe('invalid_token')
      }),
    )
  })

  it('never holds a character that a header can’t', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const parameters of [
          { realm: text },
          { description: text },
          { scope: [text] },
          { resourceMetadata: text },
        ]) {
          let header: string
          try {
            header = wwwAuthenticate([{ scheme: 'Bearer', ...parameters }])
          } catch {
            continue
          }
          expect(header).toMatch(/^[\t\x20-\x7e]*$/)
          // One quoted string, closed at the very end.
          expect(header).toMatch(/^Bearer [a-z_]+="(?:[^"\\]|\\["\\])*"$/)
        }
      }),
    )
  })
})

describe('a scope', () => {
  it.each([
    ['orders:read', true],
    ['!', true],
    ['', false],
    ['a b', false],
    ['a"', false],
    ['a\\', false],
    ['é', false],
    ['a\n', false],
    [undefined, false],
    [['a'], false],
  ])('%j: %s', (value, expected) => {
    expect(isScopeToken(value)).toBe(expected)
  })
})
