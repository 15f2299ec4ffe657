import { createHmac, createPublicKey, randomBytes, sign } from 'node:crypto'
import { CompactEncrypt, CompactSign, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import { generateSigningKey, parseEncryptionKeys, type SigningKey } from '../../../src/crypto/jwk.js'
import { buildVerifier } from '../../../src/resource-server/build-verifier.js'
import type { Verifier } from '../../../src/resource-server/verifier.js'
import { VerifyError } from '../../../src/resource-server/verify-error.js'
import { encryptJwt } from '../../../src/wire/nested-jwt.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'
import { liveRevocations } from '../../support/live-revocations.js'
import { AUDIENCE, type StubIssuer, stubIssuer } from '../../support/stub-issuer.js'

// What an API is sent by those who have no token: by the tables of attacks J1 to J7, T6 and T10. Each is refused in the same words, and
// nobody is asked about it.

let stub: StubIssuer
let stranger: SigningKey
let verifier: Verifier
let asked: number

beforeAll(async () => {
  stub = await stubIssuer()
  stranger = await generateSigningKey('ES256')
  const { issuer, fetch, decryptionKeys } = stub
  verifier = buildVerifier({ issuer, audience: AUDIENCE, decryptionKeys, fetch }, { follow: liveRevocations })
  await verifier.ready()
  asked = stub.asked.length
})
afterAll(() => verifier.close())

async function refusal(token: unknown): Promise<VerifyError> {
  try {
    await verifier.verify(token as string)
  } catch (error) {
    if (error instanceof VerifyError) return error
    throw error
  }
  throw new Error('The token was let in.')
}

const reasonOf = async (token: unknown) => {
  const { code, status, message, headers, reason } = await refusal(token)
  const metadata = 'https://orders.example/.well-known/oauth-protected-resource'
  expect({ code, status, message, challenge: headers['www-authenticate'] }).toEqual({
    code: 'invalid_token',
    status: 401,
    message: 'The access token is not valid.',
    challenge: expect.stringMatching(
      `^Bearer error="invalid_token", error_description="The access token is not valid.", resource_metadata="${metadata}"`,
    ),
  })
  expect(stub.asked.length).toBe(asked)
  return reason
}

const part = (value: unknown) => encodeBase64url(typeof value === 'string' ? value : JSON.stringify(value))
/** A JWS of any header and payload, with a signature of any bytes. */
const jws = (header: unknown, payload: unknown, signature: string | Uint8Array) =>
  `${part(header)}.${part(payload)}.${encodeBase64url(signature)}`
const header = (change: object = {}) => ({ typ: 'at+jwt', alg: 'ES256', kid: stub.signing.kid, ...change })
/** Signed by the key of the issuer, whatever is in it. */
async function genuine(change: object, payload: string | object = stub.claims(), key: SigningKey = stub.signing) {
  const bytes = new TextEncoder().encode(typeof payload === 'string' ? payload : JSON.stringify(payload))
  const critical = { crit: { exp: true, b64: true } as Record<string, boolean> }
  return new CompactSign(bytes).setProtectedHeader(header(change) as never).sign(key.privateKey, critical)
}

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

describe('J6: JSON that means two things', () => {
  it.each([
    ['exp as text', { exp: '9999999999' }],
    ['exp as a fraction', { exp: 9999999999.5 }],
    ['exp below zero', { exp: -1 }],
    ['no exp', { exp: undefined }],
    ['iat as text', { iat: '1' }],
    ['nbf as text', { nbf: '1' }],
    ['sub as a number', { sub: 7 }],
    ['no jti', { jti: undefined }],
    ['no rev', { rev: undefined }],
    ['a rev below zero', { rev: -1 }],
    ['no client_id', { client_id: undefined }],
    ['an empty sub', { sub: '' }],
    ['scope as a list', { scope: ['orders:read'] }],
    ['act that is no object', { act: 'x' }],
    ['act without sub', { act: {} }],
    ['cnf that is no object', { cnf: 'x' }],
    ['a status that is none', { status: { status_list: { idx: -1, uri: 'x' } } }],
  ])('%s', async (_, members) => {
    expect(await reasonOf(stub.seal(await genuine({}, stub.claims(members))))).toBe('invalid_claims')
  })

  const withText = async (from: string, to: string) => {
    const text = JSON.stringify(stub.claims())
    if (!text.includes(from)) throw new Error(`There is no ${from} to replace.`)
    return reasonOf(stub.seal(await genuine({}, text.replace(from, to))))
  }

  it('numbers beyond numbers', async () => {
    const exp = `"exp":${stub.claims().exp}`
    expect(await withText(exp, '"exp":1e400')).toBe('invalid_claims')
    expect(await withText(exp, '"exp":-1e400')).toBe('invalid_claims')
    expect(await withText(exp, '"exp":NaN')).toBe('malformed')
  })

  it('a claim twice: the last counts, here and at the server', async () => {
    expect(await withText('"sub":"ann"', `"sub":"ann","aud":"${AUDIENCE}"`).catch(() => 'let in')).toBe('let in')
    expect(await withText('"scope":', '"aud":"https://other.example","scope":')).toBe('wrong_audience')
    expect(await withText('"scope":', '"exp":1300,"scope":')).toBe('expired')
  })

  it('nesting without end', async () => {
    const deep = `${'['.repeat(800)}${']'.repeat(800)}`
    const letIn = await verifier.verify(
      stub.seal(await genuine({}, JSON.stringify(stub.claims()).replace('{', `{"x":${deep},`))),
    )
    expect(letIn).toMatchObject({ sub: 'ann' })
    const acts = '{"sub":"a","act":'
    const chain = `"act":${acts.repeat(80)}{}${'}'.repeat(80)},`
    expect(await reasonOf(stub.seal(await genuine({}, JSON.stringify(stub.claims()).replace('{', `{${chain}`))))).toBe(
      'invalid_claims',
    )
  })

  it('names that objects have', async () => {
    const text = JSON.stringify(stub.claims()).replace('{', '{"__proto__":{"polluted":true},"constructor":1,')
    const claims = await verifier.verify(stub.seal(await genuine({}, text)))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.getPrototypeOf(claims)).toBe(Object.prototype)
    const inherited = `{"__proto__":${JSON.stringify(stub.claims())}}`
    expect(await reasonOf(stub.seal(await genuine({}, inherited)))).toBe('invalid_claims')
  })

  it('text that is not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"'), Buffer.of(0xff, 0xfe), Buffer.from('"}')])
    const input = `${part(header())}.${encodeBase64url(bytes)}`
    expect(await reasonOf(stub.seal(`${input}.${encodeBase64url(randomBytes(64))}`))).toBe('malformed')
  })
})

