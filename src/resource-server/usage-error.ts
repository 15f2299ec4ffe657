/** The command line isn't understood. The message says what is. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
