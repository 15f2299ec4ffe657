/** A token with one character in its middle changed: never the last one, whose low bits may stand for nothing. */
export function changed(token: string): string {
  const at = Math.floor(token.length / 2)
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
}