describe('J7: an audience that is nearly ours', () => {
  it.each([
    'https://orders.example/',
    'https://orders.example/v1',
    'https://orders.exampl',
    'https://ORDERS.example',
    'http://orders.example',
    'https://orders.example:443',
    'https://other.example',
    'orders.example',
    ' https://orders.example',
  ])('an audience that is nearly ours: %s', async (aud) => {
    expect(await reasonOf(stub.token({ aud }))).toBe('wrong_audience')
  })
  it.each([
    ['a list with ours in it', [AUDIENCE, 'https://other.example']],
    ['a list of ours alone', [AUDIENCE]],
    ['an object', { 0: AUDIENCE }],
    ['none', undefined],
  ])('%s', async (_, aud) => {
    expect(await reasonOf(stub.seal(await genuine({}, stub.claims({ aud }))))).toBe('invalid_claims')
  })
  it.each(['https://login.example/', 'https://login.example/t/one', 'http://login.example', 'https://evil.example'])(
    'an issuer that is nearly ours: %s',
    async (iss) => {
      expect(await reasonOf(stub.token({ iss }))).toBe('wrong_issuer')
    },
  )
})

describe('T10: a token of another kind, signed by the issuer with the very claims', () => {
  it.each([
    'JWT',
    'jwt',
    'logout+jwt',
    'statuslist+jwt',
    'revocations+jwt',
    'token-introspection+jwt',
    'secevent+jwt',
    'oauth-authz-req+jwt',
    'dpop+jwt',
    'oauth-id-jag+jwt',
    'client-authentication+jwt',
    'at+jwt ',
    'x/at+jwt',
    '',
    undefined,
    null,
    ['at+jwt'],
  ])('typ %s', async (typ) => {
    expect(await reasonOf(stub.seal(await genuine({ typ })))).toBe('wrong_type')
  })

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt'])('but typ %s is ours', async (typ) => {
    expect(await verifier.verify(stub.seal(await genuine({ typ })))).toMatchObject({ sub: 'ann' })
  })

  it('signed by the key that signs the revocation list', async () => {
    // The set does not say which key is for what: typ and the claims do. It is genuine as far as a reader can tell.
    expect(await verifier.verify(stub.token({}, stub.listing))).toMatchObject({ sub: 'ann' })
  })
})

describe('T6: a token that was changed', () => {
  it('by a character, wherever it is, or cut', async () => {
    const token = stub.token()
    await verifier.verify(token)
    let refused = 0
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A'
      await reasonOf(token.slice(0, at) + other + token.slice(at + 1))
      await reasonOf(token.slice(0, at))
      refused += 2
    }
    expect(refused).toBe(2 * token.length)
    for (const more of [`${token}A`, `${token}=`, `${token} `, ` ${token}`, `${token}\n`]) await reasonOf(more)
  })
})

describe('a token whose time is not now', () => {
  const now = Math.floor(Date.now() / 1000)
  it.each([
    ['is over', { iat: now - 400, exp: now - 61 }, 'expired'],
    ['is of the future', { iat: now + 120, exp: now + 300 }, 'not_yet_valid'],
    ['is not to be used yet', { nbf: now + 120 }, 'not_yet_valid'],
    ['is longer than the server lets any be', { iat: now, exp: now + 3601 }, 'lifetime_too_long'],
    ['is longer than that, from long ago', { iat: now - 100_000, exp: now + 300 }, 'lifetime_too_long'],
  ])('a token that %s', async (_, members, reason) => {
    expect(await reasonOf(stub.token(members))).toBe(reason)
  })
  it.each([
    ['has been over for less than clocks may differ', { iat: now - 300, exp: now - 40 }],
    ['begins in less than clocks may differ', { iat: now + 40, exp: now + 300 }],
    ['is as long as the server lets any be', { iat: now, exp: now + 3600 }],
  ])('but not one that %s', async (_, members) => {
    expect(await verifier.verify(stub.token(members))).toMatchObject({ sub: 'ann' })
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
