import { readFileSync } from 'node:fs'
import { generateEncryptionKey } from '#bulla/crypto/jwk.js'
import type { FetchJson } from '#bulla/keys/api-keys.js'
import type { ApiSettings, RegisteredKeys } from '#bulla/oauth/registration/api.js'
import { parseJwksUri } from '#bulla/oauth/registration/uris.js'
import { FetchError } from '#bulla/outbound/fetch-error.js'
import type { Context } from './context.js'
import { RefusedError, UsageError } from './errors.js'

const MAX_BYTES = 65_536
const TIMEOUT_MS = 5_000

export const KEY_OPTIONS = {
  jwks: { value: 'FILE', help: "The API's public keys as a JWK set; - reads standard input." },
  'jwks-uri': { value: 'URL', help: 'Where the API publishes them; fetched now, and again in the background.' },
  'generate-key': { help: 'Makes a key pair here, for development: the private key is shown once and not kept.' },
} as const

type Given = {
  readonly jwks?: string | undefined
  readonly 'jwks-uri'?: string | undefined
  readonly 'generate-key'?: boolean | undefined
}

/** Keys to register, and the private one when it was made here. */
export type GivenKeys = { readonly keys: RegisteredKeys; readonly privateJwk?: Readonly<Record<string, unknown>> }

/** Throws UsageError when keys come from several places. */
export function checkKeyOptions(given: Given): void {
  const named = [given.jwks, given['jwks-uri'], given['generate-key']].filter(
    (one) => one !== undefined && one !== false,
  )
  if (named.length > 1) throw new UsageError('Give one of --jwks, --jwks-uri and --generate-key.')
}

/** The keys that the options name for an API with these settings; undefined when they name none. */
export async function givenKeys(
  context: Context,
  given: Given,
  { encryptionAlgorithm }: Pick<ApiSettings, 'encryptionAlgorithm'>,
): Promise<GivenKeys | undefined> {
  if (given.jwks !== undefined) return { keys: { jwks: readJwks(given.jwks), jwksUri: undefined } }
  if (given['jwks-uri'] !== undefined) return { keys: await fetchKeys(context, given['jwks-uri']) }
  if (!given['generate-key'] || encryptionAlgorithm === undefined) return undefined
  const { privateJwk, publicJwk } = await generateEncryptionKey(encryptionAlgorithm)
  return { keys: { jwks: { keys: [publicJwk] }, jwksUri: undefined }, privateJwk }
}

/** The guarded fetcher of the server, as configured. */
export async function createFetchJson({ config, log }: Context): Promise<FetchJson> {
  // As in key-tools.ts: few commands fetch.
  const { openFetcher } = await import('#bulla/deps.js')
  return openFetcher(config, log).fetchJson
}

/** The set at a URL an operator registered. Throws RefusedError with why it can't be had. */
async function fetchKeys(context: Context, uri: string): Promise<RegisteredKeys> {
  try {
    const fetchJson = await createFetchJson(context)
    const options = { registeredBy: 'operator', maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS } as const
    return { jwks: await fetchJson(parseJwksUri(uri), options), jwksUri: uri }
  } catch (error) {
    if (error instanceof FetchError) throw new RefusedError(`The keys can't be fetched from ${uri}: ${error.message}`)
    throw error
  }
}

/** Said with a key that was made here. */
export const GENERATED =
  'The private key was made here for development and is shown once: hand it to the API, which opens its tokens with it. In production ' +
  'the API makes its own and registers the public half, with --jwks or --jwks-uri.'

/** The key set in a file, `-` for standard input. Throws RefusedError. */
export function readJwks(file: string): unknown {
  const text = readText(file)
  try {
    return JSON.parse(text)
  } catch {
    throw new RefusedError(`${file === '-' ? 'Standard input' : file} is not JSON: a JWK set is wanted, {"keys": […]}.`)
  }
}

function readText(file: string): string {
  try {
    // 0 is standard input.
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new RefusedError(`${file} can't be read${code === undefined ? '' : ` (${code})`}.`)
  }
}
