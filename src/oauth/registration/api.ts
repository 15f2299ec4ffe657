import { isEncryptionAlgorithm, parseEncryptionKeys } from '../../crypto/jwk.js'
import type { EncryptionAlgorithm, EncryptionMethod, SigningAlgorithm, TokenFormat } from '../records.js'
import { given, type Optional } from './change.js'
import { parseName } from './name.js'
import { quoted, RegistrationError } from './registration-error.js'
import { isOpenidScope, parseScopes } from './scopes.js'
import { parseIdentifier } from './uris.js'

const FORMATS = ['sealed', 'signed', 'opaque'] as const
const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'Ed25519'] as const
const ENCRYPTION_METHODS = ['A256GCM', 'A128CBC-HS256'] as const
const MIN_LIFETIME = 30
const NAME_LENGTH = 100

/** What is registered of an API, the protected resource of RFC 8707 §2. Keys come apart, as a set or from a URL. */
export type ApiSettings = {
  readonly identifier: string
  readonly name: string
  readonly scopes: readonly string[]
  /** What a scope allows, in the words that people read when they are asked for it; by scope, where there are some. */
  readonly descriptions: Readonly<Record<string, string>>
  readonly format: TokenFormat
  readonly signingAlgorithm: SigningAlgorithm
  /** Of an API that something is encrypted to, tokens or introspection responses; the method too. */
  readonly encryptionAlgorithm: EncryptionAlgorithm | undefined
  readonly encryptionMethod: EncryptionMethod | undefined
  readonly introspectionAlgorithm: SigningAlgorithm
  readonly introspectionEncryption: boolean
  /** Seconds; undefined: the server's default. */
  readonly tokenLifetime: number | undefined
}

type Asked = Pick<ApiSettings, 'name' | 'scopes' | 'descriptions'> & {
  readonly format: string
  readonly signingAlgorithm: string
  readonly encryptionAlgorithm: string
  readonly encryptionMethod: string
  readonly introspectionAlgorithm: string
  readonly introspectionEncryption: boolean
  readonly tokenLifetime: number
}

export type NewApi = Pick<ApiSettings, 'identifier' | 'scopes'> & Optional<Asked>

/** Undefined leaves a setting as it is, null takes it away. The identifier stays: it is in the tokens. */
export type ApiChange = Optional<Omit<Asked, 'tokenLifetime'>> & { readonly tokenLifetime?: number | null | undefined }

/** Where the API is: seconds no token may outlive, and the issuer, whose own tokens its identifier would be taken for. */
export type ApiPlace = { readonly issuer: string; readonly maxTokenLifetime: number }

/** What an API is sealed for: the set of its public keys, and the URL it was fetched from; without, it was pasted. */
export type RegisteredKeys = { readonly jwks: unknown; readonly jwksUri: string | undefined }

/**
 * The settings of a new API; without more: sealed with ECDH-ES and A256GCM, signed with ES256, introspection responses with RS256.
 * Throws RegistrationError. RFC 8707 §2, RFC 7518 §4.1, §5.1, RFC 9701 §6.
 */
export function registerApi(asked: NewApi, place: ApiPlace): ApiSettings {
  const identifier = parseIdentifier(asked.identifier)
  if (identifier === place.issuer) throw new RegistrationError('identifier', 'must not be that of this server')
  return check({ ...asked, identifier, name: asked.name ?? identifier.slice(0, NAME_LENGTH) }, place)
}

/**
 * The settings of an API after a change: words for a scope are added to those there are, and empty ones take them away; one that nothing is encrypted to any more loses its encryption.
 * Throws RegistrationError.
 */
export function changeApi(current: ApiSettings, change: ApiChange, place: ApiPlace): ApiSettings {
  const { encryptionAlgorithm, encryptionMethod, ...rest } = current
  const encrypted = isEncrypted({ ...rest, ...given(change) })
  const scopes = change.scopes ?? current.scopes
  const kept = Object.entries(current.descriptions).filter(([scope]) => scopes.includes(scope))
  const descriptions = { ...Object.fromEntries(kept), ...change.descriptions }
  const encryption = encrypted ? { encryptionAlgorithm, encryptionMethod } : {}
  return check({ ...rest, ...encryption, ...given(change), descriptions }, place)
}

/** What is allowed and yet unwise, as sentences for whoever registers the API. */
export function apiWarnings({ identifier }: Pick<ApiSettings, 'identifier'>): string[] {
  // RFC 8707 §2: it SHOULD NOT include a query component.
  return identifier.includes('?') ? ['The identifier has a query, which few clients send back unchanged.'] : []
}

/**
 * The keys of an API as they are registered: a sound set in which one fits the API's algorithm, or none for an API that nothing is
 * encrypted to. Throws RegistrationError. RFC 7517 §5, RFC 8725 §3.5.
 */
export function checkKeys<Keys extends RegisteredKeys>(api: ApiSettings, keys: Keys | undefined): Keys | undefined {
  const setting = keys?.jwksUri === undefined ? 'jwks' : 'jwksUri'
  if (api.encryptionAlgorithm === undefined) {
    if (keys) throw new RegistrationError(setting, `is for sealed APIs, this one is ${api.format}`)
    return undefined
  }
  if (!keys) throw new RegistrationError('jwks', 'is needed: what is sealed is sealed for a key of the API')
  const choice = parseEncryptionKeys(keys.jwks, api.encryptionAlgorithm)
  if (!choice.ok) throw new RegistrationError(setting, `can't be used: ${choice.reason.replace(/\.$/, '')}`)
  return keys
}

