import { normalizePassword } from '../crypto/password.js'

/** Characters, as people count them. What is required of who signs in with more than a password; no rule of composition helps. */
const LEAST = 8

/** A password that may not be set, and why. */
export class WeakPasswordError extends Error {
  override readonly name = 'WeakPasswordError'
}

/** The normalised form of a password somebody chose. Throws PasswordRefusedError and WeakPasswordError. */
export function acceptPassword(password: string): string {
  const normalized = normalizePassword(password)
  const characters = [...new Intl.Segmenter().segment(normalized)].length
  if (characters < LEAST)
    throw new WeakPasswordError(`The password is too short: it needs at least ${LEAST} characters.`)
  return normalized
}
