// Known to this file alone: nothing else makes Html, and no text becomes it unescaped.
const MARKUP = Symbol('markup')

/** Markup whose every interpolated text was escaped. No string is one, and no JSON can be. */
export type Html = { readonly [MARKUP]: string }

/** What a template takes; nothing is made of undefined, null and false. */
export type Value = Html | string | number | undefined | null | false | readonly Value[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Markup as a tagged template: what is written stays, what is interpolated is escaped for text and for attributes, which a template always
 * puts in quotes.
 */
export function html(template: TemplateStringsArray, ...values: readonly Value[]): Html {
  return { [MARKUP]: template.map((part, index) => part + markupOf(values[index])).join('') }
}

/** The markup as text, to be sent. */
export const render = (markup: Html): string => markup[MARKUP]

/** Whether a link may lead there: an https or http URL, or a path of this site. */
export function isLink(target: string): boolean {
  // What a URL parser would drop or turn, so that two of them read two things: white space, controls, backslashes.
  if (/[^\x21-\x7e]|\\/.test(target)) return false
  return /^\/(?!\/)/.test(target) || (/^https?:\/\//i.test(target) && URL.canParse(target))
}

/** The value of an attribute that holds a URL. Throws TypeError unless `isLink`. */
export function url(target: string): string {
  if (isLink(target)) return target
  throw new TypeError('A page may only link to https, http and paths of its own site.')
}

function markupOf(value: Value): string {
  if (value === undefined || value === null || value === false) return ''
  if (typeof value === 'string') return value.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
  if (typeof value === 'number') return String(value)
  return isList(value) ? value.map(markupOf).join('') : value[MARKUP]
}

const isList = (value: Html | readonly Value[]): value is readonly Value[] => Array.isArray(value)
