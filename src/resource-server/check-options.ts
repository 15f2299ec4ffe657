import type { JsonWebKey } from 'node:crypto'
import { type DecryptionKey, importDecryptionKey } from '../crypto/decryption-key.js'
import { isJsonObject } from '../crypto/json.js'
import { isEncryptionAlgorithm } from '../crypto/jwk.js'
import type { PrivateJwk, VerifierOptions } from './options.js'
import { WHEN_STALE } from './requirements.js'

/** The options, checked, with what was left out filled in. */
export type CheckedOptions = {
  readonly decryptionKeys: readonly DecryptionKey[] | undefined
  readonly clockTolerance: number
  readonly cacheSize: number
  /** Where clients reach this API, without a slash at the end; undefined when that isn't known. */
  readonly publicUrl: string | undefined
}

const MEMBERS = [
  'issuer',
  'audience',
  'publicUrl',
  'clockTolerance',
  'cacheSize',
  'impliedScopes',
  'dpop',
  'resource',
  'log',
  'fetch',
  'format',
  'decryptionKeys',
  'credentials',
  'whenStale',
]
const DPOP_MEMBERS = ['required', 'window', 'nonce', 'remember']
const CLOCK_TOLERANCE = 60
const CACHE_SIZE = 50_000
const MOST_REMEMBERED = 10_000_000

/** Checks what a programmer gave. Throws TypeError that says what to do: such a mistake must show at the start, not with a request. */
export function checkOptions(options: VerifierOptions): CheckedOptions {
  checkMembers('createVerifier', options, MEMBERS)
  checkDpop(options.dpop)
  checkIssuer(options.issuer)
  if (typeof options.audience !== 'string' || options.audience === '') {
    throw new TypeError('audience is missing: give the identifier that this API is registered with.')
  }
  const { credentials, whenStale }: { credentials?: unknown; whenStale?: unknown } = options
  if (credentials !== undefined) checkCredentials(credentials)
  else if (whenStale === 'introspect') {
    throw new TypeError('whenStale "introspect" needs credentials: the api_id and api_secret of this API.')
  }
  if (whenStale !== undefined && !WHEN_STALE.includes(whenStale)) {
    throw new TypeError(`whenStale is one of ${WHEN_STALE.join(', ')}.`)
  }
  return {
    decryptionKeys: checkKeys(options),
    clockTolerance: within('clockTolerance', options.clockTolerance ?? CLOCK_TOLERANCE, CLOCK_TOLERANCE),
    cacheSize: within('cacheSize', options.cacheSize ?? CACHE_SIZE, MOST_REMEMBERED),
    publicUrl: checkPublicUrl(options),
  }
}

/** A misspelt option would be left out, and nobody would know. */
function checkMembers(name: string, given: object, members: readonly string[]): void {
  for (const member of Object.keys(given)) {
    if (members.includes(member)) continue
    throw new TypeError(`${name} has no option ${JSON.stringify(member)}; its options: ${members.join(', ')}.`)
  }
}

function checkDpop(dpop: unknown): void {
  if (dpop === undefined) return
  if (!isJsonObject(dpop)) throw new TypeError('dpop is an object, such as { required: true }.')
  checkMembers('dpop', dpop, DPOP_MEMBERS)
  for (const [member, value] of Object.entries(dpop)) {
    // A secret that is missing from the environment would open what it is to close.
    if (value === undefined) throw new TypeError(`dpop.${member} is undefined: leave it out, or give it a value.`)
  }
}

function checkIssuer(issuer: unknown): void {
  const url = typeof issuer === 'string' && URL.canParse(issuer) ? new URL(issuer) : undefined
  if (!url)
    throw new TypeError('issuer is no URL: give what stands as "iss" in the tokens, such as https://login.example.com.')
  if (url.search || url.hash || url.username || url.password || String(issuer).endsWith('/')) {
    throw new TypeError(
      'issuer must be exactly what stands as "iss" in the tokens: no slash at the end, no query, no user.',
    )
  }
  // RFC 8414 §2: https. What stays on this machine nobody listens to.
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
    throw new TypeError(`issuer must be https: whoever can change an answer of ${url.origin} could make tokens.`)
  }
}

const isLoopback = (host: string) => /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host)

function checkCredentials(credentials: unknown): void {
  const { id, secret } = isJsonObject(credentials) ? credentials : {}
  if (typeof id === 'string' && id !== '' && typeof secret === 'string' && secret !== '') return
  throw new TypeError('credentials are not whole: give the api_id and the api_secret that "api create" printed.')
}

function checkKeys({ format = 'sealed', decryptionKeys }: VerifierOptions): DecryptionKey[] | undefined {
  if (format === 'signed') {
    if (decryptionKeys) throw new TypeError('An API whose format is "signed" has no decryptionKeys: leave them out.')
    return undefined
  }
  if (format !== 'sealed') throw new TypeError('format is "sealed" or "signed", as the API is registered.')
  if (!Array.isArray(decryptionKeys) || decryptionKeys.length === 0) {
    throw new TypeError(
      'decryptionKeys is empty: give the private JWKs of this API (npx @bulla/resource-server keygen makes one), or say that its format is "signed".',
    )
  }
  return decryptionKeys.map(importKey)
}

function importKey(jwk: PrivateJwk, index: number): DecryptionKey {
  const name = `decryptionKeys[${index}]`
  if (!isEncryptionAlgorithm(jwk?.alg)) {
    throw new TypeError(`${name} needs the alg that the API registered: ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256.`)
  }
  try {
    return importDecryptionKey(jwk as JsonWebKey, jwk.alg)
  } catch (error) {
    throw new TypeError(`${name} is no private key for ${jwk.alg}. ${error instanceof TypeError ? error.message : ''}`)
  }
}

function checkPublicUrl({ publicUrl, audience }: Pick<VerifierOptions, 'publicUrl' | 'audience'>): string | undefined {
  const isWeb = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
  if (publicUrl === undefined) return isWeb(audience) ? new URL(audience).origin : undefined
  if (!isWeb(publicUrl)) throw new TypeError('publicUrl is no http URL: give where clients reach this API.')
  const { origin, pathname, search, hash } = new URL(publicUrl)
  if (search || hash) throw new TypeError('publicUrl has no query and no fragment.')
  return origin + pathname.replace(/\/+$/, '')
}

function within(name: string, value: number, most: number): number {
  if (Number.isFinite(value) && value >= 0 && value <= most) return value
  throw new TypeError(`${name} is a number from 0 to ${most}.`)
}
