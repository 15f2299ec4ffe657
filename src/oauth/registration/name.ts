import { RegistrationError, type Setting } from './registration-error.js'

const MAX_LENGTH = 100
// Seen by nobody, or acting on the text around them: controls, bidirectional overrides, zero-width characters, fillers.
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{DI}\u2800]/u

/**
 * A name as people will read it, on pages too: NFC, without white space around it, 1-100 characters, all of them visible.
 * Throws RegistrationError. RFC 7591 §5.
 */
export function parseName(text: string, setting: Setting = 'name'): string {
  // Before the work: one character can become three.
  if (text.length > 4 * MAX_LENGTH) throw tooLong(setting)
  const name = text.normalize('NFC').trim()
  if (name === '') throw new RegistrationError(setting, 'must not be empty')
  if ([...name].length > MAX_LENGTH) throw tooLong(setting)
  if (INVISIBLE.test(name)) throw new RegistrationError(setting, 'must not have control or invisible characters')
  return name
}

const tooLong = (setting: Setting) => new RegistrationError(setting, `must have at most ${MAX_LENGTH} characters`)
