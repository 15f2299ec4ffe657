import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalizeUsername } from '../../../src/accounts/username.js'

describe('normalizeUsername', () => {
  it.each([
    ['Ann@Example.COM', 'ann@example.com'],
    ['  ann@example.com\n', 'ann@example.com'],
    ['ａｎｎ@example.com', 'ann@example.com'],
    ['ann＠example.com', 'ann@example.com'],
    ['STRASSE@example.com', 'strasse@example.com'],
    ['straße@example.com', 'strasse@example.com'],
    ['STRAẞE@example.com', 'strasse@example.com'],
    ['ΟΔΟΣ@example.com', 'οδος@example.com'],
    ['Ann@bücher.example', 'ann@xn--bcher-kva.example'],
    ['ann@XN--BCHER-KVA.example', 'ann@xn--bcher-kva.example'],
    ['µ@example.com', 'μ@example.com'],
    ['ann@localhost', 'ann@localhost'],
  ])('finds the account of %j under one name', (given, expected) => {
    expect(normalizeUsername(given)).toBe(expected)
  })

  it.each([
    ['no at sign', 'ann'],
    ['two at signs', 'ann@b@example.com'],
    ['nothing before it', '@example.com'],
    ['nothing behind it', 'ann@'],
    ['white space inside', 'a nn@example.com'],
    ['a character of no width', 'a\u200bnn@example.com'],
    ['a change of direction', 'a\u202enn@example.com'],
    ['a filler nobody sees', 'a\u3164nn@example.com'],
    ['a joiner nobody sees', 'a\u034fnn@example.com'],
    ['a NUL', 'ann\0@example.com'],
    ['an empty label', 'ann@example..com'],
    ['a trailing dot', 'ann@example.com.'],
    ['a path', 'ann@example.com/x'],
    ['a port', 'ann@example.com:25'],
    ['half a character', 'ann\ud800@example.com'],
    ['too many bytes', `${'a'.repeat(250)}@example.com`],
  ])('refuses %s', (_, given) => {
    expect(normalizeUsername(given)).toBeUndefined()
  })

  it('leaves its own answer as it is, and is blind to case and to compatibility forms', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.domain(), (local, domain) => {
        const name = normalizeUsername(`${local}@${domain}`)
        if (name === undefined) return
        expect(normalizeUsername(name)).toBe(name)
        expect(normalizeUsername(`${local}@${domain}`.toUpperCase())).toBe(name)
        expect(normalizeUsername(`${local}@${domain}`.normalize('NFKD'))).toBe(name)
      }),
      { numRuns: 2000 },
    )
  })
})
