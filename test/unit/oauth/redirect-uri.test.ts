import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isClaimable, matchRedirectUri } from '../../../src/oauth/redirect-uri.js'

const REGISTERED = ['https://ok.example/cb', 'https://ok.example/cb?a=1', 'com.example.app:/cb']
const LOOPBACK = ['http://127.0.0.1/cb', 'http://[::1]:8080/cb?a=1', 'http://localhost:3000/cb']

describe('a redirect URI', () => {
  it.each(REGISTERED)('that is registered is taken as it is: %s', (uri) => {
    expect(matchRedirectUri(REGISTERED, uri)).toBe(uri)
  })

  it('may be left out where there is one', () => {
    expect(matchRedirectUri(['https://ok.example/cb'], undefined)).toBe('https://ok.example/cb')
    expect(matchRedirectUri(REGISTERED, undefined)).toBeUndefined()
    expect(matchRedirectUri([], undefined)).toBeUndefined()
  })

  // Where two parsers read two places: only the raw text counts.
  it.each([
    'https://ok.example/cb/',
    'https://ok.example/CB',
    'https://OK.example/cb',
    'HTTPS://ok.example/cb',
    'https://ok.example:443/cb',
    'https://ok.example:80:443/cb',
    'https://ok.example./cb',
    'https://ok.example.evil.example/cb',
    'https://ok.example@evil.example/cb',
    'https://ok.example\\@evil.example/cb',
    'https://ok.example%2f@evil.example/cb',
    'https://evil.example/ok.example/cb',
    'https://evil.example#https://ok.example/cb',
    '//ok.example/cb',
    'https:/ok.example/cb',
    'https:ok.example/cb',
    'http://ok.example/cb',
    'https://ok.example/x/../cb',
    'https://ok.example/%2e%2e/cb',
    'https://ok.example/./cb',
    'https://ok.example//cb',
    'https://ok.example/cb;x',
    'https://ok.example/cb#',
    'https://ok.example/cb#x',
    'https://ok.example/cb?',
    'https://ok.example/cb?a=2',
    'https://ok.example/cb?a=1&b=2',
    'https://ok.example/cb?b=2&a=1',
    'https://ok.example/cb%20',
    ' https://ok.example/cb',
    'https://ok.example/cb ',
    'https://ok.example/c\tb',
    'https://ok.example/cb\r\nLocation: https://evil.example',
    'https://ok.example/cb\0',
    'https://ok．example/cb',
    'https://xn--ok-example/cb',
    'https://user@ok.example/cb',
    'javascript:alert(1)//https://ok.example/cb',
    'com.example.app:/cb2',
    'COM.example.app:/cb',
    '',
  ])('that is spelled otherwise is not: %j', (uri) => {
    expect(matchRedirectUri(REGISTERED, uri)).toBeUndefined()
  })

  it('is never made of anything but what was registered or asked', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        fc.pre(!REGISTERED.includes(text))
        expect(matchRedirectUri(REGISTERED, text)).toBeUndefined()
        expect(matchRedirectUri(LOOPBACK, `http://127.0.0.1/cb${text}`)).toBe(
          text === '' ? 'http://127.0.0.1/cb' : undefined,
        )
      }),
    )
  })
})

describe('a loopback redirect URI', () => {
  it.each([
    'http://127.0.0.1/cb',
    'http://127.0.0.1:1/cb',
    'http://127.0.0.1:65535/cb',
    'http://[::1]/cb?a=1',
    'http://[::1]:8080/cb?a=1',
    'http://[::1]:9999/cb?a=1',
    'http://localhost:3000/cb',
  ])('may have any port: %s', (uri) => {
    expect(matchRedirectUri(LOOPBACK, uri)).toBe(uri)
  })

  it.each([
    'http://127.0.0.1:0/cb',
    'http://127.0.0.1:65536/cb',
    'http://127.0.0.1:080/cb',
    'http://127.0.0.1:/cb',
    'http://127.0.0.1:1:2/cb',
    'http://127.0.0.1:80@evil.example/cb',
    'http://127.0.0.1@evil.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'https://127.0.0.1:1/cb',
    'http://127.1/cb',
    'http://0x7f.1/cb',
    'http://2130706433/cb',
    'http://127.0.0.2/cb',
    'http://[::ffff:127.0.0.1]/cb',
    'http://[0:0:0:0:0:0:0:1]/cb?a=1',
    'http://127.0.0.1:1/cb/',
    'http://127.0.0.1:1/',
    'http://127.0.0.1:1',
    'http://127.0.0.1:1/cb#x',
    'http://[::1]:1/cb',
    'http://[::1]:1/cb?a=2',
    'http://localhost:3001/cb',
    'http://localhost/cb',
  ])('is else as exact as any other: %s', (uri) => {
    expect(matchRedirectUri(LOOPBACK, uri)).toBeUndefined()
  })
})

it('is claimable by any program unless it is https', () => {
  expect(['https://a.example/', 'http://127.0.0.1/', 'com.example:/'].map(isClaimable)).toEqual([false, true, true])
})
