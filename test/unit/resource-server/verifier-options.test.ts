import { describe, expect, it } from 'vitest'
import { buildVerifier } from '../../../src/resource-server/build-verifier.js'
import type { VerifierOptions } from '../../../src/resource-server/options.js'
import { liveRevocations } from '../../support/live-revocations.js'
import { AUDIENCE, stubIssuer } from '../../support/stub-issuer.js'

describe('a programmer’s mistake', async () => {
  const { issuer, decryptionKeys } = await stubIssuer()
  const good = { issuer, audience: AUDIENCE, decryptionKeys }
  const [key] = decryptionKeys

  it.each([
    { name: 'no issuer', given: { issuer: undefined }, says: 'issuer' },
    { name: 'an issuer that is no URL', given: { issuer: 'login.example' }, says: 'issuer' },
    { name: 'an issuer with a slash', given: { issuer: 'https://login.example/' }, says: 'slash' },
    { name: 'an issuer over http', given: { issuer: 'http://login.example' }, says: 'https' },
    {
      name: 'an issuer over http that looks like this machine',
      given: { issuer: 'http://localhost.evil.example' },
      says: 'https',
    },
    { name: 'no audience', given: { audience: '' }, says: 'audience' },
    { name: 'no keys', given: { decryptionKeys: [] }, says: 'keygen' },
    { name: 'keys of an API that needs none', given: { format: 'signed' }, says: 'signed' },
    { name: 'another format', given: { format: 'opaque' }, says: 'format' },
    { name: 'a key without alg', given: { decryptionKeys: [{ ...key, alg: undefined }] }, says: 'alg' },
    { name: 'a public key', given: { decryptionKeys: [{ ...key, d: undefined }] }, says: 'private' },
    {
      name: 'a key of another algorithm',
      given: { decryptionKeys: [{ ...key, alg: 'RSA-OAEP-256' }] },
      says: 'RSA-OAEP-256',
    },
    { name: 'half of the credentials', given: { credentials: { id: 'a', secret: '' } }, says: 'api_secret' },
    { name: 'nobody to introspect at', given: { whenStale: 'introspect' }, says: 'credentials' },
    { name: 'clocks that differ by an hour', given: { clockTolerance: 3600 }, says: 'clockTolerance' },
    { name: 'a cache without end', given: { cacheSize: Number.POSITIVE_INFINITY }, says: 'cacheSize' },
    { name: 'a public URL that is none', given: { publicUrl: 'orders' }, says: 'publicUrl' },
    { name: 'a proof window without end', given: { dpop: { window: 86_400 } }, says: 'window' },
    { name: 'an option that is misspelt', given: { clockTolerence: 5 }, says: 'clockTolerence' },
    { name: 'an option of dpop that is misspelt', given: { dpop: { require: true } }, says: 'require' },
    { name: 'a nonce secret that is not there', given: { dpop: { nonce: undefined } }, says: 'dpop.nonce' },
    { name: 'dpop that is no object', given: { dpop: true }, says: 'required' },
    { name: 'another answer when it is stale', given: { whenStale: 'opne' }, says: 'whenStale' },
    { name: 'a scope with a quote in it', given: { impliedScopes: { 'a"b': ['c'] } }, says: 'impliedScopes' },
  ])('$name: it is said at once', ({ given, says }) => {
    expect(() => buildVerifier({ ...good, ...given } as VerifierOptions, { follow: liveRevocations })).toThrow(
      TypeError,
    )
    expect(() => buildVerifier({ ...good, ...given } as VerifierOptions, { follow: liveRevocations })).toThrow(says)
  })

  it('says nothing of the key', () => {
    try {
      buildVerifier({ ...good, decryptionKeys: [{ ...key, d: `${String(key['d'])}!` }] }, { follow: liveRevocations })
      expect.unreachable()
    } catch (error) {
      expect(String(error)).not.toContain(String(key['d']))
    }
  })
})
