import type { PrivateJwk } from './options.js'

/** The members of a public key and what it is for. RFC 7518 §6. */
const PUBLIC = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg'] as const

/**
 * The JWKS of an API: the public halves of its keys in their order, so that the server seals for the first. What is not known to be public
 * stays here. RFC 7517 §5.
 */
export function publicKeySet(privateJwks: readonly PrivateJwk[]): { keys: Record<string, unknown>[] } {
  const publicHalf = (jwk: PrivateJwk) =>
    Object.fromEntries(PUBLIC.flatMap((member) => (jwk[member] === undefined ? [] : [[member, jwk[member]]])))
  return { keys: privateJwks.map((jwk) => ({ ...publicHalf(jwk), use: 'enc' })) }
}
