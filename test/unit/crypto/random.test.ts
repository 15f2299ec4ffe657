import { describe, expect, it } from 'vitest'
import { randomNonce } from '../../../src/crypto/random.js'

describe('a random nonce', () => {
  it('is as long as asked, another each time, and stays what it was', () => {
    const nonces = Array.from({ length: 2_000 }, (_, n) => randomNonce(6 + (n % 11)))
    const taken = nonces.map((nonce) => nonce.toString('hex'))
    expect(nonces.map(({ length }) => length)).toEqual(nonces.map((_, n) => 6 + (n % 11)))
    expect(new Set(taken).size).toBe(2_000)
    for (let n = 0; n < 1_000; n++) randomNonce(16)
    expect(nonces.map((nonce) => nonce.toString('hex'))).toEqual(taken)
  })

  it('shares no byte with another', () => {
    const nonces = Array.from({ length: 1_000 }, () => randomNonce(12))
    const places = nonces.map(({ buffer, byteOffset }) => ({ buffer, byteOffset }))
    for (const [n, { buffer, byteOffset }] of places.entries()) {
      const next = places[n + 1]
      if (next?.buffer === buffer) expect(next.byteOffset).toBeGreaterThanOrEqual(byteOffset + 12)
    }
  })

  it('is never as long as what is kept for it', () => {
    expect(() => randomNonce(4_097)).toThrow(RangeError)
  })
})
