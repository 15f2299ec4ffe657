import { TokenError } from '../crypto/token-error.js'
import { MAX_TOKEN_LENGTH } from '../wire/access-token.js'
import type { AccessTokenClaims } from '../wire/claims.js'
import { waitAtMost } from './in-time.js'
import type { IntrospectionVerdict } from './introspection.js'
import type { IssuerDocuments } from './issuer-documents.js'
import { type Opener, signingKid, takeSealOff, verifyToken } from './open-token.js'
import type { WhenStale } from './options.js'
import { fingerprint, type RememberedTokens } from './remembered-tokens.js'
import type { GenuineToken, Revocations, Verdict } from './revocations.js'
import { assertTimely } from './token-times.js'
import type { UnavailableReason } from './verify-error.js'

/** Nothing can be said of a token now. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable'
  readonly reason: UnavailableReason

  constructor(reason: UnavailableReason) {
    super('Tokens cannot be judged now.')
    this.reason = reason
  }
}

export type AdmissionPorts = {
  readonly opener: Omit<Opener, 'assertTimely'>
  readonly documents: IssuerDocuments
  /** Undefined until the server has said what it has. */
  readonly revocations: () => Revocations | undefined
  readonly introspect: ((token: string) => Promise<IntrospectionVerdict>) | undefined
  readonly remembered: RememberedTokens
  /** Seconds since 1970. */
  readonly now: () => number
  readonly clockTolerance: number
}

export type AdmissionChoice = { readonly whenStale: WhenStale; readonly introspect: boolean }

// Milliseconds that the first requests of a process wait for the first answer of the server.
const PATIENCE = 2_000

/**
 * Lets a token in or not: takes the seal off, verifies, and asks whether it still counts, in the order of RFC 9068 §4; of a known
 * token only what time and revocation change. Throws TokenError, or Unavailable.
 */
export function createAdmission({ opener, documents, revocations, introspect, remembered, ...ports }: AdmissionPorts) {
  const { keys } = documents
  const { now, clockTolerance } = ports

  const timely = (claims: AccessTokenClaims) =>
    assertTimely(claims, {
      now: now(),
      tolerance: clockTolerance,
      maxLifetime: documents.metadata()?.maxTokenLifetime,
    })
  const judges = { ...opener, assertTimely: timely }

  async function open(token: string): Promise<GenuineToken> {
    const jws = takeSealOff(token, opener)
    if (!documents.metadata()) await waitAtMost(PATIENCE, documents.attempted)
    if (!documents.metadata()) throw new Unavailable('keys_unavailable')
    try {
      return verifyToken(jws, keys.find, judges)
    } catch (error) {
      if (!(error instanceof TokenError && error.reason === 'unknown_key')) throw error
    }
    const kid = signingKid(jws)
    // What a revoked key signed is refused for good, whatever the server's key set is like meanwhile.
    if (revocations()?.isKeyRevoked(kid)) throw new TokenError('revoked')
    // A new key, perhaps. Who can't be asked has not said that it is not.
    if (!(await keys.refresh({ kid }))) throw new Unavailable('keys_unavailable')
    return verifyToken(jws, keys.find, judges)
  }

  /** The first requests of a process wait until the server has had its chance to answer. */
  async function settle(first: ReturnType<Revocations['judge']> | undefined, genuine: GenuineToken): Promise<Verdict> {
    const verdict = (await first) ?? 'unknown'
    if (verdict !== 'unknown') return verdict
    await waitAtMost(PATIENCE, revocations()?.attempted ?? documents.attempted)
    return (await revocations()?.judge(genuine)) ?? 'unknown'
  }

  /** Refuses what is revoked, and asks where that isn't known or not enough. */
  async function conclude(token: string, genuine: GenuineToken, choice: AdmissionChoice): Promise<AccessTokenClaims> {
    const first = revocations()?.judge(genuine)
    const verdict = first === 'live' || first === 'revoked' ? first : await settle(first, genuine)
    if (verdict === 'revoked') throw new TokenError('revoked')
    if (verdict === 'live' && !choice.introspect) return genuine.claims
    return ask(token, genuine, choice)
  }

  async function admitNew(token: string, name: string, choice: AdmissionChoice): Promise<AccessTokenClaims> {
    const genuine = await open(token)
    remembered.add(name, genuine)
    return conclude(token, genuine, choice)
  }

  /** A known token is judged without a turn of the event loop. */
  return function admit(token: string, choice: AdmissionChoice): AccessTokenClaims | Promise<AccessTokenClaims> {
    // Before it is hashed: megabytes cost nothing.
    if (typeof token !== 'string') throw new TokenError('malformed')
    if (token.length > MAX_TOKEN_LENGTH) throw new TokenError('too_large')
    const name = fingerprint(token)
    const genuine = remembered.find(name)
    // A key that was dropped takes with it what it signed.
    if (!genuine || !keys.find(genuine.kid)) return admitNew(token, name, choice)
    timely(genuine.claims)
    if (!choice.introspect && revocations()?.judge(genuine) === 'live') return genuine.claims
    return conclude(token, genuine, choice)
  }

  /** What is not known here is asked, or taken as the route wants it. */
  async function ask(token: string, { claims }: GenuineToken, choice: AdmissionChoice): Promise<AccessTokenClaims> {
    if (!choice.introspect && choice.whenStale === 'open') return claims
    if (!choice.introspect && choice.whenStale === 'unavailable') throw new Unavailable('revocation_unknown')
    const said = (await introspect?.(token)) ?? 'unknown'
    if (said === 'inactive') throw new TokenError('revoked')
    if (said === 'unknown') throw new Unavailable('introspection_unavailable')
    return claims
  }
}
