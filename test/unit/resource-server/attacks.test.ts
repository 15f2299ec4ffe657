import { createHmac, createPublicKey, randomBytes, sign } from 'node:crypto'
import { CompactEncrypt, importJWK } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import { generateSigningKey, parseEncryptionKeys } from '../../../src/crypto/jwk.js'
import { buildVerifier } from '../../../src/resource-server/build-verifier.js'
import { encryptJwt } from '../../../src/wire/nested-jwt.js'
import { attackedApi, jws, part } from '../../support/attacked-api.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'
import { liveRevocations } from '../../support/live-revocations.js'
import { AUDIENCE, stubIssuer } from '../../support/stub-issuer.js'

// What an API is sent by those who have no token: envelopes, algorithms, keys and signatures, by the tables of attacks J1 to J5. Each is
// refused in the same words, and nobody is asked about it.

const { stub, verifier, header, genuine, reasonOf } = await attackedApi()
const stranger = await generateSigningKey('ES256')
afterAll(() => verifier.close())

it('lets in what the issuer sealed, so that what follows fails for what is wrong with it', async () => {
  expect(await verifier.verify(stub.token())).toMatchObject({ aud: AUDIENCE, sub: 'ann' })
  expect(await verifier.verify(stub.seal(await genuine({})))).toMatchObject({ aud: AUDIENCE })
})

describe('J1: an algorithm of the sender’s choice', () => {
  it.each(['none', 'None', 'NONE', 'nOnE', 'noNE', ' none', ''])('"%s" with and without a signature', async (alg) => {
    for (const signature of ['', randomBytes(64)]) {
      const reason = await reasonOf(stub.seal(jws(header({ alg }), stub.claims(), signature)))
      expect(reason).toBe(signature === '' ? 'malformed' : 'unsupported_algorithm')
    }
  })

  it.each(['es256', 'ES384', 'RS256', 'PS256', 'EdDSA', 'Ed25519', 'HS256', 'A256KW', 7, null, ['ES256']])(
    '%s where the key is for ES256',
    async (alg) => {
      expect(await reasonOf(stub.seal(jws(header({ alg }), stub.claims(), randomBytes(64))))).toBe(
        'unsupported_algorithm',
      )
    },
  )

  it('HS256 with the public key for a secret, in every form it has', async () => {
    const key = createPublicKey({ key: stub.signing.publicJwk, format: 'jwk' })
    const secrets = [
      key.export({ type: 'spki', format: 'pem' }),
      key.export({ type: 'spki', format: 'der' }),
      JSON.stringify(stub.signing.publicJwk),
    ]
    for (const secret of secrets) {
      const input = `${part(header({ alg: 'HS256' }))}.${part(stub.claims())}`
      const mac = createHmac('sha256', secret).update(input).digest('base64url')
      expect(await reasonOf(stub.seal(`${input}.${mac}`))).toBe('unsupported_algorithm')
    }
  })
})

describe('J2: a key of the sender’s choice', () => {
  it('a stranger’s signature under the name of our key', async () => {
    expect(await reasonOf(stub.seal(await genuine({}, stub.claims(), stranger)))).toBe('bad_signature')
  })

  it.each([
    ['jwk', () => stranger.publicJwk],
    ['jku', () => 'https://evil.example/jwks'],
    ['x5u', () => 'https://evil.example/cert'],
    ['x5c', () => ['MIIB']],
  ])('that comes in the header, as %s', async (name, value) => {
    for (const kid of [stub.signing.kid, stranger.kid, undefined]) {
      const inner = await genuine({ [name]: value(), kid }, stub.claims(), stranger)
      expect(await reasonOf(stub.seal(inner))).toBe('forbidden_header')
    }
  })

  it('a stranger’s signature under a name of its own, of a token that is for another API, or over', async () => {
    const wrong = [stub.claims({ aud: 'https://other.example' }), stub.claims({ iat: 1_000, exp: 1_300 })]
    const reasons = wrong.map(async (claims) =>
      reasonOf(stub.seal(await genuine({ kid: stranger.kid }, claims, stranger))),
    )
    expect(await Promise.all(reasons)).toEqual(['wrong_audience', 'expired'])
  })

  it.each(['../../dev/null', "' OR 1=1 --", '__proto__', 'constructor', 'toString', '', 'k'.repeat(3000), 7, null, {}])(
    'under the name %s',
    async (kid) => {
      const claims = stub.claims({ aud: 'https://other.example' })
      const inner = jws(header({ kid }), claims, randomBytes(64))
      expect(await reasonOf(stub.seal(inner))).toBe('wrong_audience')
    },
  )
})

