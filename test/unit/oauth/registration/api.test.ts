import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  apiWarnings,
  changeApi,
  changeApiAndKeys,
  checkKeys,
  type NewApi,
  registerApi,
} from '../../../../src/oauth/registration/api.js'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'

const PLACE = { issuer: 'https://auth.example', maxTokenLifetime: 3600 }
const ORDERS: NewApi = { identifier: 'https://orders.example', scopes: ['orders:read'] }
const jwk = (type: 'x25519', extra: object = {}) => {
  const { publicKey } = generateKeyPairSync(type, { publicKeyEncoding: { format: 'jwk' } } as never) as unknown as {
    publicKey: object
  }
  return { ...publicKey, use: 'enc', kid: '1', ...extra }
}

test('an API is sealed, named by its identifier and signed with ES256 unless told', () => {
  expect(registerApi(ORDERS, PLACE)).toEqual({
    descriptions: {},
    identifier: 'https://orders.example',
    name: 'https://orders.example',
    scopes: ['orders:read'],
    format: 'sealed',
    signingAlgorithm: 'ES256',
    encryptionAlgorithm: 'ECDH-ES',
    encryptionMethod: 'A256GCM',
    introspectionAlgorithm: 'RS256',
    introspectionEncryption: false,
    tokenLifetime: undefined,
  })
})

test('a name taken from a long identifier is cut', () => {
  expect(registerApi({ ...ORDERS, identifier: `https://orders.example/${'x'.repeat(500)}` }, PLACE).name).toHaveLength(
    100,
  )
})

describe('an API is refused', () => {
  test.each([
    { name: 'as the server itself', given: { ...ORDERS, identifier: PLACE.issuer }, setting: 'identifier' },
    { name: 'without scope', given: { ...ORDERS, scopes: [] }, setting: 'scopes' },
    { name: 'with a scope of OpenID Connect', given: { ...ORDERS, scopes: ['openid'] }, setting: 'scopes' },
    { name: 'with a space in a scope', given: { ...ORDERS, scopes: ['a b'] }, setting: 'scopes' },
    { name: 'with a quotation mark in a scope', given: { ...ORDERS, scopes: ['a"'] }, setting: 'scopes' },
    { name: 'with a backslash in a scope', given: { ...ORDERS, scopes: ['a\\'] }, setting: 'scopes' },
    { name: 'with a scope beyond ASCII', given: { ...ORDERS, scopes: ['é'] }, setting: 'scopes' },
    { name: 'with a scope that is too long', given: { ...ORDERS, scopes: ['x'.repeat(129)] }, setting: 'scopes' },
    {
      name: 'with too many scopes',
      given: { ...ORDERS, scopes: Array.from({ length: 201 }, (_, i) => `s${i}`) },
      setting: 'scopes',
    },
    { name: 'with an unknown format', given: { ...ORDERS, format: 'jwt' }, setting: 'format' },
    { name: 'with alg none', given: { ...ORDERS, signingAlgorithm: 'none' }, setting: 'signingAlgorithm' },
    { name: 'with a symmetric alg', given: { ...ORDERS, signingAlgorithm: 'HS256' }, setting: 'signingAlgorithm' },
    { name: 'with RSA1_5', given: { ...ORDERS, encryptionAlgorithm: 'RSA1_5' }, setting: 'encryptionAlgorithm' },
    { name: 'with dir', given: { ...ORDERS, encryptionAlgorithm: 'dir' }, setting: 'encryptionAlgorithm' },
    { name: 'with an unknown enc', given: { ...ORDERS, encryptionMethod: 'A128GCM' }, setting: 'encryptionMethod' },
    {
      name: 'signed, with an encryption alg',
      given: { ...ORDERS, format: 'signed', encryptionAlgorithm: 'ECDH-ES' },
      setting: 'encryptionAlgorithm',
    },
    {
      name: 'opaque, with an enc',
      given: { ...ORDERS, format: 'opaque', encryptionMethod: 'A256GCM' },
      setting: 'encryptionMethod',
    },
    {
      name: 'with introspection responses signed by nobody',
      given: { ...ORDERS, introspectionAlgorithm: 'none' },
      setting: 'introspectionAlgorithm',
    },
    { name: "with a lifetime over the tenant's", given: { ...ORDERS, tokenLifetime: 3601 }, setting: 'tokenLifetime' },
    { name: 'with a lifetime under 30', given: { ...ORDERS, tokenLifetime: 29 }, setting: 'tokenLifetime' },
    { name: 'with no number of lifetime', given: { ...ORDERS, tokenLifetime: Number.NaN }, setting: 'tokenLifetime' },
  ] satisfies { name: string; given: NewApi; setting: string }[])('$name', ({ given, setting }) => {
    expect(() => registerApi(given, PLACE)).toThrow(RegistrationError)
    expect(() => registerApi(given, PLACE)).toThrow(expect.objectContaining({ setting }))
  })
})

