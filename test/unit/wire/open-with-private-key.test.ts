import { constants, createECDH, publicEncrypt, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import { concatKdf } from '../../../src/crypto/concat-kdf.js'
import {
  agreeWithSender,
  decryptRsaKey,
  type EcdhDecryptionKey,
  importDecryptionKey,
} from '../../../src/crypto/decryption-key.js'
import { signAccessToken } from '../../../src/wire/access-token.js'
import { encryptJwe } from '../../../src/wire/jwe.js'
import { openOwn } from '../../../src/wire/open-own.js'
import { openWithPrivateKey } from '../../../src/wire/open-with-private-key.js'
import { sealAccessToken } from '../../../src/wire/seal.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'
import { type Api, apis, claims, kek, ownKeys, refusal, signingKey, withHeader } from './fixtures.js'

const inner = signAccessToken(claims, signingKey)
const [x25519] = apis as [Api]
const p256 = apis.find((api) => api.name === 'ECDH-ES on P-256 with A256GCM') as Api
const rsa = apis.find((api) => api.alg === 'RSA-OAEP-256') as Api
const keys = apis.map((api) => api.decryptionKey)

const asServer = (token: string) => refusal(() => openOwn(token, ownKeys))
const asApi = (token: string) => refusal(() => openWithPrivateKey(token, keys))

describe('the ephemeral key of a sender', () => {
  const point = (hex: string) => ({ kty: 'OKP', crv: 'X25519', x: Buffer.from(hex, 'hex').toString('base64url') })
  const onX25519 = publicJwk(newPrivateJwk('X25519'))
  const onP256 = publicJwk(newPrivateJwk('P-256'))
  const zero = Buffer.alloc(32).toString('base64url')
  const agree = (api: Api, epk: object) =>
    agreeWithSender(api.decryptionKey as EcdhDecryptionKey, epk as Record<string, unknown>)

  it('leads to a secret when it is sound', () => {
    expect(agree(x25519, onX25519)).toHaveLength(32)
    expect(agree(p256, onP256)).toHaveLength(32)
  })

  it.each([
    ['is the point at zero', x25519, point('00'.repeat(32))],
    ['is the point at one', x25519, point(`01${'00'.repeat(31)}`)],
    ['is of order eight', x25519, point('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')],
    ['is of P-256 and the key of X25519', x25519, onP256],
    ['is too short', x25519, { ...onX25519, x: 'AAAA' }],
    ['is for signatures', x25519, { ...onX25519, crv: 'Ed25519' }],
    ['says it is of another type', x25519, { ...onX25519, kty: 'EC' }],
    ['has no x', x25519, { ...onX25519, x: undefined }],
    ['brings its private half', x25519, { ...onX25519, d: zero }],
    ['is off the curve', p256, { ...onP256, y: onP256.x }],
    ['is at zero', p256, { ...onP256, x: zero, y: zero }],
    ['is of another curve', p256, publicJwk(newPrivateJwk('P-384'))],
    ['says it is of another curve', p256, { ...onP256, crv: 'P-384' }],
    ['has an x that is too long', p256, { ...onP256, x: `${onP256.x}AA` }],
    ['has a y that is no text', p256, { ...onP256, y: [onP256.y] }],
    ['brings its private half on P-256', p256, { ...onP256, d: zero }],
  ])('is refused when it %s', (_, api, epk) => {
    expect(agree(api, epk)).toBeUndefined()
  })
})

describe('an API refuses, always in the same way,', () => {
  it('a token that fits in all but the form of its ephemeral key, apu or apv', () => {
    const sender = newPrivateJwk('P-256')
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey(Buffer.from(sender.d ?? '', 'base64url'))
    const z = ecdh.computeSecret((p256.key as Extract<Api['key'], { kty: 'EC' }>).point)
    const forged = (change: Record<string, unknown>, partyInfo: string = '') => {
      const header = { alg: 'ECDH-ES', enc: p256.enc, cty: 'JWT', epk: publicJwk(sender), ...change }
      const contentKey = concatKdf(z, {
        algorithm: p256.enc,
        apu: Buffer.from(partyInfo, 'base64url'),
        apv: Buffer.alloc(0),
      })
      return asApi(encryptJwe(inner, header, { contentKey, encryptedKey: '' }))
    }
    expect(forged({})).toBeUndefined()
    expect(forged({ apu: 'AA' }, 'AA')).toBeUndefined()
    expect(forged({ apu: 'AA==' }, 'AA==')).toBe('decryption_failed')
    expect(forged({ apu: 7 })).toBe('decryption_failed')
    expect(forged({ apv: [] })).toBe('decryption_failed')
    for (const epk of [sender, [publicJwk(sender)], 'epk', undefined, null, { ...publicJwk(sender), crv: 'P-384' }]) {
      expect(forged({ epk })).toBe('decryption_failed')
    }
  })

  it('a token whose secret everybody knows, because its ephemeral key is of small order', () => {
    const epk = { kty: 'OKP', crv: 'X25519', x: Buffer.alloc(32).toString('base64url') }
    const contentKey = concatKdf(Buffer.alloc(32), { algorithm: 'A256GCM', apu: Buffer.alloc(0), apv: Buffer.alloc(0) })
    const header = { alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', epk } as const
    expect(asApi(encryptJwe(inner, header, { contentKey, encryptedKey: '' }))).toBe('decryption_failed')
  })

  it('an encrypted key where there should be none, and none where there should be one', () => {
    const direct = sealAccessToken(inner, x25519, kek).split('.')
    expect(asApi(direct.with(1, encodeBase64url(randomBytes(40))).join('.'))).toBe('decryption_failed')
    expect(asServer(direct.with(1, encodeBase64url(randomBytes(40))).join('.'))).toBe('malformed')
    for (const api of apis.filter(({ alg }) => alg !== 'ECDH-ES')) {
      expect(asApi(sealAccessToken(inner, api, kek).split('.').with(1, '').join('.'))).toBe('decryption_failed')
    }
  })

  it('an RSA key that does not decrypt, decrypts to another length, or to the wrong key', () => {
    const recipient = rsa.key as Extract<Api['key'], { kty: 'RSA' }>
    const encrypt = (key: Buffer) => {
      const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
      return publicEncrypt({ key: recipient.publicKey, ...oaep }, key).toString('base64url')
    }
    const parts = sealAccessToken(inner, rsa, kek).split('.')
    const pkcs1 = publicEncrypt({ key: recipient.publicKey, padding: constants.RSA_PKCS1_PADDING }, randomBytes(32))
    const bad = [encrypt(randomBytes(32)), encrypt(randomBytes(16)), encrypt(Buffer.alloc(0)), encodeBase64url(pkcs1)]
    for (const key of [...bad, 'AAAA', encodeBase64url(Buffer.alloc(256)), encodeBase64url(Buffer.alloc(256, 0xff))]) {
      expect(asApi(parts.with(1, key).join('.'))).toBe('decryption_failed')
    }
  })

  it('shortened tags and IVs', () => {
    for (const api of apis) {
      const parts = sealAccessToken(inner, api, kek).split('.')
      for (const length of [0, 4, 8, 12, 15]) {
        const tag = encodeBase64url(Buffer.from(parts[4] ?? '', 'base64url').subarray(0, length))
        expect(asApi(parts.with(4, tag).join('.'))).toBe('decryption_failed')
        expect(asServer(parts.with(4, tag).join('.'))).toBe('decryption_failed')
        const iv = encodeBase64url(Buffer.alloc(length === 12 ? 13 : length))
        expect(asApi(parts.with(2, iv).join('.'))).toBe('decryption_failed')
      }
    }
  })

  it('a token for a key of another name, and for none of its keys', () => {
    const token = sealAccessToken(inner, x25519, kek)
    expect(refusal(() => openWithPrivateKey(token, [{ ...x25519.decryptionKey, kid: 'other' }]))).toBe('unknown_key')
    expect(refusal(() => openWithPrivateKey(token, [rsa.decryptionKey]))).toBe('unknown_key')
    expect(refusal(() => openWithPrivateKey(token, []))).toBe('unknown_key')
    for (const kid of ['__proto__', '../../dev/null', 'k'.repeat(4000), 7, null]) {
      expect(asApi(withHeader(token, { kid }))).toBe('unknown_key')
    }
  })

  it('a token sealed with the same key under another algorithm than it registered', () => {
    const key = importDecryptionKey(x25519.privateJwk, 'ECDH-ES+A256KW')
    expect(refusal(() => openWithPrivateKey(sealAccessToken(inner, x25519, kek), [key]))).toBe('unknown_key')
  })
})

it('an API tries each of its unnamed keys that fit', () => {
  const [first, second] = [newPrivateJwk('X25519'), newPrivateJwk('P-256')].map((jwk) =>
    importDecryptionKey(jwk, 'ECDH-ES'),
  )
  const unnamed = { ...x25519.decryptionKey, kid: undefined }
  const token = sealAccessToken(inner, x25519, kek)
  expect(openWithPrivateKey(token, [first, second, unnamed] as (typeof unnamed)[])).toEqual({ inner })
  expect(refusal(() => openWithPrivateKey(token, [first, second] as (typeof unnamed)[]))).toBe('decryption_failed')
})

it('an RSA key that does not decrypt, or to another length, becomes a random one, another each time', () => {
  const { privateKey } = rsa.decryptionKey as Extract<Api['decryptionKey'], { kty: 'RSA' }>
  const { publicKey } = rsa.key as Extract<Api['key'], { kty: 'RSA' }>
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const bad = [
    Buffer.alloc(256),
    Buffer.alloc(0),
    ...[0, 16, 31, 33, 64].map((length) => publicEncrypt({ key: publicKey, ...oaep }, Buffer.alloc(length))),
  ]
  const substitutes = [...bad, ...bad].map((encryptedKey) => decryptRsaKey(privateKey, encryptedKey))
  expect(substitutes.every(({ length }) => length === 32)).toBe(true)
  expect(new Set(substitutes.map((key) => key.toString('hex'))).size).toBe(2 * bad.length)
})

it('a private key serves the algorithm it was imported for', () => {
  const rsaJwk = newPrivateJwk({ rsa: 2048 })
  expect(() => importDecryptionKey({ ...rsaJwk, alg: 'RSA-OAEP' }, 'RSA-OAEP-256')).toThrow(TypeError)
  expect(() => importDecryptionKey(rsaJwk, 'ECDH-ES')).toThrow(TypeError)
  expect(() => importDecryptionKey(newPrivateJwk({ rsa: 1024 }), 'RSA-OAEP-256')).toThrow(TypeError)
  expect(() => importDecryptionKey(newPrivateJwk('P-384'), 'ECDH-ES')).toThrow(TypeError)
  expect(() => importDecryptionKey(newPrivateJwk('X25519'), 'RSA-OAEP-256')).toThrow(TypeError)
  expect(() => importDecryptionKey(publicJwk(newPrivateJwk('P-256')), 'ECDH-ES')).toThrow(TypeError)
})

it('agrees with the X25519 example of RFC 8037 appendix A.6', () => {
  const x = '3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08'
  const d = Buffer.from('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb', 'hex').toString('base64url')
  const bob = importDecryptionKey({ kty: 'OKP', crv: 'X25519', kid: 'Bob', x, d }, 'ECDH-ES') as EcdhDecryptionKey
  const epk = { kty: 'OKP', crv: 'X25519', x: 'hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo' }
  const z = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'
  expect(agreeWithSender(bob, epk)?.toString('hex')).toBe(z)
})
