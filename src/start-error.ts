/** A reason not to start that its operator can act on: the message is printed as it stands, without a stack. */
export class StartError extends Error {
  override name = 'StartError'
}

/** What is said of a failed start: what an operator can act on in words, what nobody foresaw with its stack. */
export function inWords(error: unknown): string {
  if (error instanceof StartError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