describe('a change of an API', () => {
  const api = registerApi({ ...ORDERS, tokenLifetime: 60 }, PLACE)

  test('leaves what it does not name and takes away what it names null', () => {
    expect(changeApi(api, { name: 'Orders' }, PLACE)).toEqual({ ...api, name: 'Orders' })
    expect(changeApi(api, { tokenLifetime: null }, PLACE).tokenLifetime).toBeUndefined()
  })

  test('from sealed to signed drops the encryption, and back takes the defaults', () => {
    const signed = changeApi(api, { format: 'signed' }, PLACE)
    expect(signed).toMatchObject({ format: 'signed', encryptionAlgorithm: undefined, encryptionMethod: undefined })
    expect(changeApi(signed, { format: 'sealed' }, PLACE)).toEqual(api)
  })

  test('of what is no longer sealed keeps the encryption for introspection responses alone', () => {
    const opaque = changeApi(api, { format: 'opaque', introspectionEncryption: true }, PLACE)
    expect(opaque).toEqual({ ...api, format: 'opaque', introspectionEncryption: true })
    expect(changeApi(opaque, { introspectionEncryption: false }, PLACE).encryptionAlgorithm).toBeUndefined()
    const rsa = { introspectionEncryption: true, encryptionAlgorithm: 'RSA-OAEP-256' }
    const signed = changeApi(changeApi(api, { format: 'signed' }, PLACE), rsa, PLACE)
    expect(signed).toMatchObject({ format: 'signed', encryptionAlgorithm: 'RSA-OAEP-256', encryptionMethod: 'A256GCM' })
  })

  test('is checked as a new API is', () => {
    expect(() => changeApi(api, { scopes: [] }, PLACE)).toThrow(expect.objectContaining({ setting: 'scopes' }))
  })
})

