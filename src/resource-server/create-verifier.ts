import { buildVerifier } from './build-verifier.js'
import { followRevocations } from './follow-revocations.js'
import { claimsOf, type NodeMiddleware, type NodeRequest, requireToken, wellKnown } from './node-middleware.js'
import type { Requirements, VerifiedClaims, VerifierOptions, WhenStale } from './options.js'
import type { Verifier } from './verifier.js'

/** A verifier with what Express, Connect and bare node:http need; `W` says what a route may do when nothing is known in time. */
export type Bulla<W extends WhenStale = WhenStale> = Verifier<W> & {
  /**
   * Lets requests on that carry a good token, and answers the others. Throws TypeError when no token can meet the requirements.
   *
   * @example
   * app.get('/orders', bulla.require({ scope: 'orders:read' }), (req, res) => res.json(bulla.claims(req)))
   */
  require(requirements?: Requirements<W>): NodeMiddleware
  /** What the token said that a request was let in with. Throws TypeError in a route that requires none. */
  claims(req: NodeRequest): VerifiedClaims
  /**
   * Answers where this API describes itself (RFC 9728 §3) and publishes its keys, and lets everything else on.
   *
   * @example
   * app.use(bulla.serveWellKnown())
   */
  serveWellKnown(): NodeMiddleware
}

/** Without credentials there is nobody to introspect as. */
type ChoicesOf<O extends VerifierOptions> = O extends { credentials: object }
  ? WhenStale
  : Exclude<WhenStale, 'introspect'>

/**
 * Makes what protects one API: tokens are decrypted, verified and checked for revocation in one call. Resolves at once, without the network:
 * until the authorization server has answered, requests get 503. Throws TypeError for options that can't be, and says what to do.
 * RFC 9068 §4.
 *
 * @example
 * const bulla = await createVerifier({
 *   issuer: 'https://login.example.com',
 *   audience: 'https://orders.example.com',
 *   decryptionKeys: [JSON.parse(readFileSync('private.jwk.json', 'utf8'))],
 *   credentials: { id: API_ID, secret: API_SECRET },
 * })
 * app.get('/orders', bulla.require({ scope: 'orders:read' }), handler)
 */
export async function createVerifier<const O extends VerifierOptions>(options: O): Promise<Bulla<ChoicesOf<O>>> {
  const verifier = buildVerifier(options, { follow: followRevocations }) as Verifier<ChoicesOf<O>>
  return {
    ...verifier,
    require: (requirements = {}) => requireToken(verifier, requirements),
    claims: claimsOf,
    serveWellKnown: () => wellKnown(verifier),
  }
}
