import { describe, expect, it } from 'vitest'
import { isCodeChallenge, verifierMatches } from '../../../src/oauth/pkce.js'

// RFC 7636, Appendix B.
const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'

describe('a code verifier', () => {
  it('is the one that its challenge was made of, and no other', () => {
    expect(verifierMatches(VERIFIER, CHALLENGE)).toBe(true)
    expect(verifierMatches(`${VERIFIER}x`, CHALLENGE)).toBe(false)
    expect(verifierMatches(VERIFIER.toLowerCase(), CHALLENGE)).toBe(false)
    // As `plain` would have it.
    expect(verifierMatches(CHALLENGE, CHALLENGE)).toBe(false)
  })

  it.each(['', 'a'.repeat(42), 'a'.repeat(129), `${VERIFIER}=`, `${VERIFIER} `, `${VERIFIER}é`, `${VERIFIER}\0`])(
    'that is malformed matches nothing: %j',
    async (verifier) => {
      const { createHash } = await import('node:crypto')
      const challenge = createHash('sha256').update(verifier).digest('base64url')
      expect(verifierMatches(verifier, challenge)).toBe(false)
    },
  )
})

describe('a code challenge', () => {
  it.each([
    'a'.repeat(42),
    'a'.repeat(44),
    'a'.repeat(129),
    `${'a'.repeat(42)}=`,
    `${'a'.repeat(42)}.`,
    `${'a'.repeat(42)}é`,
    '',
  ])('is a SHA-256 in base64url: not %j', (text) => {
    expect(isCodeChallenge(text)).toBe(false)
  })

  it('is well formed', () => {
    expect(isCodeChallenge(CHALLENGE)).toBe(true)
  })
})
