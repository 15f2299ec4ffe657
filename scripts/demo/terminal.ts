const colour = process.stdout.isTTY && !process.env['NO_COLOR']
const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)

export const bold = paint(1)
export const dim = paint(2)
export const clay = paint(33)
export const green = paint(32)
export const red = paint(31)

/** A chapter of the story. */
export const chapter = (title: string) => console.log(`\n${bold(title)}`)
/** What somebody types. */
export const command = (text: string) => console.log(`  ${dim('$')} ${clay(text)}`)
/** What it means. */
export const say = (text: string) => console.log(`  ${text}`)
/** Something true that was just checked. */
export const check = (text: string) => console.log(`  ${green('✓')} ${text}`)
/** Something refused, as it should be. */
export const refused = (text: string) => console.log(`  ${red('✗')} ${text}`)

/** A value as JSON, indented under the story; long strings keep their ends, and members may have a note beside them. */
export function show(value: object, notes: Readonly<Record<string, string>> = {}): void {
  const text = JSON.stringify(value, (_, one) => (typeof one === 'string' ? short(one) : one), 2)
  // A list of words fits on one line.
  const lines = text.replaceAll(/\[\s+([^[\]{}]+?)\s+\]/g, (_, inner: string) => `[${inner.replaceAll(/\s+/g, ' ')}]`)
  for (const line of lines.split('\n')) {
    const note = notes[/^ {2}"(\w+)"/.exec(line)?.[1] ?? '']
    console.log(`    ${dim(note === undefined ? line : line.padEnd(58))}${note === undefined ? '' : ` ${clay(note)}`}`)
  }
}

/** The two ends of a long text. */
export const short = (text: string) => (text.length > 48 ? `${text.slice(0, 24)}…${text.slice(-10)}` : text)
