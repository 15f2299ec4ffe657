import { compactDecrypt, importJWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { signJws } from '../../../src/crypto/jws.js'
import { MAX_TOKEN_LENGTH } from '../../../src/wire/access-token.js'
import { encryptJwt } from '../../../src/wire/nested-jwt.js'
import { openOwn } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { apis, claims, headerOf, ownKeys, refusal, signingKey } from './fixtures.js'

const TYP = 'token-introspection+jwt'
const inner = signJws({ typ: TYP }, { iss: claims.iss, token_introspection: claims }, signingKey)

describe.each(apis)('a JWT encrypted to an API, $name', ({ alg, enc, key, privateJwk, decryptionKey }) => {
  it('is opened by jose, and says outside what it is and for which key', async () => {
    const token = encryptJwt(inner, { key, enc }, TYP)
    const { plaintext, protectedHeader } = await compactDecrypt(token, await importJWK(privateJwk, alg))
    expect(new TextDecoder().decode(plaintext)).toBe(inner)
    expect(protectedHeader).toMatchObject({ alg, enc, cty: 'JWT', typ: TYP, kid: privateJwk['kid'] })
  })

  it('keeps no way in for the server, and each time another key', () => {
    const [one, two] = [encryptJwt(inner, { key, enc }, TYP), encryptJwt(inner, { key, enc }, TYP)]
    expect(Object.keys(headerOf(one))).toEqual([
      'alg',
      'enc',
      'cty',
      'typ',
      'kid',
      ...(key.kty === 'RSA' ? [] : ['epk']),
    ])
    const [, ...before] = one.split('.')
    const [, ...after] = two.split('.')
    expect(before.filter((part, at) => part !== '' && part === after[at])).toEqual([])
  })

  it('is no access token, for server or API', () => {
    const token = encryptJwt(inner, { key, enc }, TYP)
    expect(refusal(() => openOwn(token, ownKeys))).toBe('malformed')
    expect(refusal(() => openWithPrivateKey(token, [decryptionKey]))).toBe('wrong_type')
  })

  it('may be longer than an access token: it is in no header', async () => {
    const long = signJws({ typ: TYP }, { text: 'x'.repeat(2 * MAX_TOKEN_LENGTH) }, signingKey)
    const { plaintext } = await compactDecrypt(encryptJwt(long, { key, enc }, TYP), await importJWK(privateJwk, alg))
    expect(new TextDecoder().decode(plaintext)).toBe(long)
  })
})

it('is no access token when it is signed alone', () => {
  expect(refusal(() => openOwn(inner, ownKeys))).toBe('wrong_type')
})
