import { acceptPassword, WeakPasswordError } from '#bulla/accounts/password-policy.js'
import { createPasswordHasher, PasswordRefusedError } from '#bulla/crypto/password.js'
import { randomToken } from '#bulla/crypto/secrets.js'
import type { Context } from './context.js'
import { RefusedError } from './errors.js'
import { readLine } from './input.js'

// 132 bits in 22 characters.
const RANDOM_BYTES = 16

export type NewPassword = {
  readonly passwordHash: string
  /** The random one, to be shown once; undefined when the operator knows it. */
  readonly shown: string | undefined
}

export const PASSWORD_OPTION = {
  'password-stdin': { help: 'Reads the password from standard input, one line. Without: a random one, shown once.' },
} as const

/** Throws RefusedError for what can't be a password. */
export async function newPassword(
  { config }: Pick<Context, 'config'>,
  fromStdin: boolean | undefined,
): Promise<NewPassword> {
  const shown = fromStdin ? undefined : randomToken(RANDOM_BYTES)
  const hasher = createPasswordHasher({
    memoryKiB: config.argon2MemoryKib,
    timeCost: config.argon2TimeCost,
    parallelism: config.argon2Parallelism,
    processes: 1,
    queueLimit: 1,
  })
  try {
    return { passwordHash: await hasher.hash(shown ?? acceptPassword(await readLine('The password'))), shown }
  } catch (error) {
    if (error instanceof PasswordRefusedError || error instanceof WeakPasswordError)
      throw new RefusedError(error.message)
    throw error
  } finally {
    await hasher.close()
  }
}

/** What is said of a password that was made here. */
export const SHOWN_ONCE = (what: string) => `The ${what} is shown once and can't be read again: keep it now.`
