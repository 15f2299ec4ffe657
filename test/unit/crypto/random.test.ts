import { describe, expect, it } from 'vitest'
import { randomOctets } from '../../../src/crypto/random.js'

describe('random octets', () => {
  it('are as many as asked, others each time, and stay what they were', () => {
    const nonces = Array.from({ length: 2_000 }, (_, n) => randomOctets(6 + (n % 11)))
    const taken = nonces.map((nonce) => nonce.toString('hex'))
    expect(nonces.map(({ length }) => length)).toEqual(nonces.map((_, n) => 6 + (n % 11)))
    expect(new Set(taken).size).toBe(2_000)
    for (let n = 0; n < 1_000; n++) randomOctets(16)
    expect(nonces.map((nonce) => nonce.toString('hex'))).toEqual(taken)
  })

  it('share no byte with others', () => {
    const nonces = Array.from({ length: 1_000 }, () => randomOctets(12))
    const places = nonces.map(({ buffer, byteOffset }) => ({ buffer, byteOffset }))
    for (const [n, { buffer, byteOffset }] of places.entries()) {
      const next = places[n + 1]
      if (next?.buffer === buffer) expect(next.byteOffset).toBeGreaterThanOrEqual(byteOffset + 12)
    }
  })

  it('are never more than what is kept of them', () => {
    expect(() => randomOctets(4_097)).toThrow(RangeError)
  })
})
