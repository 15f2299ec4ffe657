/** A reason not to start that its operator can act on: the message is printed as it stands, without a stack. */
export class StartError extends Error {
  override name = 'StartError'
}
