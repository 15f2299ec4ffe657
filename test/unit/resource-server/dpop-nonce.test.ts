import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createDpopNonces } from '../../../src/resource-server/dpop-nonce.js'
import { mutations } from '../wire/fixtures.js'

const START = 1_790_000_040
const SECRET = 'k7Q2v9ZpXw3LrT8sYb1NcF6hJd4MgE0a'

describe('a nonce', () => {
  const nonces = createDpopNonces(SECRET)
  const nonce = nonces.current(START)

  it.each([
    { name: 'at once', given: 0, expect: 'fresh' },
    { name: 'until the next one is made', given: 59, expect: 'fresh' },
    { name: 'after the next one was made', given: 60, expect: 'ageing' },
    { name: 'for five minutes', given: 299, expect: 'ageing' },
    { name: 'after that', given: 300, expect: 'refused' },
    { name: 'where a clock is a minute behind', given: -60, expect: 'fresh' },
    { name: 'where a clock is two minutes behind', given: -61, expect: 'refused' },
  ])('is judged $name: $expect', ({ given, expect: expected }) => {
    expect(nonces.judge(nonce, START + given)).toBe(expected)
  })

  it('is a new one each minute, in the characters of RFC 9449 §8.1', () => {
    expect(nonces.current(START + 59)).toBe(nonce)
    expect(nonces.current(START + 60)).not.toBe(nonce)
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{30}$/)
  })

  it('is good wherever the secret is the same, and nowhere else', () => {
    expect(createDpopNonces(SECRET).judge(nonce, START)).toBe('fresh')
    expect(createDpopNonces(`${SECRET}.`).judge(nonce, START)).toBe('refused')
    expect(createDpopNonces(true).judge(nonce, START)).toBe('refused')
    expect(createDpopNonces(true).judge(createDpopNonces(true).current(START), START)).toBe('refused')
  })

  it('can’t be changed', () => {
    for (const changed of mutations(nonce)) expect(nonces.judge(changed, START)).toBe('refused')
  })

  it('can’t be guessed, and nothing makes the judge throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => nonces.judge(text, START) === 'refused'))
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 22, maxLength: 22 }), (bytes) => {
        return nonces.judge(Buffer.from(bytes).toString('base64url'), START) === 'refused'
      }),
    )
  })

  it('of any time is good for at least four minutes and at most six', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 32), fc.integer({ min: -600, max: 600 }), (at, later) => {
        const verdict = nonces.judge(nonces.current(at), Math.max(0, at + later))
        if (later >= 0 && later <= 240) expect(verdict).not.toBe('refused')
        if (later >= 300 || (later <= -120 && at + later >= 0)) expect(verdict).toBe('refused')
      }),
    )
  })

  it.each(['', 'short', 'x'.repeat(31), 7, {}])('is not made of the secret %j', (secret) => {
    expect(() => createDpopNonces(secret as string)).toThrow(/at least 32 characters/)
  })
})