/**
 * The settings and keys of an API after a change of either: keys that stay must fit the algorithm that comes. An API that nothing
 * is encrypted to any more loses them. Throws RegistrationError.
 */
export function changeApiAndKeys(
  current: ApiSettings & { readonly keys: RegisteredKeys | undefined },
  { change, keys }: { change: ApiChange; keys?: RegisteredKeys | undefined },
  place: ApiPlace,
): { settings: ApiSettings; keys?: RegisteredKeys | undefined } {
  const settings = changeApi(current, change, place)
  if (keys) return { settings, keys: checkKeys(settings, keys) }
  if (!isEncrypted(settings)) return current.keys ? { settings, keys: undefined } : { settings }
  checkKeys(settings, current.keys)
  return { settings }
}

/** Is anything encrypted to the API: its tokens, or what it is told of them? */
const isEncrypted = (api: {
  readonly format?: string | undefined
  readonly introspectionEncryption?: boolean | undefined
}) => (api.format ?? 'sealed') === 'sealed' || api.introspectionEncryption === true

type Unchecked = Optional<Asked> & Pick<ApiSettings, 'identifier' | 'name'>

function check(asked: Unchecked, { maxTokenLifetime }: ApiPlace): ApiSettings {
  const scopes = parseScopes(asked.scopes ?? [])
  if (scopes.length === 0) throw new RegistrationError('scopes', 'must be at least one')
  const openid = scopes.find(isOpenidScope)
  if (openid)
    throw new RegistrationError('scopes', `${quoted(openid)} is one of OpenID Connect's, which no API can own`)
  const { tokenLifetime } = asked
  if (tokenLifetime !== undefined && !isWithin(tokenLifetime, maxTokenLifetime)) {
    throw new RegistrationError('tokenLifetime', `must be ${MIN_LIFETIME} to ${maxTokenLifetime} seconds`)
  }
  return {
    identifier: asked.identifier,
    name: parseName(asked.name),
    scopes,
    descriptions: checkDescriptions(asked.descriptions ?? {}, scopes),
    ...checkFormat(asked),
    tokenLifetime,
  }
}

function checkDescriptions(
  descriptions: Readonly<Record<string, string>>,
  scopes: readonly string[],
): Readonly<Record<string, string>> {
  const given = Object.entries(descriptions).filter(([, text]) => text !== '')
  const stray = given.find(([scope]) => !scopes.includes(scope))
  if (stray) throw new RegistrationError('descriptions', `${quoted(stray[0])} is no scope of the API`)
  const byScope = given.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(byScope.map(([scope, text]) => [scope, parseName(text, 'descriptions')]))
}

function checkFormat(
  asked: Unchecked,
): Omit<ApiSettings, 'identifier' | 'name' | 'scopes' | 'descriptions' | 'tokenLifetime'> {
  const format = oneOf('format', FORMATS, asked.format ?? 'sealed')
  const signingAlgorithm = oneOf('signingAlgorithm', SIGNING_ALGORITHMS, asked.signingAlgorithm ?? 'ES256')
  // RFC 9701 §6: RS256 where nothing else is registered.
  const introspectionAlgorithm = oneOf(
    'introspectionAlgorithm',
    SIGNING_ALGORITHMS,
    asked.introspectionAlgorithm ?? 'RS256',
  )
  const introspectionEncryption = asked.introspectionEncryption ?? false
  const common = { format, signingAlgorithm, introspectionAlgorithm, introspectionEncryption }
  if (!isEncrypted(common)) {
    const extra = asked.encryptionAlgorithm !== undefined ? 'encryptionAlgorithm' : 'encryptionMethod'
    if (asked[extra] !== undefined) throw new RegistrationError(extra, `is for sealed APIs, this one is ${format}`)
    return { ...common, encryptionAlgorithm: undefined, encryptionMethod: undefined }
  }
  const encryptionAlgorithm = asked.encryptionAlgorithm ?? 'ECDH-ES'
  if (!isEncryptionAlgorithm(encryptionAlgorithm)) {
    throw new RegistrationError('encryptionAlgorithm', 'must be ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256')
  }
  const encryptionMethod = oneOf('encryptionMethod', ENCRYPTION_METHODS, asked.encryptionMethod ?? 'A256GCM')
  return { ...common, encryptionAlgorithm, encryptionMethod }
}

function oneOf<T extends string>(
  setting: 'format' | 'signingAlgorithm' | 'encryptionMethod' | 'introspectionAlgorithm',
  known: readonly T[],
  value: string,
): T {
  const found = known.find((name) => name === value)
  if (found === undefined) throw new RegistrationError(setting, `must be one of ${known.join(', ')}`)
  return found
}

function isWithin(seconds: number, most: number): boolean {
  return Number.isInteger(seconds) && seconds >= MIN_LIFETIME && seconds <= most
}
