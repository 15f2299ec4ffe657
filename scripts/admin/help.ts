import { COMMON, type Command, type Options } from './command.js'
import type { Noun } from './nouns.js'

const WIDTH = 100

/** Of everything. */
export function helpOfAll(nouns: Readonly<Record<string, Noun>>): string {
  const rows = Object.entries(nouns).map(([name, noun]): [string, string] =>
    'run' in noun ? [name, noun.summary] : [`${name} ${Object.keys(noun.verbs).join('|')}`, noun.summary],
  )
  return lines([
    'Usage: npm run -s admin -- <noun> <verb> [options]',
    '',
    ...wide(rows),
    '',
    'Every command:',
    ...optionLines(COMMON),
    '',
    'Exit code: 0 done, 1 refused or failed, 2 the command line is not understood.',
    'More: npm run -s admin -- <noun> --help, npm run -s admin -- <noun> <verb> --help',
  ])
}

/** Of one noun's verbs. */
export function helpOfNoun(name: string, { summary, verbs }: Extract<Noun, { verbs: unknown }>): string {
  return lines([
    `Usage: npm run -s admin -- ${name} <verb> [options]`,
    '',
    summary,
    '',
    ...columns(Object.entries(verbs).map(([verb, command]): [string, string] => [verb, command.summary])),
  ])
}

/** Of one command. */
export function helpOfCommand(name: string, { summary, options, notes }: Command): string {
  const required = Object.entries(options).filter(([, { required }]) => required)
  const usage = required.map(([option, { value }]) => ` --${option} ${value}`).join('')
  return lines([
    `Usage: npm run -s admin -- ${name}${usage} [options]`,
    '',
    summary,
    '',
    ...optionLines({ ...options, ...COMMON }),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ])
}

function optionLines(options: Options): string[] {
  return columns(
    Object.entries(options).map(([name, { value, help }]): [string, string] => [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      help,
    ]),
  )
}

/** Two columns, the second folded. */
function columns(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.flatMap(([left, right]) =>
    fold(right, WIDTH - width - 4).map((part, index) => `  ${(index === 0 ? left : '').padEnd(width)}  ${part}`),
  )
}

/** The second column below the first, where the first is long. */
function wide(rows: readonly [string, string][]): string[] {
  return rows.flatMap(([left, right]) => [`  ${left}`, `      ${right}`])
}

function fold(text: string, width: number): string[] {
  const folded: string[] = []
  for (const word of text.split(' ')) {
    const last = folded.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) folded[folded.length - 1] = `${last} ${word}`
    else folded.push(word)
  }
  return folded
}

const lines = (all: readonly string[]) => all.map((line) => `${line.trimEnd()}\n`).join('')
