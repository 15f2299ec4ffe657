import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseName } from '../../../../src/oauth/registration/name.js'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'

describe('a name', () => {
  test.each([
    { name: 'is kept', given: 'Ördér Äpp 2', expect: 'Ördér Äpp 2' },
    { name: 'loses white space around it', given: '  Web  ', expect: 'Web' },
    { name: 'is composed', given: 'e\u0301', expect: 'é' },
    { name: 'may be of 100 characters', given: '𝕏'.repeat(100), expect: '𝕏'.repeat(100) },
  ])('$name', ({ given, expect: expected }) => {
    expect(parseName(given)).toBe(expected)
  })

  test.each([
    { name: 'empty', given: '' },
    { name: 'of white space', given: ' \u3000' },
    { name: 'of more than 100 characters', given: 'x'.repeat(101) },
    { name: 'huge', given: 'x'.repeat(1_000_000) },
    { name: 'with a line break', given: 'a\nb' },
    { name: 'with an escape sequence', given: '\u001b[31mred' },
    { name: 'with a bidirectional override', given: 'a\u202eb' },
    { name: 'with a bidirectional isolate', given: 'a\u2066b' },
    { name: 'with a zero-width space', given: 'a\u200bb' },
    { name: 'with a byte order mark', given: 'a\ufeffb' },
    { name: 'with a soft hyphen', given: 'a\u00adb' },
    { name: 'with a filler', given: 'a\u3164b' },
    { name: 'with a blank braille pattern', given: '\u2800' },
    { name: 'with a line separator', given: 'a\u2028b' },
    { name: 'with half a pair', given: 'a\ud800' },
    { name: 'with a private use character', given: 'a\ue000' },
  ])('is refused $name', ({ given }) => {
    expect(() => parseName(given)).toThrow(RegistrationError)
  })

  test('that was accepted is accepted again, unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 120 }), (text) => {
        try {
          const name = parseName(text)
          expect(parseName(name)).toBe(name)
        } catch (error) {
          if (!(error instanceof RegistrationError)) throw error
        }
      }),
    )
  })
})