describe('the keys of an API', () => {
  const sealed = registerApi(ORDERS, PLACE)
  const pasted = (jwks: unknown) => ({ jwks, jwksUri: undefined })
  const keys = pasted({ keys: [jwk('x25519')] })

  test('are accepted when one can be sealed for', () => {
    expect(checkKeys(sealed, keys)).toBe(keys)
  })

  test.each([
    { name: 'private', jwks: { keys: [jwk('x25519', { d: 'x' })] }, reason: /private/ },
    { name: 'symmetric', jwks: { keys: [{ kty: 'oct', k: 'x', use: 'enc' }] }, reason: /symmetric/ },
    { name: 'for signatures', jwks: { keys: [jwk('x25519', { use: 'sig' })] }, reason: /fits ECDH-ES/ },
    { name: 'no set', jwks: jwk('x25519'), reason: /"keys"/ },
    { name: 'none', jwks: { keys: [] }, reason: /fits ECDH-ES/ },
  ])('are refused when they are $name', ({ jwks, reason }) => {
    expect(() => checkKeys(sealed, pasted(jwks))).toThrow(reason)
    expect(() => checkKeys(sealed, pasted(jwks))).toThrow(expect.objectContaining({ setting: 'jwks' }))
    expect(() => checkKeys(sealed, { jwks, jwksUri: 'https://orders.example/jwks' })).toThrow(
      expect.objectContaining({ setting: 'jwksUri' }),
    )
  })

  test('are needed by a sealed API and refused for one that is not', () => {
    const signed = registerApi({ ...ORDERS, format: 'signed' }, PLACE)
    expect(() => checkKeys(sealed, undefined)).toThrow(/is needed/)
    expect(() => checkKeys(signed, keys)).toThrow(/is for sealed APIs/)
    expect(checkKeys(signed, undefined)).toBeUndefined()
  })

  test('stay, where a change leaves them usable', () => {
    const current = { ...sealed, keys }
    expect(changeApiAndKeys(current, { change: { encryptionAlgorithm: 'ECDH-ES+A256KW' } }, PLACE)).toEqual({
      settings: { ...sealed, encryptionAlgorithm: 'ECDH-ES+A256KW' },
    })
    expect(() => changeApiAndKeys(current, { change: { encryptionAlgorithm: 'RSA-OAEP-256' } }, PLACE)).toThrow(
      /fits RSA-OAEP-256/,
    )
  })

  test('are replaced together with their algorithm', () => {
    const next = pasted({ keys: [jwk('x25519', { alg: 'ECDH-ES+A256KW' })] })
    const change = { encryptionAlgorithm: 'ECDH-ES+A256KW' }
    expect(changeApiAndKeys({ ...sealed, keys }, { change, keys: next }, PLACE).keys).toBe(next)
    expect(() => changeApiAndKeys({ ...sealed, keys }, { change: {}, keys: next }, PLACE)).toThrow(/fits ECDH-ES/)
  })

  test('stay for introspection responses, and must come for them', () => {
    const change = { format: 'opaque', introspectionEncryption: true }
    expect('keys' in changeApiAndKeys({ ...sealed, keys }, { change }, PLACE)).toBe(false)
    const opaque = { ...registerApi({ ...ORDERS, format: 'opaque' }, PLACE), keys: undefined }
    expect(() => changeApiAndKeys(opaque, { change: { introspectionEncryption: true } }, PLACE)).toThrow(/is needed/)
    const encrypted = changeApiAndKeys(opaque, { change: { introspectionEncryption: true }, keys }, PLACE)
    expect(encrypted).toMatchObject({ settings: { encryptionAlgorithm: 'ECDH-ES' }, keys })
    const off = { change: { introspectionEncryption: false } }
    expect(changeApiAndKeys({ ...encrypted.settings, keys }, off, PLACE)).toMatchObject({ keys: undefined })
  })

  test('go when the API is no longer sealed, and must come when it becomes so', () => {
    const opened = changeApiAndKeys({ ...sealed, keys }, { change: { format: 'opaque' } }, PLACE)
    expect(opened).toMatchObject({ settings: { format: 'opaque' }, keys: undefined })
    expect('keys' in opened).toBe(true)
    const opaque = { ...opened.settings, keys: undefined }
    expect('keys' in changeApiAndKeys(opaque, { change: { name: 'Orders' } }, PLACE)).toBe(false)
    expect(() => changeApiAndKeys(opaque, { change: { format: 'sealed' } }, PLACE)).toThrow(/is needed/)
    expect(changeApiAndKeys(opaque, { change: { format: 'sealed' }, keys }, PLACE).keys).toBe(keys)
  })
})

test('an identifier with a query is warned of', () => {
  expect(apiWarnings({ identifier: 'https://orders.example' })).toEqual([])
  expect(apiWarnings({ identifier: 'https://orders.example?x' })).toHaveLength(1)
})

describe('what a scope allows, in words', () => {
  const api = registerApi(
    { ...ORDERS, scopes: ['read', 'write'], descriptions: { write: ' Change  your orders ' } },
    PLACE,
  )

  test('is kept by scope, and goes on when something else is changed', () => {
    expect(api.descriptions).toEqual({ write: 'Change  your orders' })
    expect(changeApi(api, { name: 'Orders' }, PLACE).descriptions).toEqual({ write: 'Change  your orders' })
  })

  test('is added to, taken away by an empty text, and leaves with its scope', () => {
    const both = changeApi(api, { descriptions: { read: 'Read your orders' } }, PLACE)
    expect(both.descriptions).toEqual({ read: 'Read your orders', write: 'Change  your orders' })
    expect(changeApi(both, { descriptions: { write: '' } }, PLACE).descriptions).toEqual({ read: 'Read your orders' })
    expect(changeApi(both, { scopes: ['read'] }, PLACE).descriptions).toEqual({ read: 'Read your orders' })
  })

  test.each([
    ['of no scope', { burn: 'Burn them' }],
    ['too long', { read: 'x'.repeat(101) }],
    ['that nobody can see', { read: 'a\u202eb' }],
  ])('is refused when it is %s', (_, descriptions) => {
    expect(() => changeApi(api, { descriptions }, PLACE)).toThrow(RegistrationError)
  })
})
