const MAX_LENGTH = 100
// Seen by nobody, or acting on the text around them: controls, bidirectional overrides, zero-width characters, fillers.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/gu

/** A text that others chose, on one line, without what is invisible or turns the text around it. */
export const visible = (text: string): string =>
  text.replaceAll(/\s/g, ' ').replaceAll(INVISIBLE, '').replaceAll(/ +/g, ' ').trim()

/** A name that others chose, as a page may show it: visible, at most 100 characters. Empty when nothing is left. */
export function displayName(name: string): string {
  // Before the work: what is longer is nobody's name.
  const characters = [...visible(name.slice(0, 4 * MAX_LENGTH))]
  return characters.length > MAX_LENGTH ? `${characters.slice(0, MAX_LENGTH - 1).join('')}…` : characters.join('')
}

// Scripts with letters that look like those of another.
const ALIKE = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
]

/** Whether a word of the name has letters of two alphabets that look alike, such as a Cyrillic one among Latin ones. */
export function mixesScripts(name: string): boolean {
  // As it is read: what is invisible parts no word.
  return visible(name)
    .split(/[^\p{L}\p{M}]+/u)
    .some((word) => ALIKE.filter((script) => script.test(word)).length > 1)
}

/** One or two letters that stand for a name, or for the part of an address that names somebody. */
export function initials(name: string): string {
  const [local = ''] = displayName(name).split('@')
  const words = local.split(/[\s._-]+/).flatMap((word) => /[\p{L}\p{N}]/u.exec(word)?.[0] ?? [])
  return words.slice(0, 2).join('').toLocaleUpperCase('en')
}
