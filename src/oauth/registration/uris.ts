import { quoted, RegistrationError, type Setting } from './registration-error.js'

const MAX_LENGTH = 2048
// RFC 3986 §2: what a URI is made of; anything else is where two parsers read two things.
const URI = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/
const SCRIPTING = ['javascript', 'data', 'file', 'vbscript', 'blob', 'about', 'view-source', 'filesystem']
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost']
// What the authorization endpoint adds: a registered one of the same name would stand there twice.
const RESPONSE_PARAMETERS = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response']

/**
 * A redirect URI, to be compared byte for byte: absolute, no fragment; https, http on this machine's own address, or an app's
 * private scheme that contains a period. It must be spelled as a URL parser would spell it, so that nobody reads another.
 * Throws RegistrationError. RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §4.1.3.
 */
export function parseRedirectUri(uri: string): string {
  return parseReturnUri(uri, { setting: 'redirectUris', added: RESPONSE_PARAMETERS })
}

/** Where a user may be sent after logout, under the same rules. Throws RegistrationError. OpenID Connect RP-Initiated Logout §3.1. */
export function parsePostLogoutRedirectUri(uri: string): string {
  return parseReturnUri(uri, { setting: 'postLogoutRedirectUris', added: ['state'] })
}

/**
 * Where a client hears of logouts: https, or http on this machine's own address. Throws RegistrationError. OpenID Connect Back-Channel
 * Logout §2.2, OpenID Connect Front-Channel Logout §2.
 */
export function parseLogoutUri(setting: 'backchannelLogoutUri' | 'frontchannelLogoutUri', uri: string): string {
  const refuse = refusing(setting, uri)
  const { url, scheme } = absolute(uri, refuse)
  if (scheme !== 'https' && scheme !== 'http') refuse('must be https, or http on localhost, 127.0.0.1 or [::1]')
  if (uri.includes('#')) refuse('must not have a fragment')
  const reserved = ['iss', 'sid'].find((name) => url.searchParams.has(name))
  if (reserved) refuse(`must not have the parameter ${reserved}, which is added to it`)
  assertWebUrl(url, uri, refuse)
  return uri
}

function parseReturnUri(uri: string, { setting, added }: { setting: Setting; added: readonly string[] }): string {
  const refuse = refusing(setting, uri)
  const { url, scheme } = absolute(uri, refuse)
  // RFC 6749 §3.1.2: the endpoint URI MUST NOT include a fragment component.
  if (uri.includes('#')) refuse('must not have a fragment')
  const reserved = added.find((name) => url.searchParams.has(name))
  if (reserved) refuse(`must not have the parameter ${reserved}, which the answer adds`)
  if (scheme === 'https' || scheme === 'http') {
    assertWebUrl(url, uri, refuse)
    return uri
  }
  if (SCRIPTING.includes(scheme)) refuse(`must not have the scheme ${scheme}`)
  // RFC 8252 §7.1: reverse domain names, so that another app's scheme isn't taken by accident.
  if (!scheme.includes('.')) refuse('must be https, or have a private scheme with a period, such as com.example.app')
  if (uri.length === scheme.length + 1) refuse('must have something after its scheme')
  if (url.href !== uri) refuse(`must be spelled ${quoted(url.href)}`)
  return uri
}

/** The origins of redirect URIs on https, each once: what a browser app calls from. RFC 6454 §4. */
export function originsOf(redirectUris: readonly string[]): string[] {
  return [...new Set(redirectUris.filter((uri) => uri.startsWith('https:')).map((uri) => new URL(uri).origin))]
}

/** An origin as a browser sends it: scheme, host and port alone. Throws RegistrationError. RFC 6454 §6.2. */
export function parseOrigin(origin: string): string {
  const refuse = refusing('origins', origin)
  const { url, scheme } = absolute(origin, refuse)
  if (scheme !== 'https' && scheme !== 'http') refuse('must be https, or http on localhost, 127.0.0.1 or [::1]')
  assertWebUrl(url, origin, refuse)
  if (url.origin !== origin) refuse(`must be scheme, host and port alone: ${quoted(url.origin)}`)
  return origin
}

/**
 * An API's identifier, compared byte for byte: an absolute URI without fragment. Throws RegistrationError. RFC 8707 §2.
 */
export function parseIdentifier(identifier: string): string {
  const refuse = refusing('identifier', identifier)
  const { scheme } = absolute(identifier, refuse)
  if (identifier.includes('#')) refuse('must not have a fragment')
  if (SCRIPTING.includes(scheme)) refuse(`must not have the scheme ${scheme}`)
  if (identifier.length === scheme.length + 1) refuse('must have something after its scheme')
  return identifier
}

/** Where an API publishes its keys; whether it may be fetched is the fetcher's to say. Throws RegistrationError. RFC 7517 §5. */
export function parseJwksUri(uri: string): string {
  const refuse = refusing('jwksUri', uri)
  const { url, scheme } = absolute(uri, refuse)
  if (scheme !== 'https' && scheme !== 'http') refuse('must be https, or http where FETCH_ALLOW opens it')
  if (url.username !== '' || url.password !== '') refuse('must not have a user name or password')
  if (uri.includes('#')) refuse('must not have a fragment')
  return uri
}

/** What a page may link to, https alone. Throws RegistrationError. OpenID Connect Dynamic Client Registration §2. */
export function parseLinkUri(setting: 'helpUri' | 'privacyUri', uri: string): string {
  const refuse = refusing(setting, uri)
  const { url, scheme } = absolute(uri, refuse)
  if (scheme !== 'https') refuse('must be https')
  if (url.username !== '' || url.password !== '') refuse('must not have a user name or password')
  return uri
}

type Refuse = (reason: string) => never

function refusing(setting: Setting, value: string): Refuse {
  return (reason) => {
    throw new RegistrationError(setting, `${quoted(value)} ${reason}`)
  }
}

function absolute(uri: string, refuse: Refuse): { url: URL; scheme: string } {
  if (uri.length > MAX_LENGTH) return refuse(`must have at most ${MAX_LENGTH} characters`)
  if (!URI.test(uri)) return refuse('must be of the characters that RFC 3986 §2 allows, others percent-encoded')
  const scheme = SCHEME.exec(uri)?.[1]
  if (scheme === undefined || !URL.canParse(uri)) return refuse('must be an absolute URI')
  return { url: new URL(uri), scheme: scheme.toLowerCase() }
}

/** https anywhere, http on loopback alone, and no spelling that a second parser could read as another place. */
function assertWebUrl(url: URL, written: string, refuse: Refuse): void {
  if (url.username !== '' || url.password !== '') refuse('must not have a user name or password')
  // OAuth 2.1 §8.4.2: the loopback literals; localhost works, though it is not recommended.
  if (url.protocol === 'http:' && !LOOPBACK.includes(url.hostname)) {
    refuse('must be https, or http on localhost, 127.0.0.1 or [::1]')
  }
  if (url.hostname.includes('*')) refuse('must not have a wildcard: every URI is registered in full')
  if (url.hostname.endsWith('.')) refuse('must not end its host in a period')
  if (url.href !== written && url.origin !== written) refuse(`must be spelled ${quoted(url.href)}`)
}
