import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { displayName, initials, mixesScripts, visible } from '../../../src/ui/display-name.js'
import { ago, day, within } from '../../../src/ui/times.js'
import { readUserAgent } from '../../../src/ui/user-agent.js'

describe('displayName', () => {
  it.each([
    ['Orders', 'Orders'],
    ['  Two \t\n words ', 'Two words'],
    ['Evil\u202egro.knab', 'Evilgro.knab'],
    ['\u2066Iso\u2069lated\u200f', 'Isolated'],
    ['Pay\u200bPal\u2060\ufeff', 'PayPal'],
    ['bell\u0007\u0000', 'bell'],
    ['line\u2028sep\u2029', 'line sep'],
    ['\u3164\u2800', ''],
    ['قهوة ☕', 'قهوة ☕'],
  ])('shows %j as %j', (name, shown) => {
    expect(displayName(name)).toBe(shown)
  })

  it('is cut after 100 characters, and a character is never cut in two', () => {
    expect([...displayName('🦊'.repeat(101))]).toEqual([...'🦊'.repeat(99), '…'])
  })

  it('never shows what is invisible or turns text around, and is the same when shown again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const shown = displayName(name)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|^\s|\s$/u)
        expect(displayName(shown)).toBe(shown)
      }),
    )
  })

  it('is not what a host is shown by, whose end says whose it is', () => {
    const host = `${'a'.repeat(60)}.${'b'.repeat(60)}.evil.example`
    expect(visible(host)).toBe(host)
  })
})

describe('mixesScripts', () => {
  it.each(['Pаypal', 'Аpple ID', 'Gοogle'])('finds an imitation: %s', (name) => expect(mixesScripts(name)).toBe(true))
  it.each(['PayPal', 'Яндекс Maps', 'Αθήνα app', 'Über 東京', '7-Eleven'])('leaves others alone: %s', (name) => {
    expect(mixesScripts(name)).toBe(false)
  })
})

describe('initials', () => {
  it.each([
    ['Ada Lovelace', 'AL'],
    ['ada@acme.example', 'A'],
    ['ada.lovelace@acme.example', 'AL'],
    ['Jean-Luc Marie Picard', 'JL'],
    ['🦊', ''],
    ['étoile', 'É'],
  ])('of %s are %s', (name, letters) => expect(initials(name)).toBe(letters))
})

describe('readUserAgent', () => {
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox', 'Linux'],
    [
      'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0',
      'Edge',
      'Windows',
    ],
    [
      'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
      'Chrome',
      'Android',
    ],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
      'Safari',
      'iPhone',
    ],
    [
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
      'Safari',
      'Mac',
    ],
    ['curl/8.5.0', undefined, undefined],
    ['"><script>alert(1)</script>', undefined, undefined],
    [undefined, undefined, undefined],
  ])('reads %s', (text, browser, system) => expect(readUserAgent(text)).toEqual({ browser, system }))

  it('is done at once whatever it is given', () => {
    expect(readUserAgent(`Version/${'1.'.repeat(100_000)}`)).toEqual({ browser: undefined, system: undefined })
  })
})

describe('times', () => {
  const now = new Date('2026-11-28T12:00:00Z')
  const earlier = (seconds: number) => new Date(now.getTime() - seconds * 1000)

  it.each([
    [0, 'en', 'now'],
    [-30, 'en', 'now'],
    [60, 'en', '1 minute ago'],
    [7_300, 'de', 'vor 2 Stunden'],
    [86_400, 'fr', 'hier'],
    [40 * 86_400, 'en', 'October 19, 2026'],
  ])('%d seconds ago in %s is %s', (seconds, language, text) => {
    expect(ago(earlier(seconds), { language, now })).toBe(text)
  })

  it.each([
    [0, 'en', 'in 1 second'],
    [61, 'en', 'in 61 seconds'],
    [91, 'de', 'in 2 Minuten'],
    [900, 'fr', 'dans 15 minutes'],
    [7_200, 'en', 'in 2 hours'],
  ])('a wait of %d seconds in %s is %s', (seconds, language, text) => {
    expect(within(seconds, language)).toBe(text)
  })

  it('a day is that of UTC', () => {
    expect(day(new Date('2026-03-03T23:59:00Z'), 'de')).toBe('3. März 2026')
  })
})
