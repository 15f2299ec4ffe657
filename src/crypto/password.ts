import { randomBytes } from 'node:crypto'
import { type Argon2Cost, type Argon2GateOptions, createArgon2Gate } from './argon2-gate.js'

export { PasswordQueueFullError } from './argon2-gate.js'

const MAX_BYTES = 1024

export type PasswordHasherOptions = Argon2Cost & Argon2GateOptions

export interface PasswordHasher {
  /** A PHC string (`$argon2id$v=19$m=…`) of the current cost, with a new salt. */
  hash(password: string): Promise<string>
  /**
   * Whether `password` is the one behind `phc`, and whether it should be hashed again at the current cost (never when it
   * is wrong). Without `phc`, the user is unknown: a hash of the current cost is computed all the same, and `ok` is false.
   */
  verify(password: string, phc: string | undefined): Promise<{ ok: boolean; rehash: boolean }>
  /** Jobs in a process, and jobs that wait for one. */
  stats(): { running: number; queued: number }
  /** Finishes what was accepted, refuses the rest, ends the processes. */
  close(): Promise<void>
}

/** Not a password, whoever the user is: nothing, more than 1,024 bytes, or text that isn't Unicode (half a pair). */
export class PasswordRefusedError extends Error {
  override readonly name = 'PasswordRefusedError'
  readonly reason: 'empty' | 'too_long' | 'malformed'

  constructor(reason: 'empty' | 'too_long' | 'malformed') {
    super(`The password is ${reason.replace('_', ' ')}.`)
    this.reason = reason
  }
}

/**
 * The password in the one form that is hashed, NFKC, so that every keyboard's spelling of it is the same, RFC 4013 §2.2.
 *
 * At most 1,024 bytes of UTF-8 as it came and as it is returned. Throws PasswordRefusedError.
 */
export function normalizePassword(password: string): string {
  // Before the work: NFKC makes up to 18 characters of one.
  if (Buffer.byteLength(password) > MAX_BYTES) throw new PasswordRefusedError('too_long')
  // UTF-8 has one replacement for every half of a pair, so different passwords would have the same hash.
  if (/\p{Surrogate}/u.test(password)) throw new PasswordRefusedError('malformed')
  const normalized = password.normalize('NFKC')
  if (normalized === '') throw new PasswordRefusedError('empty')
  if (Buffer.byteLength(normalized) > MAX_BYTES) throw new PasswordRefusedError('too_long')
  return normalized
}

/**
 * argon2id in child processes behind a gate, RFC 9106 §4.
 *
 * `memoryKiB` per hash; see Argon2GateOptions for the rest. `hash` and `verify` normalise the password and throw
 * PasswordRefusedError, PasswordQueueFullError, or Error when a process died twice over it.
 */
export function createPasswordHasher(options: PasswordHasherOptions): PasswordHasher {
  const { memoryKiB, timeCost, parallelism } = options
  const cost = { memoryKiB, timeCost, parallelism }
  const gate = createArgon2Gate(options)
  const unknownUser = hashOfNothing(cost)

  return {
    hash: async (password) => {
      const answer = await gate.run({ password: normalizePassword(password), cost })
      if (!('phc' in answer)) throw new Error('argon2 answered another question.')
      return answer.phc
    },
    verify: async (password, phc) => {
      const answer = await gate.run({ password: normalizePassword(password), phc: phc ?? unknownUser, cost })
      if (!('ok' in answer)) throw new Error('argon2 answered another question.')
      return phc === undefined ? { ok: false, rehash: false } : answer
    },
    stats: gate.stats,
    close: gate.close,
  }
}

/** A PHC string that no password is known for. Random bytes are as good as a hash, and there before the first request. */
function hashOfNothing({ memoryKiB, timeCost, parallelism }: Argon2Cost): string {
  const part = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${memoryKiB},t=${timeCost},p=${parallelism}$${part(16)}$${part(32)}`
}
