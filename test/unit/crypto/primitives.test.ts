import { createCipheriv } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64url, encodeBase64url } from '../../../src/crypto/base64url.js'
import { concatKdf } from '../../../src/crypto/concat-kdf.js'
import { decryptContent, encryptContent } from '../../../src/crypto/content-encryption.js'
import { constantTimeEqual } from '../../../src/crypto/equality.js'
import { parseJsonObject } from '../../../src/crypto/json.js'
import { unwrapKey, wrapKey } from '../../../src/crypto/key-wrap.js'
import { hashSecret, randomToken, secretMatches } from '../../../src/crypto/secrets.js'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

describe('base64url', () => {
  it('reads back whatever it wrote', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeBase64url(encodeBase64url(bytes))).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('gives every text at most one meaning', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ABgw-_+/= \n.é'), maxLength: 9 }), (text) => {
        const bytes = decodeBase64url(text)
        expect(bytes === undefined || encodeBase64url(bytes) === text).toBe(true)
      }),
    )
  })

  it.each(['AB', 'AA==', 'A', '+/', 'AA A', 'AA\n', 'QUJ', 'AAé'])('refuses the second spelling %j', (text) => {
    expect(decodeBase64url(text)).toBeUndefined()
  })
})

describe('parseJsonObject', () => {
  it.each(['[]', 'null', '1', '"text"', '', '{', '{}x', '\u{feff}{}'])(
    'refuses %j, which is not one object',
    (text) => {
      expect(parseJsonObject(Buffer.from(text))).toBeUndefined()
    },
  )

  it('refuses bytes that are not UTF-8', () => {
    expect(parseJsonObject(Buffer.from('7b2261223a22ff227d', 'hex'))).toBeUndefined()
  })

  it('counts the last of a repeated member', () => {
    expect(parseJsonObject(Buffer.from('{"a":1,"a":2}'))).toEqual({ a: 2 })
  })

  it('leaves the prototype of objects alone', () => {
    const value = parseJsonObject(Buffer.from('{"__proto__":{"polluted":true}}'))
    expect(value && Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('survives a deep nest', () => {
    expect(parseJsonObject(Buffer.from(`{"a":${'['.repeat(100_000)}`))).toBeUndefined()
  })
})

describe('constantTimeEqual', () => {
  it('agrees with equality of bytes for any two values', () => {
    const value = fc.uint8Array({ maxLength: 4 })
    fc.assert(
      fc.property(value, value, (a, b) => {
        expect(constantTimeEqual(a, b)).toBe(Buffer.from(a).equals(b))
        expect(constantTimeEqual(a, a)).toBe(true)
      }),
    )
  })

  it('compares text with its UTF-8 bytes', () => {
    expect(constantTimeEqual('schlüssel', Buffer.from('schlüssel'))).toBe(true)
  })
})

describe('secrets', () => {
  it('are 256 random bits in 43 characters unless told otherwise', () => {
    expect(randomToken()).toMatch(/^[\w-]{43}$/)
    expect(randomToken(16)).toMatch(/^[\w-]{22}$/)
    expect(randomToken()).not.toBe(randomToken())
  })

  it('match their own hash alone', () => {
    const secret = randomToken()
    expect(secretMatches(secret, hashSecret(secret))).toBe(true)
    expect(secretMatches(randomToken(), hashSecret(secret))).toBe(false)
    expect(secretMatches(secret, hashSecret(secret).subarray(1))).toBe(false)
    expect(secretMatches(secret, Buffer.alloc(0))).toBe(false)
  })
})

describe('key wrap', () => {
  // RFC 3394 §4.3, §4.5 and §4.6: all the vectors with a 256-bit key.
  const kek = hex('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F')
  const vectors = [
    ['00112233445566778899AABBCCDDEEFF', '64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7'],
    [
      '00112233445566778899AABBCCDDEEFF0001020304050607',
      'A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1',
    ],
    [
      '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F',
      '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21',
    ],
  ].map(([data = '', wrapped = '']) => ({ data: hex(data), wrapped: hex(wrapped) }))

  it.each(vectors)('agrees with the vector of RFC 3394 for $data.length bytes', ({ data, wrapped }) => {
    expect(wrapKey(kek, data)).toEqual(wrapped)
    expect(unwrapKey(kek, wrapped)).toEqual(data)
  })

  it('refuses any changed bit, any other length and any other key', () => {
    for (const { wrapped } of vectors) {
      for (let bit = 0; bit < wrapped.length * 8; bit++) {
        const changed = Buffer.from(wrapped)
        changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(unwrapKey(kek, changed)).toBeUndefined()
      }
      for (let length = 0; length < wrapped.length; length++) {
        expect(unwrapKey(kek, wrapped.subarray(0, length))).toBeUndefined()
      }
      expect(unwrapKey(Buffer.alloc(32), wrapped)).toBeUndefined()
    }
  })
})

describe('Concat KDF', () => {
  it('derives the key of RFC 7518 appendix C', () => {
    const z = hex('9e56d91d817135d372834283bf84269cfb316ea3da806a48f6daa7798cfe90c4')
    const derived = concatKdf(z, {
      algorithm: 'A128GCM',
      apu: Buffer.from('Alice'),
      apv: Buffer.from('Bob'),
      keyBits: 128,
    })
    expect(derived.toString('base64url')).toBe('VqqN6vgjbSBcIijNcacQGg')
  })
})

describe('content encryption', () => {
  // RFC 7518 appendix B.1.
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const aad = Buffer.from('The second principle of Auguste Kerckhoffs')
  const plaintext =
    'A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy ' +
    'without inconvenience'
  const sealed = {
    iv: hex('1af38c2dc2b96ffdd86694092341bc04'),
    ciphertext: hex(`
      c80edfa32ddf39d5ef00c0b468834279a2e46a1b8049f792f76bfe54b903a9c9a94ac9b47ad2655c5f10f9aef71427e2fc6f9b3f399a221489f1
      6362c703233609d45ac69864e3321cf82935ac4096c86e133314c54019e8ca7980dfa4b9cf1b384c486f3a54c51078158ee5d79de59fbd34d848
      b3d69550a67646344427ade54b8851ffb598f7f80074b9473c82e2db`),
    tag: hex('652c3fa36b0a7c5b3219fab3a30bc1c4'),
  }

  it('opens the A128CBC-HS256 vector of RFC 7518 appendix B.1', () => {
    expect(decryptContent(sealed, aad, { enc: 'A128CBC-HS256', key })?.toString()).toBe(plaintext)
  })

  it.each(['A256GCM', 'A128CBC-HS256'] as const)('refuses a shortened tag of any length under %s', (enc) => {
    const content = encryptContent(Buffer.from(plaintext), aad, { enc, key })
    expect(decryptContent(content, aad, { enc, key })?.toString()).toBe(plaintext)
    for (let length = 0; length < 16; length++) {
      expect(decryptContent({ ...content, tag: content.tag.subarray(0, length) }, aad, { enc, key })).toBeUndefined()
    }
    expect(decryptContent({ ...content, tag: Buffer.concat([content.tag, Buffer.alloc(1)]) }, aad, { enc, key })).toBe(
      undefined,
    )
  })

  it.each(['A256GCM', 'A128CBC-HS256'] as const)('refuses another header, IV, IV length or key under %s', (enc) => {
    const content = encryptContent(Buffer.from(plaintext), aad, { enc, key })
    expect(decryptContent(content, aad.subarray(1), { enc, key })).toBeUndefined()
    expect(decryptContent({ ...content, iv: content.iv.subarray(1) }, aad, { enc, key })).toBeUndefined()
    expect(decryptContent({ ...content, iv: Buffer.alloc(content.iv.length) }, aad, { enc, key })).toBeUndefined()
    expect(decryptContent(content, aad, { enc, key: Buffer.alloc(32) })).toBeUndefined()
    for (const length of [0, 16, 24, 31, 33, 48, 64]) {
      const wrong = Buffer.concat([key, key]).subarray(0, length)
      expect(decryptContent(content, aad, { enc, key: wrong })).toBeUndefined()
      expect(() => encryptContent(key, aad, { enc, key: wrong })).toThrow()
    }
  })

  it('refuses an A256GCM IV of another length even from a sender who knows the key', () => {
    for (const length of [8, 13, 16]) {
      const iv = Buffer.alloc(length, 7)
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad)
      const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
      const content = { iv, ciphertext, tag: cipher.getAuthTag() }
      expect(decryptContent(content, aad, { enc: 'A256GCM', key })).toBeUndefined()
    }
  })

  it('never uses an IV twice', () => {
    const ivs = Array.from({ length: 1000 }, () => encryptContent(key, aad, { enc: 'A256GCM', key }).iv.toString('hex'))
    expect(new Set(ivs).size).toBe(1000)
  })
})
