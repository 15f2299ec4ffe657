/** What a command says: `json` for programs, the rest for people. Secrets are in it once, and nowhere else. */
export type Answer = {
  readonly json: Readonly<Record<string, unknown>>
  /** Lines for a person; without, the fields of `json`. */
  readonly text?: readonly string[]
  /** Sentences on standard error, with `--json` too. */
  readonly notes?: readonly string[]
}

/** Name and value, one to a line, the values below each other. */
export function fields(record: Readonly<Record<string, unknown>>): string[] {
  const shown = Object.entries(record).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...shown.map(([name]) => name.length))
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${show(value)}`)
}

/** One line a record under a line of names; columns as wide as their widest value. */
export function table(records: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): string[] {
  if (records.length === 0) return ['None.']
  const rows = [columns.map((column) => column), ...records.map((record) => columns.map((name) => show(record[name])))]
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** A listing: `noun` names its member in the JSON. */
export function listing(
  noun: string,
  { items, next }: { items: readonly Readonly<Record<string, unknown>>[]; next: string | undefined },
  columns: readonly string[],
): Answer {
  const more = next === undefined ? [] : [`There are more: add --cursor=${next}`]
  return { json: { [noun]: items, ...(next === undefined ? {} : { next }) }, text: table(items, columns), notes: more }
}

/** Times as programs read them, nothing for undefined. */
export function toJson(answer: Answer): string {
  // Beyond ASCII all is inside of a JSON string, where this escape is the same character, and no terminal acts on it.
  const ascii = JSON.stringify(answer.json, null, 2).replaceAll(
    /[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `${ascii}\n`
}

export function toText(answer: Answer): string {
  return (answer.text ?? fields(answer.json)).map((line) => `${harmless(line)}\n`).join('')
}

/** Whatever a name or an address holds, no terminal acts on it. */
export function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}

function show(value: unknown): string {
  if (value === undefined || value === null) return '-'
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z')
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(show).join(' ')
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