describe('J3: an envelope with something else in it', () => {
  it('around bare claims', async () => {
    expect(await reasonOf(stub.seal(JSON.stringify(stub.claims())))).toBe('malformed')
  })
  it('around a token that is sealed already', async () => {
    expect(await reasonOf(stub.seal(stub.token()))).toBe('malformed')
  })
  it('around nothing, or text', async () => {
    for (const inner of ['', '.', '..', 'x.y.z', '\u0000']) expect(await reasonOf(stub.seal(inner))).toBe('malformed')
  })
  it('no envelope at all: a genuine signature where a seal was agreed on', async () => {
    expect(await reasonOf(stub.sign())).toBe('not_sealed')
  })
  it('sealed for another key', async () => {
    const other = { ...newPrivateJwk('X25519'), kid: 'other' }
    const choice = parseEncryptionKeys({ keys: [{ ...publicJwk(other), kid: 'other', use: 'enc' }] }, 'ECDH-ES')
    if (!choice.ok) throw new Error(choice.reason)
    expect(await reasonOf(stub.seal(stub.sign(), { key: choice.key, enc: 'A256GCM' }))).toBe('unknown_decryption_key')
    const [ours] = stub.decryptionKeys
    const named = { key: { ...choice.key, kid: ours.kid }, enc: 'A256GCM' } as const
    expect(await reasonOf(stub.seal(stub.sign(), named))).toBe('decryption_failed')
  })
  it('another JWT of the same issuer, encrypted to the same key', async () => {
    const answer = encryptJwt(stub.sign(), stub.recipient, 'token-introspection+jwt')
    expect(await reasonOf(answer)).toBe('wrong_type')
  })
})

describe('J3: an envelope of another make', () => {
  const change = (members: Record<string, unknown>) => {
    const [protectedHeader = '', ...rest] = stub.token().split('.')
    const before = JSON.parse(Buffer.from(protectedHeader, 'base64url').toString())
    return [part({ ...before, ...members }), ...rest].join('.')
  }
  const zero = Buffer.alloc(32).toString('base64url')

  it.each([
    ['RSA1_5', { alg: 'RSA1_5' }, 'unsupported_algorithm'],
    ['dir', { alg: 'dir' }, 'unsupported_algorithm'],
    ['A256KW', { alg: 'A256KW' }, 'unsupported_algorithm'],
    ['PBES2 with a bomb for a count', { alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31, p2s: 'AAAA' }, 'forbidden_header'],
    ['a bomb for a count beside our algorithm', { p2c: 2 ** 31 }, 'forbidden_header'],
    ['another algorithm of the same key', { alg: 'ECDH-ES+A256KW' }, 'unknown_decryption_key'],
    ['the algorithm in other letters', { alg: 'ecdh-es' }, 'unsupported_algorithm'],
    ['another encryption', { enc: 'A128GCM' }, 'unsupported_algorithm'],
    ['the encryption in other letters', { enc: 'a256gcm' }, 'unsupported_algorithm'],
    ['compressed', { zip: 'DEF' }, 'forbidden_header'],
    ['with an extension', { crit: ['exp'], exp: 1 }, 'forbidden_header'],
    ['no cty', { cty: undefined }, 'wrong_type'],
    ['another cty', { cty: 'JSON' }, 'wrong_type'],
    ['a key in the header', { jwk: { kty: 'oct', k: 'AAAA' } }, 'forbidden_header'],
    ['an epk of another curve', { epk: publicJwk(newPrivateJwk('P-256')) }, 'decryption_failed'],
    [
      'an epk of small order',
      { epk: { kty: 'OKP', crv: 'X25519', x: Buffer.of(1, ...Array(31).fill(0)).toString('base64url') } },
      'decryption_failed',
    ],
    ['an epk of zeros', { epk: { kty: 'OKP', crv: 'X25519', x: zero } }, 'decryption_failed'],
    ['an epk with its private half', { epk: newPrivateJwk('X25519') }, 'decryption_failed'],
    ['no epk', { epk: undefined }, 'decryption_failed'],
    ['an epk that is no object', { epk: 'x' }, 'decryption_failed'],
    ['a kid of another key', { kid: '../../key' }, 'unknown_decryption_key'],
    ['a kid that objects have', { kid: '__proto__' }, 'unknown_decryption_key'],
  ])('an envelope that is %s', async (_, members, reason) => {
    expect(await reasonOf(change(members))).toBe(reason)
  })

  it('with a tag cut off', async () => {
    for (const length of [0, 1, 4, 8, 12, 15]) {
      const parts = stub.token().split('.')
      const tag = Buffer.from(parts[4] ?? '', 'base64url').subarray(0, length)
      expect(await reasonOf(parts.with(4, encodeBase64url(tag)).join('.'))).toBe('decryption_failed')
    }
  })

  it('in the JSON form', async () => {
    const [protectedHeader, , iv, ciphertext, tag] = stub.token().split('.')
    expect(await reasonOf(JSON.stringify({ protected: protectedHeader, iv, ciphertext, tag }))).toBe('malformed')
  })

  it('by jose, compressed, of megabytes, or of another number of parts', async () => {
    const [jwk] = stub.decryptionKeys
    const key = await importJWK({ ...publicJwk(jwk as never), alg: 'ECDH-ES' })
    const sealed = await new CompactEncrypt(new TextEncoder().encode(stub.sign()))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', typ: 'at+jwt', kid: jwk.kid ?? '' })
      .encrypt(key)
    expect(await verifier.verify(sealed)).toMatchObject({ sub: 'ann' })
    expect(await reasonOf(`${sealed}.`)).toBe('malformed')
    expect(await reasonOf(sealed.split('.').slice(0, 4).join('.'))).toBe('malformed')
    for (const one of ['a'.repeat(3_000_000), '.'.repeat(3_000_000), `${sealed}${'A'.repeat(3_000_000)}`]) {
      expect(await reasonOf(one)).toBe('too_large')
    }
  })

  it('that is no text', async () => {
    for (const one of [undefined, null, 7, {}, [], ['a'], Buffer.from('x')])
      expect(await reasonOf(one)).toBe('malformed')
    for (const one of ['', ' ', '\n', '__proto__', '\u0000'.repeat(100)]) expect(await reasonOf(one)).toBe('malformed')
  })
})

