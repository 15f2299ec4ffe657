import { createHmac, createPrivateKey, sign as rawSign } from 'node:crypto'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { describe, expect, it } from 'vitest'
import { jwkThumbprint } from '../../../src/crypto/jwk.js'
import { DPOP_ALGORITHMS } from '../../../src/wire/dpop-key.js'
import { DpopProofError, type ExpectedProof, MAX_PROOF_LENGTH, verifyDpopProof } from '../../../src/wire/dpop-proof.js'
import {
  hashOfToken,
  newProofKey,
  RFC_ACCESS_TOKEN,
  RFC_JKT,
  RFC_RESOURCE_PROOF,
  RFC_TOKEN_PROOF,
  signProof,
} from '../../support/dpop.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'
import { mutations } from './fixtures.js'

const NOW = 1_790_000_000
const TOKEN = 'eyJhbGciOiJFQ0RILUVTIn0..aXY.Y2lwaGVydGV4dA.dGFn'
const URL_OF_REQUEST = 'https://api.example.com/orders'
const key = newProofKey()
const other = newProofKey()
const jkt = jwkThumbprint(key.jwk)
const HEADER = { typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk }
const CLAIMS = { jti: 'n1', htm: 'GET', htu: URL_OF_REQUEST, iat: NOW, ath: hashOfToken(TOKEN) }
const EXPECTED: ExpectedProof = { method: 'GET', url: URL_OF_REQUEST, now: NOW, window: 60, accessToken: TOKEN, jkt }

/** Why a proof was refused; undefined when it wasn't. Any other error is a crash and passes through. */
async function refusal(proof: string, expected: Partial<ExpectedProof> = {}): Promise<string | undefined> {
  try {
    await verifyDpopProof(proof, { ...EXPECTED, ...expected })
    return undefined
  } catch (error) {
    if (!(error instanceof DpopProofError)) throw error
    expect(error.message).toBe('The DPoP proof is not valid.')
    expect(error.cause).toBeUndefined()
    return error.reason
  }
}

const proofOf = (header: object = {}, claims: object = {}, by = key) =>
  signProof({ ...HEADER, ...header }, { ...CLAIMS, ...claims }, by)

describe('the proofs of RFC 9449', () => {
  const expected = { now: 1_562_262_618, window: 60 }

  it('are good: the one of a token request, §4.1', async () => {
    const request = { ...expected, method: 'POST', url: 'https://server.example.com/token' }
    expect(await verifyDpopProof(RFC_TOKEN_PROOF, request)).toEqual({
      jkt: RFC_JKT,
      jti: '-BwC3ESc6acc2lTc',
      iat: 1_562_262_616,
      nonce: undefined,
    })
  })

  it('are good: the one of a request for a resource, §7.1', async () => {
    const request = { ...expected, method: 'GET', url: 'https://resource.example.org/protectedresource' }
    const verified = await verifyDpopProof(RFC_RESOURCE_PROOF, {
      ...request,
      accessToken: RFC_ACCESS_TOKEN,
      jkt: RFC_JKT,
    })
    expect(verified.jti).toBe('e1j3V_bKic8-LAEB')
  })
})

describe('a proof made by a client', () => {
  it.each(['ES256', 'PS256', 'Ed25519'])('of oauth4webapi with %s is good', async (alg) => {
    const keyPair = await oauth.generateKeyPair(alg, { extractable: true })
    const handle = oauth.DPoP({}, keyPair)
    let proof = ''
    await oauth.protectedResourceRequest(TOKEN, 'GET', new URL(`${URL_OF_REQUEST}?page=2`), new Headers(), null, {
      DPoP: handle,
      [oauth.customFetch]: async (_url: string, { headers }: { headers: Record<string, string> }) => {
        proof = headers['dpop'] ?? ''
        return new Response()
      },
    })
    const thumbprint = await handle.calculateThumbprint()
    const now = Math.floor(Date.now() / 1000)
    const verified = await verifyDpopProof(proof, {
      ...EXPECTED,
      url: `${URL_OF_REQUEST}?page=2`,
      now,
      jkt: thumbprint,
    })
    expect(verified.jkt).toBe(thumbprint)
  })

  it('of jose with EdDSA is good, and so is a key that says Ed25519', async () => {
    const privateJwk = newPrivateJwk('Ed25519')
    const jwk = { ...publicJwk(privateJwk), alg: 'Ed25519', use: 'sig', key_ops: ['verify'], ext: true }
    const proof = await new SignJWT(CLAIMS)
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: jwk as never })
      .sign(createPrivateKey({ key: privateJwk, format: 'jwk' }))
    expect(await refusal(proof, { jkt: jwkThumbprint(jwk) })).toBeUndefined()
  })
})

