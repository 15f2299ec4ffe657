import type { VerifiedClaims } from './options.js'

const admitted = new WeakMap<object, VerifiedClaims>()

/** Remembers what the token said that a request was let in with, for as long as there is the request. */
export function admit(request: object, claims: VerifiedClaims): void {
  admitted.set(request, claims)
}

/** The claims of the token that a request was let in with. Throws TypeError where none was asked for. */
export function admittedClaims(request: object): VerifiedClaims {
  const claims = admitted.get(request)
  if (claims) return claims
  throw new TypeError('Nothing protects this route, so there are no claims: require a token before its handler runs.')
}
