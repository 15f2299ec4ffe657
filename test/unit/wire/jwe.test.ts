import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_TOKEN_LENGTH, signAccessToken } from '../../../src/wire/access-token.js'
import { openOwn } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken } from '../../../src/wire/seal.js'
import { type Api, apis, claims, kek, ownKeys, refusal, signingKey, withHeader } from './fixtures.js'

const inner = signAccessToken(claims, signingKey)
const [x25519] = apis as [Api]
const keys = apis.map((api) => api.decryptionKey)

const asServer = (token: string) => refusal(() => openOwn(token, ownKeys))
const asApi = (token: string) => refusal(() => openWithPrivateKey(token, keys))

describe('before any key is touched, a token is refused', () => {
  const untouchable = apis.map(({ decryptionKey }) => ({
    get alg(): never {
      throw new Error(`A key was asked for: ${decryptionKey.alg}`)
    },
  })) as unknown as typeof keys
  const untouched = (token: string) => refusal(() => openWithPrivateKey(token, untouchable))
  const token = sealAccessToken(inner, x25519, kek)

  it.each([
    ['forbidden_header', { zip: 'DEF' }],
    ['forbidden_header', { zip: null }],
    ['forbidden_header', { crit: ['exp'] }],
    ['forbidden_header', { crit: [] }],
    ['forbidden_header', { b64: false }],
    ['forbidden_header', { p2c: 2_000_000_000, p2s: 'AAAA' }],
    ['forbidden_header', { jwk: { kty: 'oct', k: 'AAAA' } }],
    ['forbidden_header', { jku: 'https://attacker.example' }],
    ['forbidden_header', { x5u: 'https://attacker.example' }],
    ['forbidden_header', { x5c: [] }],
    ['unsupported_algorithm', { alg: 'none' }],
    ['unsupported_algorithm', { alg: 'dir' }],
    ['unsupported_algorithm', { alg: 'RSA1_5' }],
    ['unsupported_algorithm', { alg: 'RSA-OAEP' }],
    ['unsupported_algorithm', { alg: 'Rsa-oaep-256' }],
    ['unsupported_algorithm', { alg: 'PBES2-HS256+A128KW' }],
    ['unsupported_algorithm', { alg: 'A256KW' }],
    ['unsupported_algorithm', { alg: 'ECDH-ES+A128KW' }],
    ['unsupported_algorithm', { alg: '__proto__' }],
    ['unsupported_algorithm', { alg: ['ECDH-ES'] }],
    ['unsupported_algorithm', { alg: undefined }],
    ['unsupported_algorithm', { enc: 'A128GCM' }],
    ['unsupported_algorithm', { enc: 'a256gcm' }],
    ['unsupported_algorithm', { enc: 'A256CBC-HS512' }],
    ['unsupported_algorithm', { enc: 'toString' }],
    ['unsupported_algorithm', { enc: undefined }],
    ['wrong_type', { cty: undefined }],
    ['wrong_type', { cty: 'JWE' }],
    ['wrong_type', { cty: ['JWT'] }],
  ])('as %s for %j', (reason, change) => {
    expect(untouched(withHeader(token, change))).toBe(reason)
    // The server reads one algorithm more, that of its own opaque tokens.
    if (!('alg' in change && change.alg === 'A256KW')) expect(asServer(withHeader(token, change))).toBe(reason)
  })

  it('that is a bare JWS, has six parts, or is JSON', () => {
    const [head, key, iv, ciphertext, tag] = token.split('.')
    const json = JSON.stringify({ protected: head, encrypted_key: key, iv, ciphertext, tag })
    for (const bad of [inner, `${token}.`, `${token}.AA`, token.replace('.', ''), '....', '', '.', json]) {
      expect(untouched(bad)).toBe('malformed')
    }
    for (const bad of [undefined, null, 7, {}, [token], Buffer.from(token)]) {
      expect(untouched(bad as unknown as string)).toBe('malformed')
      expect(asServer(bad as unknown as string)).toBe('malformed')
    }
  })

  it('that is longer than any we make', () => {
    expect(untouched(`${token}${'A'.repeat(MAX_TOKEN_LENGTH)}`)).toBe('too_large')
    expect(asServer('.'.repeat(10_000_000))).toBe('too_large')
    expect(asServer(`${inner}${'A'.repeat(MAX_TOKEN_LENGTH)}`)).toBe('too_large')
  })
})

it('no untrusted text crashes a reader', () => {
  const genuine = apis.map((api) => sealAccessToken(inner, api, kek))
  const member = fc.constantFrom('alg', 'enc', 'cty', 'kid', 'epk', 'apu', 'apv', 'bk', '__proto__', 'toString')
  const changed = fc
    .tuple(fc.constantFrom(...genuine), fc.dictionary(member, fc.jsonValue(), { maxKeys: 3 }))
    .map(([token, change]) => withHeader(token, change))
  const shuffled = fc
    .array(fc.constantFrom(...genuine.flatMap((token) => token.split('.')), ''), { maxLength: 7 })
    .map((parts) => parts.join('.'))
  fc.assert(
    fc.property(fc.oneof(changed, shuffled, fc.string()), (token) => {
      asServer(token)
      asApi(token)
    }),
    { numRuns: 500 },
  )
  expect(({} as Record<string, unknown>)['alg']).toBeUndefined()
})