describe('a proof is good', () => {
  const accepted: { name: string; given: string; expect?: Partial<ExpectedProof> }[] = [
    { name: 'with nothing wrong', given: proofOf() },
    { name: 'ten seconds early', given: proofOf({}, { iat: NOW + 10 }) },
    { name: 'ten seconds late', given: proofOf({}, { iat: NOW - 10 }) },
    { name: 'at the end of the window', given: proofOf({}, { iat: NOW - 60 }) },
    { name: 'at the start of the window', given: proofOf({}, { iat: NOW + 60 }) },
    { name: 'with an iat that is no whole number', given: proofOf({}, { iat: NOW + 0.5 }) },
    { name: 'with nbf and exp of its own', given: proofOf({}, { nbf: NOW + 3600, exp: NOW - 3600 }) },
    { name: 'with claims and parameters nobody knows', given: proofOf({ kid: '../../etc/passwd', x: 1 }, { x: {} }) },
    {
      name: 'with a jku and an x5u that nobody fetches',
      given: proofOf({ jku: 'https://evil.example/jwks', x5u: 'https://evil.example/', x5c: ['AA=='] }),
    },
    { name: 'with query and fragment in htu', given: proofOf({}, { htu: `${URL_OF_REQUEST}?a=b#c` }) },
    { name: 'with another spelling of the URL', given: proofOf({}, { htu: 'HTTPS://API.example.com:443/./%6frders' }) },
    { name: 'for a request with a query', given: proofOf(), expect: { url: `${URL_OF_REQUEST}?page=2` } },
    { name: 'with a jti of 256 characters', given: proofOf({}, { jti: 'j'.repeat(256) }) },
    { name: 'with a nonce nobody asked for', given: proofOf({}, { nonce: 'x' }) },
    {
      name: 'with the nonce that was asked for',
      given: proofOf({}, { nonce: 'x' }),
      expect: { isNonce: (n) => n === 'x' },
    },
    {
      name: 'with claims like __proto__',
      given: signProof(HEADER, `{"__proto__":{"htm":"PUT"},${JSON.stringify(CLAIMS).slice(1)}`, key),
    },
  ]
  it.each(accepted)('is good $name', async ({ given, expect: expected }) => {
    expect(await refusal(given, expected)).toBeUndefined()
  })

  it('without an access token where none was presented', async () => {
    const { ath, ...claims } = CLAIMS
    const proof = signProof(HEADER, claims, key)
    const verified = await verifyDpopProof(proof, { method: 'GET', url: URL_OF_REQUEST, now: NOW, window: 60 })
    expect(verified).toEqual({ jkt, jti: 'n1', iat: NOW, nonce: undefined })
  })
})

