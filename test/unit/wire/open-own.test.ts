import { randomBytes } from 'node:crypto'
import { CompactEncrypt, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import { concatKdf } from '../../../src/crypto/concat-kdf.js'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { signJws } from '../../../src/crypto/jws.js'
import { unwrapKey, wrapKey } from '../../../src/crypto/key-wrap.js'
import { signAccessToken } from '../../../src/wire/access-token.js'
import { encryptJwe, parseJwe } from '../../../src/wire/jwe.js'
import { openOpaque, openOwn, openSealed } from '../../../src/wire/open-own.js'
import { sealAccessToken, sealOpaque } from '../../../src/wire/seal.js'
import { publicJwk } from '../../support/jwk.js'
import { type Api, apis, claims, headerOf, kek, kekById, ownKeys, refusal, signingKey, withHeader } from './fixtures.js'

const inner = signAccessToken(claims, signingKey)
const other = signAccessToken({ ...claims, sub: 'admin', exp: claims.exp + 3600 }, signingKey)
const [x25519] = apis as [Api]
const rsa = apis.find((api) => api.alg === 'RSA-OAEP-256') as Api

const asServer = (token: string) => refusal(() => openOwn(token, ownKeys))

/** What an API, which knows the secret of its token, can make of it: other content under the same header. */
function resealed(token: string, api: Api, content: string): string {
  const { header, encryptedKey } = parseJwe(token)
  const own = header as Record<string, unknown> & { enc: 'A256GCM'; apu: string; bk: string }
  const wrapped = Buffer.from(api.alg === 'RSA-OAEP-256' ? own.bk : own.apu, 'base64url')
  const secret = (unwrapKey(kek.key, wrapped.subarray(4)) as Buffer).subarray(0, 32)
  const derived = concatKdf(secret, {
    algorithm: api.alg === 'ECDH-ES' ? api.enc : api.alg,
    apu: wrapped,
    apv: Buffer.alloc(0),
  })
  const contentKey = { 'ECDH-ES': derived, 'ECDH-ES+A256KW': unwrapKey(derived, encryptedKey), 'RSA-OAEP-256': secret }[
    api.alg
  ]
  return encryptJwe(content, own, {
    contentKey: contentKey as Buffer,
    encryptedKey: encryptedKey.toString('base64url'),
  })
}

describe.each(apis)('an API that knows the secret of a token made by $name', (api) => {
  const token = sealAccessToken(inner, api, kek)

  it('can seal the same content again, which changes nothing', () => {
    expect(openOwn(resealed(token, api, inner), ownKeys).claims).toEqual(claims)
  })

  it('cannot make the server read other content under it', () => {
    expect(asServer(resealed(token, api, other))).toBe('content_replaced')
    expect(asServer(resealed(token, api, `${inner} `))).toBe('content_replaced')
    expect(asServer(resealed(token, api, JSON.stringify(claims)))).toBe('content_replaced')
  })

  it('cannot give the server the wrapped secret of another token', () => {
    const second = sealAccessToken(other, api, kek)
    const { apu, bk } = headerOf(second)
    expect(asServer(withHeader(token, api.alg === 'RSA-OAEP-256' ? { bk } : { apu }))).toBe('decryption_failed')
  })
})

it('an API cannot pass the wrapped secret of its token off as the key of an opaque one', () => {
  const { bk } = headerOf(sealAccessToken(inner, rsa, kek))
  const wrapped = Buffer.from(bk, 'base64url').subarray(4)
  const unwrapped = unwrapKey(kek.key, wrapped) as Buffer
  const header = { alg: 'A256KW', cty: 'JWT', kid: String(kek.id) } as const
  for (const enc of ['A256GCM', 'A128CBC-HS256'] as const) {
    for (const contentKey of [unwrapped.subarray(0, 32), unwrapped.subarray(16)]) {
      const token = encryptJwe(other, { ...header, enc }, { contentKey, encryptedKey: encodeBase64url(wrapped) })
      expect(asServer(token)).toBe('decryption_failed')
    }
  }
})

it('a wrapped secret that is bound to no content is no secret', () => {
  const secret = randomBytes(32)
  const id = Buffer.alloc(4)
  id.writeUInt32BE(kek.id)
  for (const unbound of [secret, Buffer.concat([secret, Buffer.alloc(8)]), Buffer.concat([secret, Buffer.alloc(24)])]) {
    const apu = Buffer.concat([id, wrapKey(kek.key, unbound)])
    const contentKey = concatKdf(secret, { algorithm: 'A256GCM', apu, apv: Buffer.alloc(0) })
    const header = { alg: 'ECDH-ES', enc: 'A256GCM', cty: 'JWT', apu: encodeBase64url(apu) } as const
    expect(asServer(encryptJwe(other, header, { contentKey, encryptedKey: '' }))).toBe('decryption_failed')
  }
})

it('a changed encrypted key is noticed by the server too, which does not need it', () => {
  for (const api of [rsa, ...apis.filter(({ alg }) => alg === 'ECDH-ES+A256KW')]) {
    const [header, encryptedKey = '', ...rest] = sealAccessToken(inner, api, kek).split('.')
    const bytes = Buffer.from(encryptedKey, 'base64url')
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3)
    expect(asServer([header, encodeBase64url(bytes), ...rest].join('.'))).toMatch(/content_replaced|decryption_failed/)
  }
})

