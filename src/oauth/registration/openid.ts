import { isEncryptionAlgorithm, parseEncryptionKeys } from '../../crypto/jwk.js'
import type { Encryption, OpenIdSettings, SigningAlgorithm } from '../records.js'
import { given, type Optional } from './change.js'
import { quoted, RegistrationError, type Setting } from './registration-error.js'
import { originsOf, parseLogoutUri, parsePostLogoutRedirectUri } from './uris.js'

const SIGNING_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'Ed25519'] as const
const ENCRYPTION_METHODS = ['A128CBC-HS256', 'A256GCM'] as const
const MAX_URIS = 50
const MAX_AGE = 2 ** 31 - 1

/** `enc`: A128CBC-HS256 without it, OpenID Connect Registration §2. */
export type AskedEncryption = { readonly alg: string; readonly enc?: string | undefined }

/** What a client may ask for of OpenID Connect. `pairwise` without `sector`: the one host that its redirect URIs have. */
export type OpenIdAsked = {
  readonly jwks: unknown
  readonly idTokenAlgorithm: string
  readonly idTokenEncryption: AskedEncryption
  readonly userinfoAlgorithm: string
  readonly userinfoEncryption: AskedEncryption
  readonly pairwise: boolean
  readonly sector: string
  readonly defaultMaxAge: number
  readonly postLogoutRedirectUris: readonly string[]
  readonly backchannelLogoutUri: string
  readonly frontchannelLogoutUri: string
}

/** Undefined leaves a setting as it is, null takes it away. */
export type OpenIdChange = { readonly [K in keyof OpenIdAsked]?: OpenIdAsked[K] | null | undefined }

/**
 * What a new client has of OpenID Connect: ID tokens signed with RS256, userinfo as JSON, public subjects, unless it asks. Throws
 * RegistrationError. OpenID Connect Registration §2.
 */
export function registerOpenId(asked: Optional<OpenIdAsked>, redirectUris: readonly string[]): OpenIdSettings {
  return check(asked, { redirectUris, sector: undefined })
}

/**
 * The same after a change. A sector that is not named stays, whatever the redirect URIs are: with another one every user would be
 * somebody else. A client that nothing is encrypted to any more loses its keys. Throws RegistrationError. OpenID Connect Core §8.1.
 */
export function changeOpenId(
  { jwks, ...current }: OpenIdSettings,
  change: OpenIdChange,
  redirectUris: readonly string[],
): OpenIdSettings {
  const { sector, ...kept } = current
  const asked = { ...kept, pairwise: sector !== undefined, ...given(change) }
  const isEncrypted = asked.idTokenEncryption !== undefined || asked.userinfoEncryption !== undefined
  return check({ ...(isEncrypted && { jwks }), ...asked }, { redirectUris, sector })
}

/** What is allowed and yet may surprise, as sentences for whoever registers the client. */
export function openIdWarnings({ defaultMaxAge }: OpenIdSettings): string[] {
  return defaultMaxAge === 0
    ? ['Users give their password at every sign-in to the client: its default max age is 0.']
    : []
}

/** The same, of a change. OpenID Connect Core §8.1. */
export function sectorWarnings(
  before: Pick<OpenIdSettings, 'sector'>,
  after: Pick<OpenIdSettings, 'sector'>,
): string[] {
  if (before.sector === after.sector) return []
  return ['To the client every user is somebody else from now on: its subjects are made for another sector.']
}

type Place = { readonly redirectUris: readonly string[]; readonly sector: string | undefined }

function check(asked: Optional<OpenIdAsked>, place: Place): OpenIdSettings {
  const idTokenEncryption = encryption('idTokenEncryption', asked.idTokenEncryption)
  const userinfoEncryption = encryption('userinfoEncryption', asked.userinfoEncryption)
  const { defaultMaxAge } = asked
  if (
    defaultMaxAge !== undefined &&
    !(Number.isInteger(defaultMaxAge) && defaultMaxAge >= 0 && defaultMaxAge <= MAX_AGE)
  ) {
    throw new RegistrationError('defaultMaxAge', `must be 0 to ${MAX_AGE} seconds`)
  }
  return {
    jwks: checkKeys(asked.jwks, [idTokenEncryption, userinfoEncryption]),
    // OpenID Connect Registration §2: the algorithm of who asks for none.
    idTokenAlgorithm: signing('idTokenAlgorithm', asked.idTokenAlgorithm ?? 'RS256'),
    idTokenEncryption,
    userinfoAlgorithm: userinfoSigning(asked.userinfoAlgorithm, userinfoEncryption),
    userinfoEncryption,
    sector: sectorOf(asked, place),
    defaultMaxAge,
    postLogoutRedirectUris: postLogoutUris(asked.postLogoutRedirectUris ?? []),
    backchannelLogoutUri:
      asked.backchannelLogoutUri === undefined
        ? undefined
        : parseLogoutUri('backchannelLogoutUri', asked.backchannelLogoutUri),
    frontchannelLogoutUri: frontchannelUri(asked.frontchannelLogoutUri, place),
  }
}

