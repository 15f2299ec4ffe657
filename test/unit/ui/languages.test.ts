import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { html, render, type Value } from '../../../src/ui/html.js'
import { chooseLanguage, uiLocales } from '../../../src/ui/texts/languages.js'

const tag = (uiLocales?: string, acceptLanguage?: string) => chooseLanguage({ uiLocales, acceptLanguage }).tag

describe('chooseLanguage', () => {
  it.each([
    ['nothing', undefined, undefined, 'en'],
    ['what the client asked for, before what the browser prefers', 'fr', 'de', 'fr'],
    ['the first that the client asked for and we have', 'sw pt-BR de fr', undefined, 'de'],
    ['the browser, where the client asked for what we have not', 'sw', 'ar', 'ar'],
    ['a region or script cut off', 'de-AT', undefined, 'de'],
    ['a longer tag cut as often as it takes', 'de-Latn-CH-1996', undefined, 'de'],
    ['letters of either case', 'FR-ca', undefined, 'fr'],
    ['the best by weight, not by order', undefined, 'fr;q=0.5, de;q=0.9, en;q=0.1', 'de'],
    ['the first of equals', undefined, 'ar, fr', 'ar'],
    ['none that is refused', undefined, 'de;q=0, fr;q=0.1', 'fr'],
    ['no wildcard', undefined, '*, de;q=0.5', 'de'],
    ['no malformed weight', undefined, 'de;q=2, fr;q=x, ar;q=0.1', 'ar'],
    ['no prefix of a word', 'germany frog', undefined, 'en'],
  ])('follows %s', (_, asked, accepted, expected) => {
    expect(tag(asked, accepted)).toBe(expected)
  })

  it('finds a language whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (asked, accepted) => {
        expect(uiLocales).toContain(tag(asked, accepted))
      }),
    )
  })

  it('goes from right to left in Arabic', () => {
    expect(chooseLanguage({ uiLocales: 'ar-EG' }).direction).toBe('rtl')
  })
})

describe('texts', () => {
  // A gap is filled with what no text says.
  const gap = html`<i>gap</i>`
  type Text = Value | ((...gaps: Value[]) => Value)
  const flatten = (texts: object, path = ''): [string, string, number][] =>
    Object.entries(texts).flatMap(([name, text]: [string, Text]): [string, string, number][] => {
      if (typeof text === 'string') return [[`${path}${name}`, text, 0]]
      if (typeof text !== 'function') return flatten(text as object, `${path}${name}.`)
      const gaps = Array.from({ length: text.length }, () => gap)
      return [[`${path}${name}`, render(html`${text(...gaps)}`), text.length]]
    })
  const english = flatten(chooseLanguage({}).texts)
  // Of names, and of what is the same word.
  const SAME = ['account.sessions']

  it.each(uiLocales.filter((locale) => locale !== 'en'))('in %s are all there and none is English', (locale) => {
    const theirs = flatten(chooseLanguage({ uiLocales: locale }).texts)
    expect(theirs.map(([path, , gaps]) => [path, gaps])).toEqual(english.map(([path, , gaps]) => [path, gaps]))
    const left = theirs.filter(([path, text], index) => text === english[index]?.[1] && !SAME.includes(path))
    expect(left).toEqual([])
    for (const [path, text, gaps] of theirs) {
      expect(text.trim(), path).not.toBe('')
      expect(text.split('<i>gap</i>').length - 1, path).toBe(gaps)
    }
  })
})