describe('the server refuses', () => {
  it('what anybody can seal for an API: no key of the server is in it', async () => {
    for (const api of apis) {
      const token = await new CompactEncrypt(Buffer.from(inner))
        .setProtectedHeader({ alg: api.alg, enc: api.enc, cty: 'JWT' })
        .encrypt(await importJWK(publicJwk(api.privateJwk) as JWK, api.alg))
      expect(asServer(token)).toBe('malformed')
      for (const wrapped of [
        '',
        'AAAA',
        'AAAAAAA',
        encodeBase64url(randomBytes(4)),
        encodeBase64url(randomBytes(60)),
        7,
      ]) {
        expect(asServer(withHeader(token, { apu: wrapped, bk: wrapped }))).toMatch(/malformed|unknown_key/)
      }
    }
  })

  it('a token under a KEK it has destroyed, or under another key of the same id', () => {
    for (const api of apis) {
      const token = sealAccessToken(inner, api, kek)
      expect(refusal(() => openSealed(token, () => undefined))).toBe('unknown_key')
      expect(refusal(() => openSealed(token, () => Buffer.alloc(32)))).toBe('decryption_failed')
    }
    const opaque = sealOpaque(inner, kek)
    expect(refusal(() => openOpaque(opaque, () => undefined))).toBe('unknown_key')
    expect(refusal(() => openOpaque(opaque, () => Buffer.alloc(32)))).toBe('decryption_failed')
    expect(openOpaque(opaque, kekById)).toEqual({ inner })
  })

  it('an opaque token whose kid is no id of a KEK', () => {
    for (const kid of [
      '',
      '-1',
      '1e3',
      ' 4000000001',
      '0x1',
      '9'.repeat(11),
      '9'.repeat(4000),
      7,
      null,
      ['4000000001'],
    ]) {
      expect(asServer(withHeader(sealOpaque(inner, kek), { kid }))).toBe('unknown_key')
    }
  })

  it('a token within a token, claims that nobody signed, and tokens of another kind', async () => {
    const sealed = sealAccessToken(signAccessToken({ ...claims, scope: 'a' }, signingKey), x25519, kek)
    expect(asServer(sealOpaque(sealed, kek))).toBe('malformed')
    expect(asServer(sealOpaque(JSON.stringify(claims), kek))).toBe('malformed')
    for (const typ of ['JWT', 'statuslist+jwt', 'logout+jwt', 'revocations+jwt', 'token-introspection+jwt']) {
      const token = signJws({ typ }, claims, signingKey)
      expect(asServer(token)).toBe('wrong_type')
      expect(asServer(sealOpaque(token, kek))).toBe('wrong_type')
      expect(asServer(sealAccessToken(token, x25519, kek))).toBe('wrong_type')
    }
    const stranger = await generateSigningKey('ES256')
    expect(asServer(signAccessToken(claims, stranger))).toBe('unknown_key')
    expect(asServer(signAccessToken(claims, { ...stranger, kid: signingKey.kid }))).toBe('bad_signature')
  })

  it('a token of another issuer, byte for byte', () => {
    for (const iss of [
      'https://as.example.com/',
      'https://AS.example.com',
      'https://as.example.com/t/a',
      'as.example.com',
    ]) {
      for (const token of [signAccessToken({ ...claims, iss }, signingKey)]) {
        expect(asServer(token)).toBe('wrong_issuer')
        expect(asServer(sealOpaque(token, kek))).toBe('wrong_issuer')
        expect(asServer(sealAccessToken(token, x25519, kek))).toBe('wrong_issuer')
      }
    }
  })

  const bad: [string, unknown][] = [
    ...['iss', 'sub', 'aud', 'client_id', 'jti'].flatMap((name): [string, unknown][] => [
      [name, undefined],
      [name, ''],
      [name, 7],
      [name, ['a']],
      [name, { toString: 'a' }],
    ]),
    ...['iat', 'exp', 'rev'].flatMap((name): [string, unknown][] => [
      [name, undefined],
      [name, '1790000300'],
      [name, 1.5],
      [name, -1],
      [name, null],
      [name, 2 ** 53],
      [name, Number.POSITIVE_INFINITY],
    ]),
    ['scope', ['a']],
    ['grant', ''],
    ['sid', 7],
    ['auth_time', '1'],
    ['acr', 1],
    ['amr', 'pwd'],
    ['amr', [7]],
    ['cnf', 'jkt'],
    ['cnf', []],
    ['status', { status_list: { idx: -1, uri: 'a' } }],
    ['status', { status_list: { idx: 1 } }],
    ['status', {}],
    ['act', 'agent'],
    ['act', { sub: 'agent', act: { iss: 'x' } }],
  ]
  it.each(bad)('the claim %s of %j', (name, value) => {
    const token = signJws({ typ: 'at+jwt' }, { ...claims, [name]: value }, signingKey)
    expect(asServer(token)).toBe('invalid_claims')
  })

  it('numbers that JSON can write and a clock cannot reach', () => {
    const payload = JSON.stringify(claims).replace(`"exp":${claims.exp}`, '"exp":1e400')
    expect(asServer(signJws({ typ: 'at+jwt' }, Buffer.from(payload), signingKey))).toBe('invalid_claims')
  })
})

it('a token opens with all its optional claims', () => {
  const full = {
    ...claims,
    acr: '1',
    amr: ['pwd', 'otp'],
    cnf: { jkt: 'abc' },
    act: { sub: 'agent', act: { sub: 'agent-before' } },
  }
  expect(openOwn(signAccessToken(full, signingKey), ownKeys).claims).toEqual(full)
})

it('neither the mint nor the sealer makes a token that no reader takes', () => {
  const long = (length: number) => ({ ...claims, scope: 'x'.repeat(length) })
  expect(refusal(() => signAccessToken(long(5000), signingKey))).toBe('too_large')
  const heavy = signAccessToken(long(3800), signingKey)
  expect(refusal(() => sealAccessToken(heavy, rsa, kek))).toBe('too_large')
  expect(refusal(() => sealOpaque(heavy, kek))).toBe('too_large')
})

it('every refusal reads the same', () => {
  for (const token of ['', inner.slice(1), sealOpaque('x', kek)]) {
    expect(() => openOwn(token, ownKeys)).toThrow(/^The token is not valid\.$/)
  }
})
