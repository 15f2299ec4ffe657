import { randomBytes } from 'node:crypto'
import { afterAll, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import { attackedApi, part } from '../../support/attacked-api.js'
import { AUDIENCE } from '../../support/stub-issuer.js'

// What an API is sent by those who have no token: claims, times and tokens of another kind, by the tables of attacks J6, J7, T6 and T10.
// Each is refused in the same words, and nobody is asked about it.

const { stub, verifier, header, genuine, reasonOf } = await attackedApi()
afterAll(() => verifier.close())

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
