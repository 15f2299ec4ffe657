import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign as rawSign } from 'node:crypto'
import fc from 'fast-check'
import { type CompactJWSHeaderParameters, CompactSign, compactVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { generateSigningKey, type SigningKey } from '../../../src/crypto/jwk.js'
import { signJws, verifyJws } from '../../../src/crypto/jws.js'
import { mutations, refusal } from '../wire/fixtures.js'

const keys: SigningKey[] = await Promise.all(
  (['ES256', 'RS256', 'PS256', 'Ed25519'] as const).map((alg) => generateSigningKey(alg)),
)
const [es256, rs256] = keys as [SigningKey, SigningKey]
const payload = { iss: 'https://as.example.com', n: 1 }
const expected = { typ: 'at+jwt', algorithms: ['ES256', 'RS256', 'PS256', 'Ed25519'] } as const
const resolve = (kid: string) => keys.find((key) => key.kid === kid)
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function check(token: string, expectation: Parameters<typeof verifyJws>[2] = expected) {
  return refusal(() => verifyJws(token, resolve, expectation))
}

/** A token whose ES256 signature is right, whatever header and payload are. */
function forge(header: unknown, body: unknown = payload, key = es256): string {
  const input = `${typeof header === 'string' ? header : b64(header)}.${typeof body === 'string' ? body : b64(body)}`
  const signature = rawSign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

describe.each(keys)('a JWS signed with $alg', (key) => {
  const token = signJws({ typ: 'at+jwt' }, payload, key)

  it('verifies, here and with jose', async () => {
    expect(verifyJws(token, resolve, expected)).toEqual({
      header: { typ: 'at+jwt', alg: key.alg, kid: key.kid },
      payload,
    })
    const verified = await compactVerify(token, key.publicKey)
    expect(JSON.parse(Buffer.from(verified.payload).toString())).toEqual(payload)
  })

  it('verifies when jose made it', async () => {
    const header: CompactJWSHeaderParameters = { alg: key.alg, typ: 'application/AT+JWT', kid: key.kid }
    const josesToken = await new CompactSign(Buffer.from(JSON.stringify(payload)))
      .setProtectedHeader(header)
      .sign(key.privateKey)
    expect(verifyJws(josesToken, resolve, expected).payload).toEqual(payload)
  })

  it('is refused after any change of one character and any truncation', () => {
    for (const changed of mutations(token)) expect(check(changed)).toBeDefined()
  })
})

describe('a JWS is refused', () => {
  const header = { typ: 'at+jwt', alg: 'ES256', kid: es256.kid }
  const attacker = generateKeyPairSync('ec', { namedCurve: 'P-256' })

  it('stands when nothing is wrong with it', () => {
    expect(check(forge(header))).toBeUndefined()
  })

  it.each(['none', 'None', 'noNE', 'HS256', 'es256', 'ES384', '', undefined, ['ES256']])(
    'when its alg is %j',
    (alg) => {
      expect(check(forge({ ...header, alg }))).toBe('unsupported_algorithm')
      expect(check(`${b64({ ...header, alg })}.${b64(payload)}.`)).toBe('malformed')
    },
  )

  it('when it is an HMAC under the public key', () => {
    const input = `${b64({ ...header, alg: 'HS256', kid: rs256.kid })}.${b64(payload)}`
    const pem = rs256.publicKey.export({ type: 'spki', format: 'pem' })
    expect(check(`${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`)).toBe(
      'unsupported_algorithm',
    )
  })

  it('when the key is right and its algorithm is not allowed here', () => {
    const token = signJws({ typ: 'at+jwt' }, payload, rs256)
    expect(check(token, { ...expected, algorithms: ['ES256', 'PS256'] })).toBe('unsupported_algorithm')
  })

  it('when it brings a key, a URL or an extension of its own', () => {
    const jwk = createPublicKey(createPrivateKey(attacker.privateKey.export({ type: 'pkcs8', format: 'pem' }))).export({
      format: 'jwk',
    })
    const extras = [
      { jwk },
      { jku: 'https://attacker.example/jwks' },
      { x5u: 'https://attacker.example/x5u' },
      { x5c: ['AA'] },
      { crit: ['exp'], exp: 1 },
      { crit: [] },
      { b64: false, crit: ['b64'] },
      { b64: true },
      { zip: 'DEF' },
      { enc: 'A256GCM' },
    ]
    for (const extra of extras) expect(check(forge({ ...header, ...extra }))).toBe('forbidden_header')
  })

  it.each(['../../dev/null', "' OR 1=1 --", '__proto__', 'constructor', 'k'.repeat(4000), '', 7, null, undefined])(
    'when its kid is %j',
    (kid) => {
      expect(check(forge({ ...header, kid }))).toBe('unknown_key')
    },
  )

  it('when its typ is that of another kind of token', () => {
    for (const typ of ['JWT', 'statuslist+jwt', 'at+jwt ', 'xat+jwt', 'x/at+jwt', '', undefined, ['at+jwt']]) {
      expect(check(forge({ ...header, typ }))).toBe('wrong_type')
    }
  })

  it('when the signature is DER, too long, empty, or has an r or s of zero', () => {
    const [head, body] = forge(header).split('.')
    const input = `${head}.${body}`
    const der = rawSign('sha256', Buffer.from(input), es256.privateKey)
    const good = rawSign('sha256', Buffer.from(input), { key: es256.privateKey, dsaEncoding: 'ieee-p1363' })
    const zero = Buffer.alloc(32)
    const padded = Buffer.concat([Buffer.alloc(1), good.subarray(0, 32), Buffer.alloc(1), good.subarray(32)])
    const bad = [
      der,
      padded,
      Buffer.concat([good, zero]),
      Buffer.alloc(64),
      Buffer.alloc(64, 0xff),
      Buffer.concat([zero, good.subarray(32)]),
      Buffer.concat([good.subarray(0, 32), zero]),
      Buffer.alloc(3000, 1),
    ]
    for (const signature of bad) expect(check(`${input}.${signature.toString('base64url')}`)).toBe('bad_signature')
    expect(check(`${input}.`)).toBe('malformed')
  })

  it('when it has not exactly three parts, or is not text', () => {
    const token = forge(header)
    for (const bad of ['', '.', '..', '....', `${token}.`, `${token}.AA`, token.replace('.', ''), `${token}...AA`]) {
      expect(check(bad)).toBe('malformed')
    }
    for (const bad of [undefined, null, 7, {}, ['a.b.c'], Buffer.from(token)]) {
      expect(check(bad as unknown as string)).toBe('malformed')
    }
  })

  it('when header or payload is not one JSON object', () => {
    const text = (value: string) => Buffer.from(value).toString('base64url')
    for (const bad of ['[]', 'null', '"a"', '1', '', '{}{}', `${'{"a":'.repeat(900)}1`]) {
      expect(check(forge(text(bad)))).toBe('malformed')
      expect(check(forge(header, text(bad)))).toBe('malformed')
    }
    expect(check(forge(header, Buffer.from('7b2261223a22ff227d', 'hex').toString('base64url')))).toBe('malformed')
  })

  it('when it is longer than the reader allows, before anything is decoded', () => {
    const token = signJws({ typ: 'at+jwt' }, { text: 'x'.repeat(9000) }, es256)
    expect(check(token)).toBe('too_large')
    expect(check('a'.repeat(10_000_000))).toBe('too_large')
    expect(check(token, { ...expected, maxLength: 20_000 })).toBeUndefined()
  })

  it('when the key signed something else', () => {
    const [, , signature] = forge(header).split('.')
    expect(check(`${b64(header)}.${b64({ ...payload, n: 2 })}.${signature}`)).toBe('bad_signature')
  })
})

it('signs with the algorithm and kid of the key, whatever the header asks for', () => {
  const token = signJws({ typ: 'at+jwt', alg: 'none', kid: 'other' }, payload, es256)
  expect(verifyJws(token, resolve, expected).header).toEqual({ typ: 'at+jwt', alg: 'ES256', kid: es256.kid })
})

it('signs a payload that is already encoded as it stands', () => {
  const token = signJws({ typ: 'at+jwt' }, Buffer.from('{ "a" : 1 }'), es256)
  expect(token.split('.')[1]).toBe(Buffer.from('{ "a" : 1 }').toString('base64url'))
})

it('counts the last of a repeated header parameter, for the check and for the choice of the key alike', () => {
  const header = `{"typ":"JWT","alg":"none","kid":"x","typ":"at+jwt","alg":"ES256","kid":"${es256.kid}"}`
  expect(check(forge(Buffer.from(header).toString('base64url')))).toBeUndefined()
})

it('never crashes on untrusted text', () => {
  const part = fc.oneof(
    fc.constantFrom(...signJws({ typ: 'at+jwt' }, payload, es256).split('.')),
    fc.json().map((text) => Buffer.from(text).toString('base64url')),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      check(parts.join('.'))
    }),
    { numRuns: 500 },
  )
})
