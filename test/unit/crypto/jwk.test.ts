import { createPrivateKey, createPublicKey } from 'node:crypto'
import { calculateJwkThumbprint, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import {
  generateSigningKey,
  importSigningKey,
  importVerificationKey,
  jwkThumbprint,
  type SigningAlgorithm,
} from '../../../src/crypto/jwk.js'
import { newPrivateJwk } from '../../support/jwk.js'

describe('jwkThumbprint', () => {
  it('agrees with the RSA example of RFC 7638 §3.1, whatever else the key says', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64t' +
      'Z_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO' +
      'pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    const jwk = { kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' }
    expect(jwkThumbprint(jwk)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
  })

  it('agrees with the Ed25519 example of RFC 8037 appendix A.3', () => {
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }
    expect(jwkThumbprint(jwk)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
  })

  it('has no name for a symmetric key', () => {
    expect(() => jwkThumbprint({ kty: 'oct', k: 'AAAA' })).toThrow(TypeError)
  })
})

describe.each<SigningAlgorithm>(['ES256', 'RS256', 'PS256', 'Ed25519'])('a signing key for %s', (alg) => {
  it('publishes its public half alone, named by its thumbprint, in a form jose reads', async () => {
    const { kid, publicJwk } = await generateSigningKey(alg)
    expect(publicJwk).toMatchObject({ kid, alg, use: 'sig' })
    expect((await calculateJwkThumbprint(publicJwk as JWK)).startsWith(kid)).toBe(true)
    expect(kid).toHaveLength(16)
    const secret = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].filter((member) => member in publicJwk)
    expect(secret).toEqual([])
    expect(await importJWK(publicJwk as JWK)).toMatchObject({ type: 'public' })
  })

  it('comes back from storage as the same key', async () => {
    const { pkcs8, ...key } = await generateSigningKey(alg)
    const imported = importSigningKey(pkcs8, alg)
    expect(imported.publicJwk).toEqual(key.publicJwk)
    expect(importVerificationKey(key.publicJwk).publicKey.equals(imported.publicKey)).toBe(true)
  })
})

describe('importSigningKey', () => {
  const pkcs8 = (jwk: object) =>
    createPrivateKey({ key: jwk, format: 'jwk' } as never).export({ format: 'der', type: 'pkcs8' })
  const cases: [string, SigningAlgorithm, object][] = [
    ['a P-384 key', 'ES256', newPrivateJwk('P-384')],
    ['an RSA key', 'ES256', newPrivateJwk({ rsa: 2048 })],
    ['an RSA key of 1024 bits', 'RS256', newPrivateJwk({ rsa: 1024 })],
    ['an EC key', 'PS256', newPrivateJwk('P-256')],
    ['an X25519 key', 'Ed25519', newPrivateJwk('X25519')],
  ]

  it.each(cases)('refuses %s for %s', (_, alg, jwk) => {
    expect(() => importSigningKey(pkcs8(jwk), alg)).toThrow(TypeError)
  })

  it('refuses to check with a key of another algorithm than it says', () => {
    const publicKey = createPublicKey({ key: newPrivateJwk('P-384'), format: 'jwk' })
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'ES256', use: 'sig' } as const
    expect(() => importVerificationKey(jwk)).toThrow(TypeError)
  })
})
