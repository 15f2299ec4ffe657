import { ClaimError } from '#bulla/accounts/profile-claims.js'
import { RegistrationError, type Setting } from '#bulla/oauth/registration/registration-error.js'
import { StartError } from '#bulla/start-error.js'
import { type Command, parse } from './command.js'
import { withContext } from './context.js'
import { RefusedError, UsageError } from './errors.js'
import { helpOfAll, helpOfCommand, helpOfNoun } from './help.js'
import { NOUNS, type Noun } from './nouns.js'
import { harmless, toJson, toText } from './output.js'

/** Where a setting comes from. */
const OPTION_OF: Readonly<Record<Setting, string>> = {
  slug: '--slug',
  name: '--name',
  maxTokenLifetime: '--max-token-lifetime',
  grantTypes: '--grant',
  redirectUris: '--redirect-uri',
  origins: '--origin',
  scopes: '--scope',
  descriptions: '--scope-text',
  apis: '--api',
  defaultResource: '--default-resource',
  rotation: '--rotation',
  grace: '--grace',
  idTokenAlgorithm: '--id-token-alg',
  idTokenEncryption: '--id-token-encryption',
  userinfoAlgorithm: '--userinfo-alg',
  userinfoEncryption: '--userinfo-encryption',
  sector: '--sector-host',
  defaultMaxAge: '--default-max-age',
  postLogoutRedirectUris: '--post-logout-redirect-uri',
  backchannelLogoutUri: '--backchannel-logout-uri',
  frontchannelLogoutUri: '--frontchannel-logout-uri',
  identifier: '--identifier',
  format: '--format',
  signingAlgorithm: '--alg',
  encryptionAlgorithm: '--alg',
  encryptionMethod: '--enc',
  introspectionAlgorithm: '--introspection-alg',
  jwks: '--jwks',
  jwksUri: '--jwks-uri',
  tokenLifetime: '--token-lifetime',
  accent: '--accent',
  accentDark: '--accent-dark',
  helpUri: '--help-uri',
  privacyUri: '--privacy-uri',
  logo: '--logo',
}

type Output = { readonly stdout: (text: string) => void; readonly stderr: (text: string) => void }

/** Runs one command line; answers with the exit code. */
export async function run(args: readonly string[], { stdout, stderr }: Output): Promise<0 | 1 | 2> {
  const say = (line: string) => stderr(`${harmless(line)}\n`)
  try {
    const chosen = choose(args)
    if ('help' in chosen) {
      stdout(chosen.help)
      return 0
    }
    const { command, rest, tenant, json } = chosen
    const answer = await withContext(tenant, (context) => command.run(context, rest))
    stdout(json ? toJson(answer) : toText(answer))
    for (const note of answer.notes ?? []) say(note)
    return 0
  } catch (error) {
    if (error instanceof UsageError) {
      say(error.message)
      say(`See: npm run -s admin -- ${[...path(args), '--help'].join(' ')}`)
      return 2
    }
    for (const line of explain(error).split('\n')) say(line)
    if (process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) stderr(`${error.stack}\n`)
    return 1
  }
}

type Chosen =
  | { readonly help: string }
  | {
      readonly command: Command
      readonly rest: readonly string[]
      readonly tenant: string | undefined
      readonly json: boolean
    }

function choose(args: readonly string[]): Chosen {
  const [first, second] = args
  const isHelp = args.includes('--help')
  if (first === undefined || first === '--help' || first === 'help') {
    if (first === undefined) throw new UsageError('A noun is missing.')
    return { help: helpOfAll(NOUNS) }
  }
  const noun = member(NOUNS, first)
  if (!noun) throw new UsageError(`There is no noun ${JSON.stringify(first)}: ${Object.keys(NOUNS).join(', ')}.`)
  if ('run' in noun) return ready(noun, first, args.slice(1))
  const command = second === undefined || second.startsWith('-') ? undefined : member(noun.verbs, second)
  if (command) return ready(command, `${first} ${second}`, args.slice(2))
  if (isHelp) return { help: helpOfNoun(first, noun) }
  throw new UsageError(
    `${second === undefined || second.startsWith('-') ? 'A verb is missing' : `There is no verb ${JSON.stringify(second)}`}: ${first} ${Object.keys(noun.verbs).join('|')}.`,
  )
}

function ready(command: Command, name: string, rest: readonly string[]): Chosen {
  if (rest.includes('--help')) return { help: helpOfCommand(name, command) }
  // Before a database is opened for it.
  command.check(rest)
  const { tenant, json } = parse(rest, command.options)
  return { command, rest, tenant: typeof tenant === 'string' ? tenant : undefined, json: json === true }
}

/** The words of the command that was meant, as far as there is one. */
function path([first, second]: readonly string[]): string[] {
  const noun: Noun | undefined = first === undefined ? undefined : member(NOUNS, first)
  if (first === undefined || !noun) return []
  if ('run' in noun || second === undefined || !member(noun.verbs, second)) return [first]
  return [first, second]
}

function member<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

/** One line: what is wrong, and what to do. */
function explain(error: unknown): string {
  if (error instanceof RegistrationError) return `${OPTION_OF[error.setting]} ${error.reason}.`
  if (error instanceof ClaimError) return `--claim ${error.message}`
  if (error instanceof RefusedError || error instanceof StartError) return error.message
  const message = error instanceof Error ? error.message : String(error)
  const lastLine = message.trim().split('\n').at(-1)
  return `Failed: ${lastLine} LOG_LEVEL=debug shows where.`
}