function signing(setting: Setting, value: string): SigningAlgorithm {
  const found = SIGNING_ALGORITHMS.find((name) => name === value)
  if (!found) throw new RegistrationError(setting, `must be one of ${SIGNING_ALGORITHMS.join(', ')}`)
  return found
}

/** What is encrypted is signed first: alone, encryption says of nobody that he wrote it. RFC 7519 §11.2. */
function userinfoSigning(asked: string | undefined, encrypted: Encryption | undefined): SigningAlgorithm | undefined {
  const value = asked ?? (encrypted && 'RS256')
  return value === undefined ? undefined : signing('userinfoAlgorithm', value)
}

function encryption(setting: Setting, asked: AskedEncryption | undefined): Encryption | undefined {
  if (!asked) return undefined
  const { alg, enc = 'A128CBC-HS256' } = asked
  const method = ENCRYPTION_METHODS.find((name) => name === enc)
  if (!isEncryptionAlgorithm(alg)) {
    throw new RegistrationError(setting, 'must be with ECDH-ES, ECDH-ES+A256KW or RSA-OAEP-256')
  }
  if (!method) throw new RegistrationError(setting, `must be with ${ENCRYPTION_METHODS.join(' or ')}`)
  return { alg, enc: method }
}

/** A sound set in which a key fits each algorithm, or none. RFC 7517 §5, RFC 8725 §3.5. */
function checkKeys(jwks: unknown, encryptions: readonly (Encryption | undefined)[]): unknown {
  const asked = encryptions.filter((one) => one !== undefined)
  const has = jwks !== undefined && jwks !== null
  if (asked.length === 0) {
    if (has) throw new RegistrationError('jwks', 'is for a client that something is encrypted to')
    return undefined
  }
  if (!has) throw new RegistrationError('jwks', 'is needed: what is encrypted is encrypted to a key of the client')
  for (const { alg } of asked) {
    const choice = parseEncryptionKeys(jwks, alg)
    if (!choice.ok) throw new RegistrationError('jwks', `can't be used: ${choice.reason.replace(/\.$/, '')}`)
  }
  return jwks
}

/** The host that subjects are made for, OpenID Connect Core §8.1. */
function sectorOf(
  { pairwise, sector: named }: Optional<OpenIdAsked>,
  { redirectUris, sector }: Place,
): string | undefined {
  if (named !== undefined) {
    if (pairwise === false) throw new RegistrationError('sector', 'is for a client with pairwise subjects')
    if (!isHost(named)) throw new RegistrationError('sector', `${quoted(named)} must be a host name, in lower case`)
    return named
  }
  if (!pairwise) return undefined
  if (sector !== undefined) return sector
  const [host, ...more] = new Set(redirectUris.map((uri) => new URL(uri).hostname))
  // OpenID Connect Core §8.1: several hosts need to be told to be one sector's.
  if (!host || more.length > 0) {
    throw new RegistrationError('sector', 'must be given: the redirect URIs do not have one host that all share')
  }
  return host
}

const isHost = (text: string) =>
  text.length <= 253 && URL.canParse(`https://${text}`) && new URL(`https://${text}`).hostname === text

function postLogoutUris(uris: readonly string[]): string[] {
  const distinct = [...new Set(uris)]
  if (distinct.length > MAX_URIS) throw new RegistrationError('postLogoutRedirectUris', `must be at most ${MAX_URIS}`)
  return distinct.map(parsePostLogoutRedirectUri)
}

function frontchannelUri(uri: string | undefined, { redirectUris }: Place): string | undefined {
  if (uri === undefined) return undefined
  const parsed = parseLogoutUri('frontchannelLogoutUri', uri)
  const origins = [
    ...originsOf(redirectUris),
    ...redirectUris.filter((one) => one.startsWith('http:')).map((one) => new URL(one).origin),
  ]
  // OpenID Connect Front-Channel Logout §2: scheme, host and port of a registered redirect URI.
  if (!origins.includes(new URL(parsed).origin)) {
    throw new RegistrationError('frontchannelLogoutUri', `${quoted(uri)} must have the origin of a redirect URI`)
  }
  return parsed
}
