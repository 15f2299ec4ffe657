import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type EncryptionAlgorithm, parseEncryptionKeys } from '../../../src/crypto/jwk.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'

const ec = { ...publicJwk(newPrivateJwk('P-256')), kid: 'ec', use: 'enc' }
const x25519 = { ...publicJwk(newPrivateJwk('X25519')), kid: 'x', use: 'enc' }
const rsa = { ...publicJwk(newPrivateJwk({ rsa: 2048 })), kid: 'rsa', use: 'enc' }
const sig = { ...publicJwk(newPrivateJwk('P-256')), kid: 'sig', use: 'sig' }

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const modulus = Buffer.from(rsa.n ?? '', 'base64url')
const multipleOfThree = `0x${modulus.toString('hex')}`
const withFactor3 = (BigInt(multipleOfThree) / 3n) * 3n

function parse(keys: unknown[], alg: EncryptionAlgorithm = 'ECDH-ES') {
  return parseEncryptionKeys({ keys }, alg)
}

function chosenKid(keys: unknown[], alg?: EncryptionAlgorithm) {
  const choice = parse(keys, alg)
  return choice.ok ? choice.key.kid : choice.reason
}

describe('the key to seal for', () => {
  it('is the first in document order that fits the registered algorithm', () => {
    expect(chosenKid([sig, rsa, x25519, ec])).toBe('x')
    expect(chosenKid([sig, rsa, ec, x25519])).toBe('ec')
    expect(chosenKid([x25519, ec, rsa], 'RSA-OAEP-256')).toBe('rsa')
    expect(chosenKid([rsa, ec, x25519], 'ECDH-ES+A256KW')).toBe('ec')
  })

  it('is passed over when its own alg is another', () => {
    expect(chosenKid([{ ...ec, alg: 'ECDH-ES+A256KW' }, x25519])).toBe('x')
    expect(chosenKid([{ ...ec, alg: 'ECDH-ES' }, x25519])).toBe('ec')
    expect(chosenKid([{ ...rsa, alg: 'RSA-OAEP' }], 'RSA-OAEP-256')).toBe('No key with use "enc" fits RSA-OAEP-256.')
    expect(chosenKid([{ ...ec, alg: 7 }, x25519])).toBe('x')
  })

  it('is marked by use, or by key_ops where there is no use', () => {
    const { use: _, ...unmarked } = ec
    expect(chosenKid([unmarked])).toBe('No key with use "enc" fits ECDH-ES.')
    expect(chosenKid([{ ...unmarked, key_ops: ['deriveBits'] }])).toBe('ec')
    expect(chosenKid([{ ...unmarked, key_ops: ['verify'] }])).toBe('No key with use "enc" fits ECDH-ES.')
    expect(chosenKid([{ ...sig, key_ops: ['deriveKey'] }])).toBe('No key with use "enc" fits ECDH-ES.')
    expect(chosenKid([{ ...rsa, use: undefined, key_ops: ['wrapKey'] }], 'RSA-OAEP-256')).toBe('rsa')
    expect(chosenKid([{ ...rsa, use: undefined, key_ops: ['deriveKey'] }], 'RSA-OAEP-256')).not.toBe('rsa')
  })

  it('may have no kid', () => {
    const { kid: _, ...unnamed } = ec
    const choice = parse([unnamed, { ...x25519, kid: undefined }])
    expect(choice).toMatchObject({ ok: true, key: { kid: undefined, kty: 'EC' } })
  })

  it('stands beside keys of types and curves we do not know', () => {
    const others = [{ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' }, publicJwk(newPrivateJwk('P-384'))]
    expect(chosenKid([...others, publicJwk(newPrivateJwk('Ed25519')), ec])).toBe('ec')
  })

  it('may be read from the text of the document', () => {
    expect(parseEncryptionKeys(JSON.stringify({ keys: [ec] }), 'ECDH-ES')).toMatchObject({ ok: true })
  })
})

describe('a key set is refused as a whole', () => {
  const smallOrder = [
    // RFC 7748 §6.1: points that lead to the same secret whatever the other key; among them other spellings of 0 and 1.
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  ].map((x): [string, object] => [
    `is of small order (${x.slice(0, 6)}…)`,
    { ...x25519, x: b64(Buffer.from(x, 'hex')) },
  ])

  const weak: [string, object][] = [
    ['is an RSA key of less than 2048 bits', { ...publicJwk(newPrivateJwk({ rsa: 1024 })), use: 'sig' }],
    [
      'is an RSA key of less than 2048 bits',
      { ...rsa, n: b64(Buffer.concat([Buffer.alloc(200), modulus.subarray(200)])) },
    ],
    ['is not an RSA key of at most 8192 bits', { ...rsa, n: 'f'.repeat(3000) }],
    ['has a weak RSA exponent', { ...rsa, e: 'AQ' }],
    ['has a weak RSA exponent', { ...rsa, e: 'Aw' }],
    ['has a weak RSA exponent', { ...rsa, e: 'AQAA' }],
    ['has a weak RSA exponent', { ...rsa, e: 'AQAC' }],
    ['has a weak RSA exponent', { ...rsa, e: b64(Buffer.alloc(100, 0xff)) }],
    [
      'has an RSA modulus with a small factor',
      { ...rsa, n: b64(Buffer.concat([modulus.subarray(0, -1), Buffer.of(0)])) },
    ],
    ['has an RSA modulus with a small factor', { ...rsa, n: b64(Buffer.from(withFactor3.toString(16), 'hex')) }],
    ['is not an RSA key of at most 8192 bits', { ...rsa, n: `${rsa.n}==` }],
    ['is not an RSA key of at most 8192 bits', { ...rsa, n: [rsa.n] }],
    ['is not an RSA key of at most 8192 bits', { kty: 'RSA' }],
    ['is private: it has the member d', newPrivateJwk('P-256')],
    ['is private: it has the member d', newPrivateJwk('X25519')],
    ['is private: it has the member d', { ...sig, d: null }],
    ['is private: it has the member p', { ...rsa, p: 'AQ' }],
    ['is private: it has the member k', { ...ec, k: 'AAAA' }],
    ['is private: it has the member priv', { kty: 'AKP', priv: 'AAAA' }],
    ['is symmetric', { kty: 'oct', k: 'AAAA' }],
    ['is not a point of its curve', { ...ec, y: ec.x }],
    ['is not a point of its curve', { ...ec, x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) }],
    ['is not a point of its curve', { ...ec, x: ec.x?.slice(1) }],
    ['is not a point of its curve', { ...ec, x: 7 }],
    ['has a malformed x', { ...x25519, x: `${x25519.x}A` }],
    ['has no crv', { ...ec, crv: ['P-256'] }],
    ['has no crv', { ...x25519, crv: undefined }],
    ['has no kty', { ...ec, kty: undefined }],
    ['has no kty', { ...ec, kty: { toString: 'EC' } }],
    ['has a malformed kid', { ...ec, kid: 7 }],
    ['has a malformed kid', { ...ec, kid: '' }],
    ['has a malformed kid', { ...ec, kid: 'k'.repeat(256) }],
    ...smallOrder,
  ]

  it.each(weak)('when one of them %s', (why, key) => {
    const choice = parse([x25519, { kid: 'other', ...key }])
    expect(choice).toEqual({ ok: false, reason: expect.stringContaining(why.replace(/ \(.*/, '')) })
  })

  it('when one of them is not an object', () => {
    for (const key of [null, 'EC', 7, [ec]]) expect(parse([x25519, key])).toMatchObject({ ok: false })
  })

  it('when two have the same kid', () => {
    expect(parse([x25519, { ...ec, kid: 'x' }])).toEqual({
      ok: false,
      reason: 'keys[1] repeats the kid of another key.',
    })
    expect(parse([{ ...ec, kid: '__proto__' }])).toMatchObject({ ok: true })
  })

  it('when it has more than 32 keys', () => {
    const keys = Array.from({ length: 33 }, (_, i) => ({ ...x25519, kid: String(i) }))
    expect(parse(keys)).toMatchObject({ ok: false, reason: expect.stringContaining('more than 32') })
    expect(parse(keys.slice(1))).toMatchObject({ ok: true })
  })

  it('when it is larger than 64 KB, before it is read', () => {
    const padded = JSON.stringify({ keys: [ec], padding: 'é'.repeat(33_000) })
    expect(parseEncryptionKeys(padded, 'ECDH-ES')).toMatchObject({
      ok: false,
      reason: expect.stringContaining('65536'),
    })
    expect(parseEncryptionKeys({ keys: Array(100_000).fill(ec) }, 'ECDH-ES')).toMatchObject({ ok: false })
  })

  const circular: Record<string, unknown> = {}
  circular['keys'] = circular
  it.each([
    undefined,
    null,
    7,
    '',
    '{',
    '[]',
    [],
    {},
    { keys: {} },
    { keys: 'x' },
    circular,
    10n,
    '{"__proto__":{"keys":[]}}',
  ])('when it is no key set at all (%#)', (jwks) => {
    expect(parseEncryptionKeys(jwks, 'ECDH-ES').ok).toBe(false)
  })
})

describe('an untrusted key set', () => {
  const member = fc.oneof(
    fc.constantFrom(ec.x, ec.y, x25519.x, rsa.n, rsa.e, 'EC', 'OKP', 'RSA', 'P-256', 'X25519', 'enc', 'sig', 'oct'),
    fc.string(),
    fc.jsonValue(),
  )
  const names = fc.constantFrom(
    'kty',
    'crv',
    'x',
    'y',
    'n',
    'e',
    'd',
    'use',
    'alg',
    'kid',
    'key_ops',
    '__proto__',
    'toString',
  )
  const jwk = fc.oneof(
    fc.dictionary(names, member),
    fc.tuple(fc.constantFrom(ec, x25519, rsa), fc.dictionary(names, member, { maxKeys: 2 })).map(([key, change]) => ({
      ...key,
      ...change,
    })),
  )

  it('never crashes the parser, and what is chosen is a sound key of the registered algorithm', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(jwk, fc.jsonValue()), { maxLength: 4 }), (keys) => {
        const choice = parse(keys)
        if (choice.ok) expect(['EC', 'OKP']).toContain(choice.key.kty)
        else expect(choice.reason).toMatch(/\.$/)
      }),
      { numRuns: 500 },
    )
    expect(({} as Record<string, unknown>)['kty']).toBeUndefined()
  })

  it('is not quoted in the reason', () => {
    const choice = parse([
      { ...ec, kid: 'evil\n\u001b[31m', crv: 'evil', y: 'evil' },
      { kty: 'evil\n', d: 'x' },
    ])
    expect(choice).toEqual({ ok: false, reason: 'keys[1] is private: it has the member d.' })
  })
})
