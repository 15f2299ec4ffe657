import { isJsonObject, jsonFlaw } from '../crypto/json.js'
import { FURTHER_CLAIMS } from '../oauth/standard-claims.js'

const MAX_LENGTH = 2000
const URLS = ['profile', 'picture', 'website']
const ADDRESS = ['formatted', 'street_address', 'locality', 'region', 'postal_code', 'country']
// Seen by nobody, or acting on the text around them; a postal address has lines.
const INVISIBLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u
const INVISIBLE_IN_LINES = /(?!\n)[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

/** A standard claim that is not stored as it is. `reason` completes "the claim …". OpenID Connect Core §5.1. */
export class ClaimError extends Error {
  override readonly name = 'ClaimError'

  constructor(claim: string, reason: string) {
    super(`${claim} ${reason}.`)
  }
}

/**
 * Reads claims of a user as `name=value`, each in the type and syntax of OpenID Connect Core §5.1; null for an empty value, which takes one
 * away. Throws ClaimError.
 */
export function parseProfileClaims(written: readonly string[]): Record<string, unknown> {
  const claims = new Map<string, unknown>()
  for (const one of written) {
    const equals = one.indexOf('=')
    const name = equals < 0 ? one : one.slice(0, equals)
    if (!FURTHER_CLAIMS.includes(name))
      throw new ClaimError(JSON.stringify(name), `must be one of ${FURTHER_CLAIMS.join(', ')}`)
    if (equals < 0) throw new ClaimError(name, 'must be written name=value')
    if (claims.has(name)) throw new ClaimError(name, 'is given more than once')
    const value = one.slice(equals + 1)
    claims.set(name, value === '' ? null : parseClaim(name, value))
  }
  return Object.fromEntries(claims)
}

function parseClaim(name: string, value: string): unknown {
  if (name === 'address') return parseAddress(value)
  const refuse = (reason: string): never => {
    throw new ClaimError(name, reason)
  }
  if (value.length > MAX_LENGTH) refuse(`must have at most ${MAX_LENGTH} characters`)
  if (INVISIBLE.test(value)) refuse('must not have control characters')
  if (name === 'phone_number_verified') {
    if (value !== 'true' && value !== 'false') refuse('must be true or false')
    return value === 'true'
  }
  if (URLS.includes(name) && !isHttps(value)) refuse('must be an https URL')
  if (name === 'birthdate' && !isBirthdate(value)) refuse('must be a date YYYY-MM-DD, or a year YYYY')
  if (name === 'zoneinfo' && !isTimeZone(value)) refuse('must be a time zone, such as Europe/Paris')
  if (name === 'locale' && !isLanguageTag(value)) refuse('must be a language tag, such as en-US')
  return value
}

/** OpenID Connect Core §5.1.1. */
function parseAddress(text: string): Record<string, string> {
  const refuse = (reason: string): never => {
    throw new ClaimError('address', reason)
  }
  if (text.length > MAX_LENGTH) refuse(`must have at most ${MAX_LENGTH} characters`)
  const address = parseObject(text) ?? refuse('must be a JSON object')
  const entries = Object.entries(address)
  if (entries.length === 0) refuse('must say something')
  for (const [member, value] of entries) {
    if (!ADDRESS.includes(member)) refuse(`must have no members but ${ADDRESS.join(', ')}`)
    if (typeof value !== 'string' || INVISIBLE_IN_LINES.test(value)) refuse(`must have text as ${member}`)
  }
  return address as Record<string, string>
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) && !jsonFlaw(text, 1) ? value : undefined
  } catch {
    return undefined
  }
}

const isHttps = (text: string) => URL.canParse(text) && new URL(text).protocol === 'https:'

/** OpenID Connect Core §5.1: a year of 0000 leaves it out. */
function isBirthdate(text: string): boolean {
  if (/^\d{4}$/.test(text)) return true
  const [, year, rest] = /^(\d{4})-(\d\d-\d\d)$/.exec(text) ?? []
  if (rest === undefined) return false
  // Any leap year, for a 29 February without its own.
  const date = new Date(`${year === '0000' ? '2000' : year}-${rest}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().slice(5, 10) === rest
}

function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '' && /^[A-Za-z]/.test(text)
  } catch {
    return false
  }
}

function isLanguageTag(text: string): boolean {
  try {
    // Some write the underscore of their platform, OpenID Connect Core §5.1.
    return Intl.getCanonicalLocales(text.replaceAll('_', '-')).length === 1
  } catch {
    return false
  }
}
