import { arabic } from './arabic.js'
import { english, type Texts } from './english.js'
import { french } from './french.js'
import { german } from './german.js'

/** A language that the pages speak. */
export type Language = {
  /** RFC 5646 §2. */
  readonly tag: string
  readonly direction: 'ltr' | 'rtl'
  readonly texts: Texts
}

const ENGLISH: Language = { tag: 'en', direction: 'ltr', texts: english }

/** The one that stands for a caller's wishes first, English when there is none. */
const LANGUAGES: readonly Language[] = [
  ENGLISH,
  { tag: 'ar', direction: 'rtl', texts: arabic },
  { tag: 'de', direction: 'ltr', texts: german },
  { tag: 'fr', direction: 'ltr', texts: french },
]

/** What a client may ask for with `ui_locales`, for metadata. OpenID Connect Discovery §3. */
export const uiLocales: readonly string[] = LANGUAGES.map(({ tag }) => tag)

const MAX_LENGTH = 512
const RANGE = /^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$/
const QUALITY = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/

/**
 * The language of a page: what the client asked for, in its order, OpenID Connect Core §3.1.2.1; else what the browser prefers,
 * RFC 9110 §12.5.4; else English. Looked up as RFC 4647 §3.4 says: `de-AT` finds `de`. What is malformed is not looked at.
 */
export function chooseLanguage(wishes: {
  readonly uiLocales?: string | undefined
  readonly acceptLanguage?: string | undefined
}): Language {
  const asked = (wishes.uiLocales ?? '').slice(0, MAX_LENGTH).toLowerCase().split(' ')
  const preferred = byQuality((wishes.acceptLanguage ?? '').slice(0, MAX_LENGTH).toLowerCase())
  for (const range of [...asked, ...preferred]) {
    const found = RANGE.test(range) ? lookUp(range) : undefined
    if (found) return found
  }
  return ENGLISH
}

/** RFC 4647 §3.4: the range is cut from its end until it is one of ours. */
function lookUp(range: string): Language | undefined {
  const subtags = range.split('-')
  for (let length = subtags.length; length > 0; length--) {
    const tag = subtags.slice(0, length).join('-')
    const found = LANGUAGES.find((language) => language.tag === tag)
    if (found) return found
  }
  return undefined
}

/** The ranges of an `Accept-Language`, the most wanted first, those not wanted left out. RFC 9110 §12.4.2. */
function byQuality(header: string): string[] {
  const weighted = header.split(',').map((element) => {
    const [range = '', weight = 'q=1'] = element.split(';').map((part) => part.trim())
    const quality = weight.replace(/^q\s*=\s*/, '')
    return { range, quality: QUALITY.test(quality) ? Number(quality) : 0 }
  })
  const wanted = weighted.filter(({ quality }) => quality > 0)
  return wanted.toSorted((a, b) => b.quality - a.quality).map(({ range }) => range)
}
