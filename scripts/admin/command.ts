import { type ParseArgsConfig, parseArgs } from 'node:util'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import type { Answer } from './output.js'

/** `value` stands for the argument in the help; an option without is a flag. */
export type Option = {
  readonly help: string
  readonly value?: string
  readonly multiple?: true
  readonly required?: true
}
export type Options = Readonly<Record<string, Option>>

type Value<O extends Option> = O extends { value: string }
  ? O extends { multiple: true }
    ? string[]
    : string
  : boolean

/** What was given on the command line, by the names of the options. */
export type Given<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends { required: true } ? Value<O[Name]> : Value<O[Name]> | undefined
}

export type Command = {
  readonly summary: string
  /** Sentences below the options. */
  readonly notes: readonly string[]
  readonly options: Options
  readonly run: (context: Context, args: readonly string[]) => Promise<Answer>
  /** Throws UsageError for a command line that `run` would refuse before it does anything. */
  readonly check: (args: readonly string[]) => void
}

/** What every command takes. */
export const COMMON = {
  tenant: { value: 'SLUG', help: 'The tenant, `default` unless told.' },
  json: { help: 'JSON on standard output.' },
  help: { help: 'This text.' },
} as const satisfies Options

type Definition<O extends Options> = {
  readonly summary: string
  readonly notes?: readonly string[]
  readonly options: O
  /** What the options alone can't say, as a UsageError. */
  readonly check?: (given: Given<O>) => void
  readonly run: (context: Context, given: Given<O>) => Promise<Answer>
}

/** A command: its options, and what it does with what was given for them. */
export function command<const O extends Options>({ notes = [], check, run, ...rest }: Definition<O>): Command {
  const read = (args: readonly string[]): Given<O> => {
    const given = parse(args, rest.options) as Given<O>
    check?.(given)
    return given
  }
  return { ...rest, notes, check: (args) => void read(args), run: (context, args) => run(context, read(args)) }
}

/** Reads a command line by its options and those that every command takes. Throws UsageError. */
export function parse(
  args: readonly string[],
  options: Options,
): Record<string, string | boolean | string[] | undefined> {
  const all: Options = { ...options, ...COMMON }
  const { values, tokens } = lenient({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(all).map(([name, { value, multiple = false }]) => [
        name,
        { type: value === undefined ? 'boolean' : 'string', multiple },
      ]),
    ),
    allowNegative: true,
    tokens: true,
  })
  const seen = new Set<string>()
  for (const token of tokens) {
    if (token.kind !== 'option') continue
    if (seen.has(token.name) && !all[token.name]?.multiple)
      throw new UsageError(`--${token.name} is given more than once.`)
    seen.add(token.name)
  }
  for (const [name, { required }] of Object.entries(options)) {
    if (required && values[name] === undefined) throw new UsageError(`--${name} is missing.`)
  }
  return values
}

type Token = { readonly kind: string; readonly name: string }
type Parsed = { values: Record<string, string | boolean | string[] | undefined>; tokens: Token[] }

/** `parseArgs`, its complaints as usage errors. */
function lenient(config: ParseArgsConfig): Parsed {
  try {
    return parseArgs(config) as unknown as Parsed
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
      throw new UsageError(error.message)
    }
    throw error
  }
}

/** A whole number of at least 0; undefined stays undefined. Throws UsageError. */
export function integer(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${name} must be a whole number.`)
  return Number(text)
}
