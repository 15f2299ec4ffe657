import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { changeClient, type NewClient, registerClient } from '../../../../src/oauth/registration/client.js'
import {
  changeOpenId,
  type OpenIdAsked,
  openIdWarnings,
  registerOpenId,
  sectorWarnings,
} from '../../../../src/oauth/registration/openid.js'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'
import { newPrivateJwk, publicJwk } from '../../../support/jwk.js'
import { PLAIN_OPENID } from '../../../support/ports.js'

const REDIRECT = 'https://app.example/callback'
const register = (asked: Partial<OpenIdAsked>, redirectUris = [REDIRECT]) => registerOpenId(asked, redirectUris)
const settingOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    return error instanceof RegistrationError ? error.setting : error
  }
  return 'accepted'
}

const ec = { ...publicJwk(newPrivateJwk('P-256')), kid: 'a', use: 'enc' }
const rsa = { ...publicJwk(newPrivateJwk({ rsa: 2048 })), kid: 'b', use: 'enc' }
const jwks = { keys: [ec, rsa] }
const ECDH = { alg: 'ECDH-ES' }

test('a client that asks for nothing has what every client knows', () => {
  expect(register({})).toEqual(PLAIN_OPENID)
})

test('encryption without more is what the standard says, and userinfo is signed before it', () => {
  const settings = register({
    jwks,
    idTokenEncryption: { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
    userinfoEncryption: ECDH,
  })
  expect(settings).toMatchObject({
    jwks,
    idTokenEncryption: { alg: 'RSA-OAEP-256', enc: 'A256GCM' },
    userinfoAlgorithm: 'RS256',
    userinfoEncryption: { alg: 'ECDH-ES', enc: 'A128CBC-HS256' },
  })
})

describe('what is refused', () => {
  test.each([
    ['an ID token that is not signed', { idTokenAlgorithm: 'none' }, 'idTokenAlgorithm'],
    ['one signed by a shared secret', { idTokenAlgorithm: 'HS256' }, 'idTokenAlgorithm'],
    ['userinfo signed by none', { userinfoAlgorithm: 'none' }, 'userinfoAlgorithm'],
    ['encryption in another way', { jwks, idTokenEncryption: { alg: 'RSA1_5' } }, 'idTokenEncryption'],
    ['with another method', { jwks, userinfoEncryption: { alg: 'ECDH-ES', enc: 'A128GCM' } }, 'userinfoEncryption'],
    ['without a key', { idTokenEncryption: ECDH }, 'jwks'],
    ['with a key of another type', { jwks: { keys: [rsa] }, idTokenEncryption: ECDH }, 'jwks'],
    [
      'with a private key',
      { jwks: { keys: [{ ...newPrivateJwk('P-256'), use: 'enc' }] }, idTokenEncryption: ECDH },
      'jwks',
    ],
    ['with a symmetric key', { jwks: { keys: [ec, { kty: 'oct', k: 'AAAA' }] }, idTokenEncryption: ECDH }, 'jwks'],
    [
      'with a weak key',
      {
        jwks: { keys: [{ ...publicJwk(newPrivateJwk({ rsa: 1024 })), use: 'enc' }] },
        idTokenEncryption: { alg: 'RSA-OAEP-256' },
      },
      'jwks',
    ],
    ['keys that nothing is encrypted to', { jwks }, 'jwks'],
    ['a max age below zero', { defaultMaxAge: -1 }, 'defaultMaxAge'],
    ['one that is no whole number', { defaultMaxAge: 0.5 }, 'defaultMaxAge'],
    ['a sector that is no host', { pairwise: true, sector: 'https://app.example' }, 'sector'],
    ['one with a port', { pairwise: true, sector: 'app.example:8443' }, 'sector'],
    ['one in capitals', { pairwise: true, sector: 'App.example' }, 'sector'],
    ['one for public subjects', { pairwise: false, sector: 'app.example' }, 'sector'],
    [
      'a page after logout in the clear',
      { postLogoutRedirectUris: ['http://app.example/bye'] },
      'postLogoutRedirectUris',
    ],
    ['one that runs', { postLogoutRedirectUris: ['javascript:alert(1)'] }, 'postLogoutRedirectUris'],
    ['one with a fragment', { postLogoutRedirectUris: ['https://app.example/#bye'] }, 'postLogoutRedirectUris'],
    [
      'one with a state of its own',
      { postLogoutRedirectUris: ['https://app.example/?state=1'] },
      'postLogoutRedirectUris',
    ],
    [
      'many',
      { postLogoutRedirectUris: Array.from({ length: 51 }, (_, n) => `https://app.example/${n}`) },
      'postLogoutRedirectUris',
    ],
    ['a back channel in the clear', { backchannelLogoutUri: 'http://app.example/out' }, 'backchannelLogoutUri'],
    ['one of an app', { backchannelLogoutUri: 'com.example.app:/out' }, 'backchannelLogoutUri'],
    ['one with a fragment', { backchannelLogoutUri: 'https://app.example/out#x' }, 'backchannelLogoutUri'],
    ['one with a password', { backchannelLogoutUri: 'https://a:b@app.example/out' }, 'backchannelLogoutUri'],
    ['a front channel elsewhere', { frontchannelLogoutUri: 'https://other.example/out' }, 'frontchannelLogoutUri'],
    ['one at another port', { frontchannelLogoutUri: 'https://app.example:8443/out' }, 'frontchannelLogoutUri'],
    [
      'one with a session of its own',
      { frontchannelLogoutUri: 'https://app.example/out?sid=1' },
      'frontchannelLogoutUri',
    ],
  ] satisfies [string, Partial<OpenIdAsked>, string][])('%s', (_, asked, setting) => {
    expect(settingOf(() => register(asked))).toBe(setting)
  })
})

describe('the sector of pairwise subjects, OpenID Connect Core §8.1', () => {
  test.each([
    ['the host of the redirect URIs', [REDIRECT, 'https://app.example:8443/x'], undefined, 'app.example'],
    ['what is named', ['https://a.example/', 'https://b.example/'], 'example.com', 'example.com'],
  ])('is %s', (_, redirectUris, sector, expected) => {
    expect(register({ pairwise: true, ...(sector && { sector }) }, redirectUris).sector).toBe(expected)
  })

  test.each([[['https://a.example/', 'https://b.example/']], [['com.example.app:/x']], [[]]])(
    'must be named where the redirect URIs have not one host: %j',
    (redirectUris) => {
      expect(settingOf(() => register({ pairwise: true }, redirectUris))).toBe('sector')
    },
  )

  test('stays when the redirect URIs move, so that users stay who they are', () => {
    const before = register({ pairwise: true })
    const moved = changeOpenId(before, {}, ['https://new.example/callback'])
    expect(moved.sector).toBe('app.example')
    expect(changeOpenId(before, { pairwise: true }, ['https://new.example/callback']).sector).toBe('app.example')
    expect(sectorWarnings(before, moved)).toEqual([])
  })

  test('is told to be another one with a warning', () => {
    const before = register({ pairwise: true })
    for (const change of [{ sector: 'new.example' }, { pairwise: false }]) {
      expect(sectorWarnings(before, changeOpenId(before, change, [REDIRECT]))).toHaveLength(1)
    }
  })
})

describe('a change', () => {
  test('leaves what it does not name, and takes away what is null', () => {
    const before = register({
      jwks,
      idTokenAlgorithm: 'ES256',
      idTokenEncryption: ECDH,
      defaultMaxAge: 60,
      backchannelLogoutUri: 'http://localhost:8080/out',
      frontchannelLogoutUri: 'https://app.example/out',
      postLogoutRedirectUris: ['https://app.example/bye', 'com.example.app:/bye'],
    })
    expect(changeOpenId(before, {}, [REDIRECT])).toEqual(before)
    const change = { idTokenEncryption: null, defaultMaxAge: null, backchannelLogoutUri: null, idTokenAlgorithm: null }
    expect(changeOpenId(before, change, [REDIRECT])).toEqual({
      ...PLAIN_OPENID,
      frontchannelLogoutUri: before.frontchannelLogoutUri,
      postLogoutRedirectUris: before.postLogoutRedirectUris,
    })
  })

  test('of the redirect URIs must leave the front channel at one of their origins', () => {
    const asked: NewClient = { name: 'A', public: false, firstParty: false, redirectUris: [REDIRECT] }
    const client = registerClient({ ...asked, openid: { frontchannelLogoutUri: 'https://app.example/out' } })
    const change = { redirectUris: ['https://new.example/callback'] }
    expect(settingOf(() => changeClient(client, change))).toBe('frontchannelLogoutUri')
    expect(changeClient(client, { ...change, openid: { frontchannelLogoutUri: null } }).openid).toEqual(PLAIN_OPENID)
  })
})

test('warns of users who sign in each time', () => {
  expect(openIdWarnings(register({ defaultMaxAge: 0 }))).toHaveLength(1)
  expect(openIdWarnings(register({ defaultMaxAge: 1 }))).toEqual([])
})

test('a URI of whatever text is registered as it stands, or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true, withFragments: true })), (uri) => {
      try {
        const settings = register({ postLogoutRedirectUris: [uri], backchannelLogoutUri: uri })
        expect([settings.postLogoutRedirectUris, settings.backchannelLogoutUri]).toEqual([[uri], uri])
        expect(uri).toMatch(/^https:|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])/)
      } catch (error) {
        if (!(error instanceof RegistrationError)) throw error
      }
    }),
  )
})
