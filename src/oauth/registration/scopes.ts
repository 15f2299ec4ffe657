import { quoted, RegistrationError } from './registration-error.js'

const MAX_SCOPES = 200
const MAX_LENGTH = 128

/** Scopes that mean something at this server itself, so that no API can own them. OpenID Connect Core §5.4, §11. */
export const OPENID_SCOPES = ['openid', 'offline_access', 'profile', 'email', 'address', 'phone'] as const

/** Tells whether a scope is one of OpenID Connect's, which every client may be registered for. OpenID Connect Core §5.4. */
export function isOpenidScope(scope: string): boolean {
  return OPENID_SCOPES.some((name) => name === scope)
}

/** Scopes, each once, in the order given. Throws RegistrationError. RFC 6749 §3.3. */
export function parseScopes(scopes: readonly string[]): string[] {
  const distinct = [...new Set(scopes)]
  if (distinct.length > MAX_SCOPES) throw new RegistrationError('scopes', `must be at most ${MAX_SCOPES}`)
  for (const scope of distinct) {
    if (scope === '') throw new RegistrationError('scopes', 'must not be empty')
    if (scope.length > MAX_LENGTH) {
      throw new RegistrationError('scopes', `must have at most ${MAX_LENGTH} characters each`)
    }
    // RFC 6749 §3.3 and App. A.4: %x21 / %x23-5B / %x5D-7E.
    if (!/^[\x21\x23-\x5b\x5d-\x7e]+$/.test(scope)) {
      throw new RegistrationError(
        'scopes',
        `${quoted(scope)} must be of visible ASCII characters without quotation mark and backslash`,
      )
    }
  }
  return distinct
}
