import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AccessTokenClaims } from '../../../src/wire/claims.js'
import {
  entryDigest,
  isRevoked,
  REVOCATION_KINDS,
  type RevocationEntry,
  type RevocationKind,
  revocationKeys,
} from '../../../src/wire/revocation-list.js'
import { claims as base } from './fixtures.js'

const REV = base.rev
const claims: AccessTokenClaims = { ...base, act: { sub: 'agent', act: { sub: 'agent-before' } } }
const KID = 'signing-key'

function revokedBy(entries: readonly Omit<RevocationEntry, 'exp'>[], token: AccessTokenClaims = claims) {
  const byDigest = new Map(entries.map((entry) => [entry.d, entry]))
  return isRevoked(revocationKeys(token, KID), (digest) => byDigest.get(digest))
}

const entry = (k: RevocationKind, value: string, r?: number) => ({
  k,
  d: entryDigest(k, value),
  ...(r !== undefined && { r }),
})

const matching: [RevocationKind, string][] = [
  ['jti', claims.jti],
  ['grant', claims.grant ?? ''],
  ['sid', claims.sid ?? ''],
  ['sub', claims.sub],
  ['client', claims.client_id],
  ['aud', claims.aud],
  ['act', 'agent'],
  ['act', 'agent-before'],
  ['kid', KID],
  ['tenant', claims.iss],
]

describe('entryDigest', () => {
  it('is the first 22 characters of base64url(SHA-256(kind LF value))', () => {
    const digest = createHash('sha256').update(Buffer.from('sub\nalice')).digest('base64url')
    expect(entryDigest('sub', 'alice')).toBe(digest.slice(0, 22))
    expect(entryDigest('sub', 'alice')).toBe('dUGiYVM-cpPGxrh7OrhMp1')
  })

  it('differs by kind and by value, whatever the value contains', () => {
    const value = fc.string({ unit: fc.constantFrom('\n', 's', 'u', 'b', 'sub', 'jti') })
    const kind = fc.constantFrom(...REVOCATION_KINDS)
    fc.assert(
      fc.property(kind, value, kind, value, (k1, v1, k2, v2) => {
        expect(entryDigest(k1, v1) === entryDigest(k2, v2)).toBe(k1 === k2 && v1 === v2)
      }),
    )
  })
})

describe('a token', () => {
  it('stands when nothing names it', () => {
    expect(revokedBy([])).toBe(false)
    expect(revokedBy(REVOCATION_KINDS.map((k) => entry(k, 'something else')))).toBe(false)
  })

  it.each(matching)('is killed by an entry for its %s %s', (k, value) => {
    expect(revokedBy([entry(k, value)])).toBe(true)
  })

  it.each(matching)('is killed by a wide entry for its %s %s only when minted before it', (k, value) => {
    expect(revokedBy([entry(k, value, REV + 1)])).toBe(true)
    expect(revokedBy([entry(k, value, REV)])).toBe(false)
    expect(revokedBy([entry(k, value, REV - 1)])).toBe(false)
    expect(revokedBy([entry(k, value, 0)])).toBe(false)
  })

  it.each(matching)('is not killed by the value of its %s under another kind', (k, value) => {
    const others = REVOCATION_KINDS.filter((other) => other !== k)
    expect(revokedBy(others.map((other) => entry(other, value)))).toBe(false)
  })

  it('without grant, session and actor is killed by none of theirs', () => {
    const { grant, sid, act, ...bare } = claims
    expect(revokedBy([entry('grant', ''), entry('sid', ''), entry('act', '')], bare)).toBe(false)
    expect(revokedBy([entry('grant', 'undefined'), entry('sid', 'undefined'), entry('act', 'undefined')], bare)).toBe(
      false,
    )
    expect(revocationKeys(bare, KID).digests).toHaveLength(6)
  })
})
