import type { JsonWebKey } from 'node:crypto'
import { parseArgs } from 'node:util'
import { parseJsonObject } from '../crypto/json.js'
import { fetchDocuments, UnusableDocument } from './fetch-documents.js'
import type { Documents, GivenKey } from './findings.js'
import { inspectToken } from './inspection.js'
import { createIssuerHttp, IssuerUnreachable } from './issuer-http.js'
import type { ExitCode, Terminal } from './terminal.js'
import { toText } from './terminal-text.js'
import { UsageError } from './usage-error.js'

const OPTIONS = {
  key: { type: 'string', multiple: true, default: [] as string[] },
  issuer: { type: 'string' },
  audience: { type: 'string' },
} as const

/** Says what is in a token and what is wrong with it, in sentences that say what to do. */
export async function inspect(args: string[], io: Terminal): Promise<ExitCode> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const { issuer, audience } = values
  if (positionals.length > 1) throw new UsageError('One token at a time: name one file at most.')
  if (looksLikeToken(positionals[0] ?? '')) {
    throw new UsageError('Give the token on standard input or in a file: a shell keeps what it was told.')
  }
  if (issuer !== undefined && !(URL.canParse(issuer) && /^https?:$/.test(new URL(issuer).protocol))) {
    throw new UsageError('--issuer is the URL that stands as "iss" in the tokens.')
  }
  const keys = values.key.flatMap((file) => readKeys(file, io))
  const token = readToken(positionals[0], io)
  const documents = issuer === undefined ? undefined : await documentsOf(issuer)
  const { lines, wrong, notes } = inspectToken(token, { keys, issuer, audience, documents, now: io.now() })
  io.stdout(toText([...lines, ...list('Wrong', wrong), ...list('To know', notes)]))
  return wrong.length > 0 ? 1 : 0
}

const list = (title: string, sentences: readonly string[]) =>
  sentences.length > 0 ? ['', title, ...sentences.map((sentence) => `  - ${sentence}`)] : []

const looksLikeToken = (text: string) => /^(?:Bearer|DPoP)\b|^ey[\w-]+\./.test(text)

/** The token alone, after the name of a scheme, or in the answer of a token endpoint. */
function readToken(file: string | undefined, io: Terminal): string {
  if (file === undefined && io.isTerminal) io.stderr('Paste the token, then press Enter and Ctrl-D.\n')
  const text = readFile(file, io).trim()
  const answer = text.startsWith('{') ? parseJsonObject(Buffer.from(text))?.['access_token'] : undefined
  return typeof answer === 'string' ? answer : text.replace(/^(?:Authorization: *)?(?:Bearer|DPoP) +/i, '')
}

function readKeys(file: string, io: Terminal): GivenKey[] {
  const value = parseJsonObject(Buffer.from(readFile(file, io)))
  if (!value) throw new Error(`${file} is no JWK: give the file that keygen made.`)
  const jwks = Array.isArray(value['keys']) ? value['keys'] : [value]
  return jwks.map((jwk: JsonWebKey & { kid?: string }) => ({ file, jwk }))
}

function readFile(file: string | undefined, { read }: Terminal): string {
  try {
    return read(file)
  } catch (error) {
    throw new Error(`${file ?? 'Standard input'} can't be read: ${(error as Error).message}`)
  }
}

/** What the issuer publishes; a string says why that can't be had. */
async function documentsOf(issuer: string): Promise<Documents | string> {
  try {
    const { metadata, keys } = await fetchDocuments(issuer, createIssuerHttp(issuer))
    return { keys, maxTokenLifetime: metadata.maxTokenLifetime }
  } catch (error) {
    if (error instanceof IssuerUnreachable || error instanceof UnusableDocument) return error.message
    throw error
  }
}
