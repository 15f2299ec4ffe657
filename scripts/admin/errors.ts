/** The command line isn't understood: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command is understood and can't be carried out: exit code 1. The message says what to do. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
}