describe('J4: an extension that must be understood', () => {
  it.each([
    ['exp', { crit: ['exp'], exp: 1 }],
    ['b64', { crit: ['b64'], b64: true }],
  ])('%s, in a genuine signature', async (_, members) => {
    expect(await reasonOf(stub.seal(await genuine(members)))).toBe('forbidden_header')
  })
  it('an empty list, and one that is none', async () => {
    for (const crit of [[], 'exp', {}, null]) {
      expect(await reasonOf(stub.seal(jws(header({ crit }), stub.claims(), randomBytes(64))))).toBe('forbidden_header')
    }
  })
})

describe('J5: a signature that is none', () => {
  const signed = (bytes: Uint8Array) => stub.seal(jws(header(), stub.claims(), bytes))

  it.each([
    ['of zeros', Buffer.alloc(64)],
    ['with r = 0', Buffer.concat([Buffer.alloc(32), randomBytes(32)])],
    ['with s = 0', Buffer.concat([randomBytes(32), Buffer.alloc(32)])],
    ['of ones', Buffer.alloc(64, 0xff)],
    ['of one byte', Buffer.alloc(1)],
    ['of 63 bytes', randomBytes(63)],
    ['of 65 bytes', randomBytes(65)],
    ['of kilobytes', randomBytes(3000)],
  ])('%s', async (_, bytes) => {
    expect(await reasonOf(signed(bytes))).toBe('bad_signature')
  })

  it('a genuine one in DER', async () => {
    const input = `${part(header())}.${part(stub.claims())}`
    const der = sign('sha256', Buffer.from(input), stub.signing.privateKey)
    expect(await reasonOf(stub.seal(`${input}.${encodeBase64url(der)}`))).toBe('bad_signature')
  })
})

it('a key of every kind that the server signs with', async () => {
  const algorithms = ['RS256', 'PS256', 'Ed25519'] as const
  for (const alg of algorithms) {
    const other = await stubIssuer()
    const key = await generateSigningKey(alg)
    other.published.push(key)
    const { issuer, fetch, decryptionKeys } = other
    const one = buildVerifier({ issuer, audience: AUDIENCE, decryptionKeys, fetch }, { follow: liveRevocations })
    expect(await one.verify(other.token({}, key))).toMatchObject({ sub: 'ann' })
    one.close()
  }
})

it('an RSA key that is used with the padding of the other algorithm', async () => {
  const other = await stubIssuer()
  const key = await generateSigningKey('RS256')
  other.published.push(key)
  const { issuer, fetch, decryptionKeys } = other
  const one = buildVerifier({ issuer, audience: AUDIENCE, decryptionKeys, fetch }, { follow: liveRevocations })
  const asPss = other.token({}, { ...key, alg: 'PS256' })
  await expect(one.verify(asPss)).rejects.toMatchObject({ reason: 'unsupported_algorithm' })
  one.close()
})