describe('a proof is refused', () => {
  const without = (member: string) => ({ [member]: undefined })
  const { x, y } = key.jwk
  const p384 = newPrivateJwk('P-384')
  const refused: { name: string; given: string; expect: string; when?: Partial<ExpectedProof> }[] = [
    { name: 'empty', given: '', expect: 'proof_malformed' },
    { name: 'in two parts', given: proofOf().split('.').slice(0, 2).join('.'), expect: 'proof_malformed' },
    { name: 'in four parts', given: `${proofOf()}.e30`, expect: 'proof_malformed' },
    { name: 'twice in one header', given: `${proofOf()}, ${proofOf()}`, expect: 'proof_malformed' },
    { name: 'with a header that is no JSON', given: signProof('{', CLAIMS, key), expect: 'proof_malformed' },
    { name: 'with a header that is a list', given: signProof([HEADER], CLAIMS, key), expect: 'proof_malformed' },
    { name: 'with a payload that is a text', given: signProof(HEADER, '"x"', key), expect: 'proof_malformed' },
    { name: 'with a payload nested deep', given: signProof(HEADER, '['.repeat(4000), key), expect: 'proof_malformed' },
    { name: 'too large', given: proofOf({}, { x: 'x'.repeat(MAX_PROOF_LENGTH) }), expect: 'proof_too_large' },
    { name: 'a megabyte large', given: '.'.repeat(1_000_000), expect: 'proof_too_large' },
    { name: 'without typ', given: proofOf(without('typ')), expect: 'proof_wrong_type' },
    { name: 'with another typ', given: proofOf({ typ: 'JWT' }), expect: 'proof_wrong_type' },
    { name: 'with the typ of an access token', given: proofOf({ typ: 'at+jwt' }), expect: 'proof_wrong_type' },
    { name: 'without alg', given: proofOf(without('alg')), expect: 'proof_unsupported_algorithm' },
    ...['none', 'None', 'noNE', 'HS256', 'RS256', 'ES384', 'ES256K', 'es256', '', 'constructor', ['ES256'], 7].map(
      (alg) => ({
        name: `with alg ${JSON.stringify(alg)}`,
        given: proofOf({ alg }),
        expect: 'proof_unsupported_algorithm',
      }),
    ),
    { name: 'with crit', given: proofOf({ crit: ['x'], x: 1 }), expect: 'proof_forbidden_header' },
    { name: 'with an empty crit', given: proofOf({ crit: [] }), expect: 'proof_forbidden_header' },
    { name: 'with crit for b64', given: proofOf({ crit: ['b64'], b64: false }), expect: 'proof_forbidden_header' },
    { name: 'without jwk', given: proofOf(without('jwk')), expect: 'proof_unfit_key' },
    { name: 'with a jwk that is a text', given: proofOf({ jwk: JSON.stringify(key.jwk) }), expect: 'proof_unfit_key' },
    { name: 'with a list of keys', given: proofOf({ jwk: [key.jwk] }), expect: 'proof_unfit_key' },
    { name: 'with its private key', given: proofOf({ jwk: key.privateJwk }), expect: 'proof_private_key' },
    ...['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'].map((member) => ({
      name: `with a key that has ${member}`,
      given: proofOf({ jwk: { ...key.jwk, [member]: 'AA' } }),
      expect: 'proof_private_key',
    })),
    { name: 'with a key of another type', given: proofOf({ alg: 'PS256' }), expect: 'proof_unfit_key' },
    { name: 'with a symmetric key', given: proofOf({ jwk: { kty: 'oct' } }), expect: 'proof_unfit_key' },
    { name: 'with a key on P-384', given: proofOf({ jwk: publicJwk(p384) }), expect: 'proof_unfit_key' },
    { name: 'with a key that is on no curve', given: proofOf({ jwk: { kty: 'EC', x, y } }), expect: 'proof_unfit_key' },
    { name: 'with half a key', given: proofOf({ jwk: { kty: 'EC', crv: 'P-256', x } }), expect: 'proof_unfit_key' },
    { name: 'with an empty coordinate', given: proofOf({ jwk: { ...key.jwk, y: '' } }), expect: 'proof_unfit_key' },
    {
      name: 'with a coordinate spelled another way',
      given: proofOf({ jwk: { ...key.jwk, x: `${x}=` } }),
      expect: 'proof_unfit_key',
    },
    {
      name: 'with a coordinate that is a number',
      given: proofOf({ jwk: { ...key.jwk, x: 7 } }),
      expect: 'proof_unfit_key',
    },
    {
      name: 'with a key for encryption',
      given: proofOf({ jwk: { ...key.jwk, use: 'enc' } }),
      expect: 'proof_unfit_key',
    },
    {
      name: 'with a key for another alg',
      given: proofOf({ jwk: { ...key.jwk, alg: 'ES384' } }),
      expect: 'proof_unfit_key',
    },
    ...['jti', 'htm', 'htu', 'iat'].map((claim) => ({
      name: `without ${claim}`,
      given: proofOf({}, without(claim)),
      expect: 'proof_invalid_claims',
    })),
    { name: 'with an empty jti', given: proofOf({}, { jti: '' }), expect: 'proof_invalid_claims' },
    { name: 'with a jti that is a number', given: proofOf({}, { jti: 7 }), expect: 'proof_invalid_claims' },
    { name: 'with a jti that is a list', given: proofOf({}, { jti: ['n1'] }), expect: 'proof_invalid_claims' },
    { name: 'with a jti too long', given: proofOf({}, { jti: 'j'.repeat(257) }), expect: 'proof_invalid_claims' },
    { name: 'with an iat that is a text', given: proofOf({}, { iat: String(NOW) }), expect: 'proof_invalid_claims' },
    {
      name: 'with an infinite iat',
      given: signProof(HEADER, JSON.stringify(CLAIMS).replace(String(NOW), '1e400'), key),
      expect: 'proof_invalid_claims',
    },
    { name: 'with a negative iat', given: proofOf({}, { iat: -NOW }), expect: 'proof_outside_window' },
    { name: 'with htm that is a list', given: proofOf({}, { htm: ['GET'] }), expect: 'proof_invalid_claims' },
    { name: 'with htu that is a list', given: proofOf({}, { htu: [URL_OF_REQUEST] }), expect: 'proof_invalid_claims' },
    { name: 'for another method', given: proofOf({}, { htm: 'PUT' }), expect: 'proof_wrong_method' },
    { name: 'for the method in small letters', given: proofOf({}, { htm: 'get' }), expect: 'proof_wrong_method' },
    {
      name: 'for another path',
      given: proofOf({}, { htu: 'https://api.example.com/users' }),
      expect: 'proof_wrong_url',
    },
    { name: 'for another host', given: proofOf({}, { htu: 'https://evil.example/orders' }), expect: 'proof_wrong_url' },
    {
      name: 'for another port',
      given: proofOf({}, { htu: 'https://api.example.com:8443/orders' }),
      expect: 'proof_wrong_url',
    },
    { name: 'for plain http', given: proofOf({}, { htu: 'http://api.example.com/orders' }), expect: 'proof_wrong_url' },
    {
      name: 'for a path longer by a slash',
      given: proofOf({}, { htu: `${URL_OF_REQUEST}/` }),
      expect: 'proof_wrong_url',
    },
    {
      name: 'for a path in capitals',
      given: proofOf({}, { htu: 'https://api.example.com/ORDERS' }),
      expect: 'proof_wrong_url',
    },
    { name: 'for no URL', given: proofOf({}, { htu: '/orders' }), expect: 'proof_wrong_url' },
    {
      name: 'for no URL, as asked',
      given: proofOf({}, { htu: '/orders' }),
      when: { url: '/orders' },
      expect: 'proof_wrong_url',
    },
    { name: 'a second too old', given: proofOf({}, { iat: NOW - 61 }), expect: 'proof_outside_window' },
    { name: 'a second too early', given: proofOf({}, { iat: NOW + 61 }), expect: 'proof_outside_window' },
    { name: 'an hour old', given: proofOf({}, { iat: NOW - 3600 }), expect: 'proof_outside_window' },
    { name: 'made for an hour later', given: proofOf({}, { iat: NOW + 3600 }), expect: 'proof_outside_window' },
    { name: 'with iat in milliseconds', given: proofOf({}, { iat: NOW * 1000 }), expect: 'proof_outside_window' },
    { name: 'without ath', given: proofOf({}, without('ath')), expect: 'proof_wrong_token_hash' },
    { name: 'for another token', given: proofOf({}, { ath: hashOfToken('x') }), expect: 'proof_wrong_token_hash' },
    {
      name: 'with an ath that is a list',
      given: proofOf({}, { ath: [hashOfToken(TOKEN)] }),
      expect: 'proof_wrong_token_hash',
    },
    { name: 'of another key', given: proofOf({ jwk: other.jwk }, {}, other), expect: 'proof_wrong_key' },
    { name: 'without a nonce', given: proofOf(), when: { isNonce: () => true }, expect: 'proof_nonce_missing' },
    {
      name: 'with an unknown nonce',
      given: proofOf({}, { nonce: 'x' }),
      when: { isNonce: () => false },
      expect: 'proof_nonce_refused',
    },
    {
      name: 'with a nonce that is a list',
      given: proofOf({}, { nonce: ['x'] }),
      when: { isNonce: () => true },
      expect: 'proof_nonce_refused',
    },
    { name: 'signed by another key', given: proofOf({}, {}, other), expect: 'proof_bad_signature' },
    {
      name: 'without a signature',
      given: `${proofOf().split('.').slice(0, 2).join('.')}.`,
      expect: 'proof_bad_signature',
    },
    {
      name: 'with a signature of zeros',
      given: `${proofOf().split('.').slice(0, 2).join('.')}.${Buffer.alloc(64).toString('base64url')}`,
      expect: 'proof_bad_signature',
    },
  ]
  it.each(refused)('is refused $name', async ({ given, expect: expected, when }) => {
    expect(await refusal(given, when)).toBe(expected)
  })

  it('when its signature is written in DER', async () => {
    const [header, payload] = proofOf().split('.')
    const input = `${header}.${payload}`
    const der = rawSign('sha256', Buffer.from(input), createPrivateKey({ key: key.privateJwk, format: 'jwk' }))
    expect(await refusal(`${input}.${der.toString('base64url')}`)).toBe('proof_bad_signature')
  })

  it('when it is an HMAC under the public key', async () => {
    const input = proofOf({ alg: 'HS256' }).split('.').slice(0, 2).join('.')
    const mac = createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest('base64url')
    expect(await refusal(`${input}.${mac}`)).toBe('proof_unsupported_algorithm')
  })

  it('when its point is not on the curve', async () => {
    const jwk = { ...key.jwk, y: key.jwk.x as string }
    expect(await refusal(proofOf({ jwk }), { jkt: jwkThumbprint(jwk) })).toBe('proof_bad_signature')
  })

  it.each([
    ['of 1024 bits', { rsa: 1024 }, 'proof_unfit_key'],
    ['with the exponent 3', { rsa: 2048, exponent: 3 }, 'proof_unfit_key'],
    ['of 2048 bits', { rsa: 2048 }, undefined],
  ])('when its RSA key is weak: %s', async (_, kind, expected) => {
    const rsa = newProofKey(kind)
    const [header, payload] = signProof({ ...HEADER, alg: 'PS256', jwk: rsa.jwk }, CLAIMS, key).split('.')
    const privateKey = createPrivateKey({ key: rsa.privateJwk, format: 'jwk' })
    const signature = rawSign('sha256', Buffer.from(`${header}.${payload}`), {
      key: privateKey,
      padding: 6,
      saltLength: 32,
    })
    const proof = `${header}.${payload}.${signature.toString('base64url')}`
    expect(await refusal(proof, { jkt: jwkThumbprint(rsa.jwk) })).toBe(expected)
  })

  it('when one of its members comes twice and the last is wrong', async () => {
    const twice = (member: string) =>
      signProof(HEADER, JSON.stringify(CLAIMS).replace('{', `{"htm":"GET",`).replace(/}$/, `,${member}}`), key)
    expect(await refusal(twice('"htm":"PUT"'))).toBe('proof_wrong_method')
    expect(await refusal(twice('"htm":"GET"'))).toBeUndefined()
  })

  it('after any change of one character and any truncation', async () => {
    const proof = proofOf()
    for (const changed of mutations(proof)) expect(await refusal(changed)).toBeDefined()
  })

  it('without a crash, whatever is sent', async () => {
    const json = fc.json()
    await fc.assert(
      fc.asyncProperty(json, json, async (header, payload) => {
        expect(await refusal(signProof(header, payload, key))).toBeDefined()
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.constantFrom(...DPOP_ALGORITHMS), async (jwk, alg) => {
        expect(await refusal(proofOf({ jwk, alg }))).toBeDefined()
      }),
    )
  })
})
