import { createECDH, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { agreeByKeyObjects, agreeOnCurve, agreeWithRecipient } from '../../../src/crypto/key-agreement.js'
import { p256Point, parsePublicJwk } from '../../../src/crypto/public-jwk.js'

const jwk = { publicKeyEncoding: { format: 'jwk' }, privateKeyEncoding: { format: 'jwk' } }
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256', ...jwk } as never) as unknown as {
  publicKey: Record<string, unknown>
  privateKey: { d: string }
}
const parsed = parsePublicJwk(pair.publicKey)
if (typeof parsed === 'string' || parsed.kty !== 'EC') throw new Error('The key is sound.')
const recipient = { ...parsed, alg: 'ECDH-ES' as const, kid: undefined }
const holder = createECDH('prime256v1')
holder.setPrivateKey(pair.privateKey.d, 'base64url')

describe('agreement on P-256', () => {
  const ways = { agreeWithRecipient, agreeByKeyObjects, agreeOnCurve }

  it.each(Object.entries(ways))('gives both sides one secret: %s', (_, agree) => {
    for (let n = 0; n < 50; n++) {
      const { epk, sharedSecret } = agree(recipient)
      expect(epk).toEqual({ kty: 'EC', crv: 'P-256', x: expect.any(String), y: expect.any(String) })
      const point = p256Point({ ...epk })
      expect(point && holder.computeSecret(point)).toEqual(sharedSecret)
    }
  })

  // RFC 7518 §4.6: a new ephemeral key for each agreement.
  it.each(Object.entries(ways))('takes another key pair each time: %s', (_, agree) => {
    const made = Array.from({ length: 50 }, () => agree(recipient))
    expect(new Set(made.map(({ epk }) => epk.x)).size).toBe(50)
    expect(new Set(made.map(({ sharedSecret }) => sharedSecret.toString('hex'))).size).toBe(50)
  })
})
