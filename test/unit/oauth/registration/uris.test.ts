import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'
import {
  originsOf,
  parseIdentifier,
  parseJwksUri,
  parseOrigin,
  parseRedirectUri,
} from '../../../../src/oauth/registration/uris.js'

describe('a redirect URI is registered', () => {
  test.each([
    'https://app.example',
    'https://app.example/',
    'https://app.example:8443/callback?tenant=1',
    'https://app.example/@user',
    'https://xn--bcher-kva.example/',
    'http://localhost:5173/callback',
    'http://127.0.0.1/callback',
    'http://[::1]:8080/callback',
    'com.example.app:/callback',
    'com.example.app://callback',
  ])('as it is written: %s', (uri) => {
    expect(parseRedirectUri(uri)).toBe(uri)
  })
})

describe('a redirect URI is refused', () => {
  const FRAGMENT = /fragment/
  const HTTPS = /must be https/
  const SPELLED = /must be spelled/
  const CHARACTERS = /RFC 3986/
  const SCHEME = /scheme javascript|scheme data|scheme file|scheme vbscript|scheme blob/
  test.each([
    { name: 'with a fragment', given: 'https://app.example/#x', reason: FRAGMENT },
    { name: 'with an empty fragment', given: 'https://app.example/?a=1#', reason: FRAGMENT },
    { name: 'relative', given: '/callback', reason: /absolute/ },
    { name: 'without scheme', given: '//evil.example', reason: /absolute/ },
    { name: 'empty', given: '', reason: CHARACTERS },
    { name: 'on http elsewhere', given: 'http://app.example/callback', reason: HTTPS },
    { name: 'on http at an address that is not loopback', given: 'http://192.168.0.1/', reason: HTTPS },
    {
      name: 'on http at a name that only begins like localhost',
      given: 'http://localhost.evil.example/',
      reason: HTTPS,
    },
    { name: 'on http at localhost with a period', given: 'http://localhost./', reason: HTTPS },
    { name: 'at a mapped loopback address', given: 'http://[::ffff:127.0.0.1]/', reason: HTTPS },
    { name: 'at a short loopback address', given: 'http://127.1/', reason: SPELLED },
    { name: 'at a hexadecimal loopback address', given: 'http://0x7f.1/', reason: SPELLED },
    { name: 'with a user name', given: 'https://ok@evil.example/', reason: /user name/ },
    { name: 'with an empty user name', given: 'https://@evil.example/', reason: SPELLED },
    { name: 'with a backslash', given: 'https://ok\\@evil.example/', reason: CHARACTERS },
    { name: 'with an encoded slash in the host', given: 'https://ok%2f@evil.example/', reason: /user name/ },
    { name: 'with two ports', given: 'https://ok:80:443/', reason: /absolute/ },
    { name: 'with the default port', given: 'https://ok.example:443/', reason: SPELLED },
    { name: 'with capitals in the host', given: 'https://OK.example/', reason: SPELLED },
    { name: 'with capitals in the scheme', given: 'HTTPS://ok.example/', reason: SPELLED },
    { name: 'with one slash', given: 'https:/ok.example', reason: SPELLED },
    { name: 'with dots in the path', given: 'https://ok.example/../x', reason: SPELLED },
    { name: 'with encoded dots in the path', given: 'https://ok.example/%2e%2e/x', reason: SPELLED },
    { name: 'with a host that ends in a period', given: 'https://ok.example./', reason: /period/ },
    { name: 'with a wildcard', given: 'https://*.example/', reason: /wildcard/ },
    { name: 'with a tab', given: 'https://ok.example/\tx', reason: CHARACTERS },
    { name: 'with a line break', given: 'https://ok.example/\r\nx', reason: CHARACTERS },
    { name: 'with a NUL', given: 'https://ok.example/\0', reason: CHARACTERS },
    { name: 'with a space', given: 'https://ok.example/ x', reason: CHARACTERS },
    { name: 'with a bare percent sign', given: 'https://ok.example/%zz', reason: CHARACTERS },
    { name: 'with a full-width period', given: 'https://ok．example/', reason: CHARACTERS },
    { name: 'too long', given: `https://ok.example/${'x'.repeat(2048)}`, reason: /2048/ },
    { name: 'with a parameter that the answer adds', given: 'https://ok.example/?code=1', reason: /parameter code/ },
    {
      name: 'with an encoded parameter that the answer adds',
      given: 'https://ok.example/?st%61te=1',
      reason: /parameter state/,
    },
    { name: 'that runs a script', given: 'javascript:alert(1)', reason: SCHEME },
    { name: 'that runs a script, in capitals', given: 'JavaScript:alert(1)', reason: SCHEME },
    { name: 'that is data', given: 'data:text/html,x', reason: SCHEME },
    { name: 'that is a file', given: 'file:///etc/passwd', reason: SCHEME },
    { name: 'that runs a script of old', given: 'vbscript:x', reason: SCHEME },
    { name: 'that is a blob', given: 'blob:https://ok.example/x', reason: SCHEME },
    { name: 'of a private scheme without period', given: 'myapp:/callback', reason: /period/ },
    { name: 'of a private scheme in capitals', given: 'Com.Example:/callback', reason: SPELLED },
    { name: 'of a private scheme alone', given: 'com.example.app:', reason: /after its scheme/ },
  ])('$name', ({ given, reason }) => {
    expect(() => parseRedirectUri(given)).toThrow(RegistrationError)
    expect(() => parseRedirectUri(given)).toThrow(reason)
  })

  test('or registered unchanged, whatever is tried', () => {
    const part = fc.constantFrom(
      'https:',
      'http:',
      '//',
      '/',
      '\\',
      '@',
      ':',
      '#',
      '?',
      '%2f',
      '.',
      'ok.example',
      'LOCALHOST',
      '\t',
      '[::1]',
      '443',
      'é',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(part, { maxLength: 10 }).map((parts) => parts.join('')),
          fc.webUrl(),
          fc.string(),
        ),
        (uri) => {
          try {
            expect(parseRedirectUri(uri)).toBe(uri)
            expect([new URL(uri).href, new URL(uri).origin]).toContain(uri)
          } catch (error) {
            if (!(error instanceof RegistrationError)) throw error
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})

test('a refusal shows what was refused without acting on the terminal', () => {
  expect(() => parseRedirectUri('https://ok.example/\u001b[31m\u202e')).toThrow(
    '"https://ok.example/\\u001b[31m\\u{202e}"',
  )
})

test('origins come from https redirect URIs, each once', () => {
  const uris = [
    'https://a.example/x',
    'https://a.example/y',
    'http://localhost:1/',
    'https://b.example:8443/',
    'com.example:/x',
  ]
  expect(originsOf(uris)).toEqual(['https://a.example', 'https://b.example:8443'])
})

describe('an origin', () => {
  test.each([
    'https://app.example',
    'https://app.example:8443',
    'http://localhost:5173',
    'http://127.0.0.1',
    'http://[::1]:1',
  ])('is registered as browsers send it: %s', (origin) => {
    expect(parseOrigin(origin)).toBe(origin)
  })
  test.each([
    'null',
    '*',
    'https://*.example',
    'https://app.example/',
    'https://app.example/x',
    'https://app.example?x',
    'https://app.example:443',
    'https://APP.example',
    'https://user@app.example',
    'http://app.example',
    'com.example.app:',
    'file://',
    'javascript:x',
    'app.example',
    '',
  ])('is refused as anything else: %s', (origin) => {
    expect(() => parseOrigin(origin)).toThrow(RegistrationError)
  })
})

describe('an identifier of an API', () => {
  test.each([
    'https://orders.example',
    'https://orders.example/',
    'https://Orders.Example/v1',
    'urn:example:orders',
    'https://h/?x=1',
  ])('is any absolute URI, kept byte for byte: %s', (identifier) => {
    expect(parseIdentifier(identifier)).toBe(identifier)
  })
  test.each([
    'orders',
    '/orders',
    'https://h/#x',
    'urn:',
    'javascript:x',
    'https://h/ x',
    'https://ü.example',
    'https://',
  ])('is nothing else: %s', (identifier) => {
    expect(() => parseIdentifier(identifier)).toThrow(RegistrationError)
  })
})

describe('a URL of keys', () => {
  test.each(['https://orders.example/jwks', 'http://orders:8080/jwks'])('is a web address: %s', (uri) => {
    expect(parseJwksUri(uri)).toBe(uri)
  })
  test.each([
    'file:///etc/keys',
    'https://u:p@orders.example/jwks',
    'https://orders.example/#jwks',
    'ftp://orders.example',
  ])('is nothing else: %s', (uri) => {
    expect(() => parseJwksUri(uri)).toThrow(RegistrationError)
  })
})
