import { invalidScope } from './errors.js'

// RFC 6749 §A.4: scope-token *( SP scope-token ), each of %x21 / %x23-5B / %x5D-7E.
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** The scope tokens of a request, each once, in the order asked; undefined when none was asked. RFC 6749 §3.3. */
export function parseScope(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return undefined
  if (!SCOPE.test(text)) throw invalidScope('scope_malformed')
  return [...new Set(text.split(' '))]
}

/** Whether every one of these scopes is among those. RFC 6749 §3.3. */
export function within(scope: readonly string[], allowed: readonly string[]): boolean {
  return scope.every((one) => allowed.includes(one))
}
