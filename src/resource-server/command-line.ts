import { inspect } from './inspect.js'
import { keygen } from './keygen.js'
import type { ExitCode, Terminal } from './terminal.js'
import { harmless } from './terminal-text.js'
import { UsageError } from './usage-error.js'

const USAGE = `Usage: npx @bulla/resource-server <command> [options]

  keygen [options]          Makes the key pair that tokens of an API are sealed for. The private key
                            goes into a file, the public key set to standard output.
      --alg ALG             ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256, as the API is registered; ECDH-ES
                            unless told.
      --crv CURVE           X25519 or P-256, for ECDH; X25519 unless told.
      --out FILE            Where the private key goes; private.jwk.json unless told. Nothing is
                            overwritten.

  inspect [options] [FILE]  Reads a token from a file or from standard input, says what is in it, and
                            what is wrong with it.
      --key FILE            A private key of the API, as keygen makes it. Repeatable.
      --issuer URL          Fetches the issuer's keys and checks the signature.
      --audience ID         The identifier of the API that the token should be for.

  --help                    This text.

Exit code: 0 done, and nothing is wrong; 1 something is; 2 the command line is not understood.
`

const COMMANDS: Readonly<Record<string, (args: string[], io: Terminal) => Promise<ExitCode>>> = { keygen, inspect }

/** Runs one command line. */
export async function run(args: readonly string[], io: Terminal): Promise<ExitCode> {
  const [name, ...rest] = args
  if (args.includes('--help') || name === 'help') {
    io.stdout(USAGE)
    return 0
  }
  try {
    const command = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
    if (command) return await command(rest, io)
    throw new UsageError(name === undefined ? 'A command is missing.' : `There is no command ${JSON.stringify(name)}.`)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const isUsage = error instanceof UsageError || ('code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
    io.stderr(`${harmless(error.message)}\n`)
    if (isUsage) io.stderr('See: npx @bulla/resource-server --help\n')
    return isUsage ? 2 : 1
  }
}
