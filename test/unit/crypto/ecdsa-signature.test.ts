import { sign, verify } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { derFromRaw, rawFromDer } from '../../../src/crypto/ecdsa-signature.js'
import { generateSigningKey } from '../../../src/crypto/jwk.js'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')
const { privateKey, publicKey } = await generateSigningKey('ES256')

describe('an ECDSA signature on P-256', () => {
  it('is the same one in both forms, for OpenSSL as well', () => {
    // Enough that about 8 of each have a zero byte in front, which ASN.1 leaves out and a JWS does not.
    for (let n = 0; n < 2_000; n++) {
      const text = Buffer.from(String(n))
      const der = sign('sha256', text, privateKey)
      const raw = rawFromDer(der)
      expect(raw).toHaveLength(64)
      expect(derFromRaw(raw)).toEqual(der)
      if (n % 20 > 0 && raw[0] !== 0 && raw[32] !== 0) continue
      expect(verify('sha256', text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true)
      const other = sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' })
      expect(verify('sha256', text, publicKey, derFromRaw(other))).toBe(true)
    }
  })

  it('of any numbers at all is read back as it was', () => {
    const half = fc.oneof(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      // With zeros in front, or nothing else.
      fc
        .uint8Array({ maxLength: 3 })
        .map((end) => Uint8Array.from([...Array<number>(32 - end.length).fill(0), ...end])),
    )
    fc.assert(
      fc.property(half, half, (r, s) => {
        const raw = Buffer.concat([r, s])
        expect(rawFromDer(derFromRaw(raw))).toEqual(raw)
      }),
    )
  })

  // X.690 §8.3.2 and §8.3.3.
  it.each([
    ['two small ones', '01', '7f', '3006 020101 02017f'],
    ['high bits, which would be signs', '80', 'ff', '3008 02020080 020200ff'],
    ['zeros', '00', '00', '3006 020100 020100'],
  ])('is written in the fewest bytes: %s', (_, r, s, der) => {
    const raw = hex(`${r.padStart(64, '0')} ${s.padStart(64, '0')}`)
    expect(derFromRaw(raw)).toEqual(hex(der))
    expect(rawFromDer(hex(der))).toEqual(raw)
  })

  it.each([
    ['nothing', ''],
    ['no sequence', '3106 020101 020101'],
    ['another length than its own', '3007 020101 020101'],
    ['no second integer', '3003 020101'],
    ['something else for an integer', '3006 020101 030101'],
    ['a third integer', '3009 020101 020101 020101'],
    ['an integer that goes on beyond the end', '3006 020101 020201'],
    ['an integer longer than a number of this curve', `3026 0221 01${'00'.repeat(32)} 020101`],
  ])('is not made of %s', (_, der) => {
    expect(() => rawFromDer(hex(der))).toThrow(RangeError)
  })
})
