/** Whatever a token or a file holds, no terminal acts on it, and nothing in it looks like something else. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** Lines for a terminal: each stays one line. */
export function toText(lines: readonly string[]): string {
  return lines.map((line) => `${harmless(line)}\n`).join('')
}

/** Name and value, one to a line, the values below each other. */
export function fields(record: Readonly<Record<string, unknown>>): string[] {
  const entries = Object.entries(record)
  const width = Math.max(0, ...entries.map(([name]) => Math.min(name.length, 20)))
  return entries.map(([name, value]) => `  ${name.padEnd(width)}  ${show(value)}`)
}

const UNITS = [
  [86_400, 'day'],
  [3_600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
] as const

/** Seconds in the largest unit that they fill: `3 minutes`. */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  const [size, unit] = UNITS.find(([length]) => whole >= length) ?? [1, 'second']
  const count = Math.floor(whole / size)
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** A time of a token: when, and how far from now. Both are seconds since 1970. */
export function moment(time: number, now: number): string {
  const date = new Date(time * 1000)
  if (Number.isNaN(date.getTime())) return 'no time'
  const distance = Math.round(time - now)
  const words = distance === 0 ? 'now' : distance > 0 ? `in ${duration(distance)}` : `${duration(distance)} ago`
  return `${date.toISOString().replace('.000Z', 'Z')}, ${words}`
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '-')
}
