import { sha256Text } from '../crypto/sha256.js'
import type { Scheme } from '../wire/challenge.js'
import type { AccessTokenClaims } from '../wire/claims.js'
import { DpopProofError, type VerifiedProof, verifyDpopProof } from '../wire/dpop-proof.js'
import { createDpopNonces } from './dpop-nonce.js'
import { createProofMemory } from './dpop-replay.js'
import type { DpopOptions, PresentedProof } from './options.js'
import type { Refusal } from './verify-error.js'

/** How a token was presented. */
export type Presentation = PresentedProof & { readonly scheme: Scheme; readonly token: string }

/** `nonce`: what the response should carry as `DPoP-Nonce`, uncacheable. RFC 9449 §8.2. */
export type PossessionVerdict =
  | { readonly ok: true; readonly nonce: string | undefined }
  | { readonly ok: false; readonly refusal: Refusal }

export type PossessionContext = {
  /** Seconds since 1970. */
  readonly now: () => number
  /** Seconds that two clocks may differ. */
  readonly clockTolerance: number
}

// Nothing to be proved.
const UNBOUND: PossessionVerdict = { ok: true, nonce: undefined }

const DEFAULT_WINDOW = 60
const MAX_WINDOW = 300

/** The schemes that an API takes: those it challenges for. RFC 9449 §7.2. */
export function acceptedSchemes({ required = false }: DpopOptions = {}): readonly Scheme[] {
  return required ? ['DPoP'] : ['Bearer', 'DPoP']
}

/**
 * Makes the check that whoever presents a token may: that a bound one comes with a proof of its key, used once, and an unbound one where
 * it is taken. The token itself is judged before. Throws TypeError for options that can't be. RFC 9449 §7.
 */
export function createPossessionCheck(options: DpopOptions, { now, clockTolerance }: PossessionContext) {
  const { required = false, nonce = false, remember = createProofMemory(now) } = options
  const window = windowOf(options)
  const nonces = nonce === false ? undefined : createDpopNonces(nonce)
  const offered = () => nonces && { nonce: nonces.current(now()) }
  const refuse = (refusal: Refusal) => ({ ok: false, refusal }) as const

  async function verifyProof(proof: string, presented: Presentation, jkt: string): Promise<VerifiedProof | Refusal> {
    const { method, url, token: accessToken } = presented
    const isNonce = nonces && { isNonce: (value: string) => nonces.judge(value, now()) !== 'refused' }
    try {
      return await verifyDpopProof(proof, { method, url, accessToken, jkt, now: now(), window, ...isNonce })
    } catch (error) {
      if (!(error instanceof DpopProofError)) throw error
      return { code: codeOf(error), reason: error.reason, scheme: 'DPoP', ...offered() }
    }
  }

  /** The last check, so that only a proof that is good in all else is spent. RFC 9449 §11.1. */
  async function replayOf({ jkt, jti, iat }: VerifiedProof): Promise<Refusal | undefined> {
    const proofId = sha256Text(`${jkt}\n${jti}`, 'base64url')
    try {
      if ((await remember(proofId, Math.ceil(iat + window + clockTolerance))) === true) return undefined
    } catch (cause) {
      return { code: 'temporarily_unavailable', reason: 'replay_unknown', cause }
    }
    return { code: 'invalid_dpop_proof', reason: 'proof_replayed', scheme: 'DPoP', ...offered() }
  }

  async function prove(jkt: string, presented: Presentation): Promise<PossessionVerdict> {
    const { scheme, proof } = presented
    if (proof === undefined)
      return refuse({ code: 'invalid_dpop_proof', reason: 'proof_missing', scheme, ...offered() })
    const verified = await verifyProof(proof, presented, jkt)
    if ('code' in verified) return refuse(verified)
    const replay = await replayOf(verified)
    if (replay) return refuse(replay)
    const isAgeing = nonces?.judge(verified.nonce ?? '', now()) !== 'fresh'
    return { ok: true, nonce: isAgeing ? offered()?.nonce : undefined }
  }

  return (
    { cnf }: Pick<AccessTokenClaims, 'cnf'>,
    presented: Presentation,
  ): PossessionVerdict | Promise<PossessionVerdict> => {
    const { scheme } = presented
    const refused = refusalOfBinding(cnf, scheme, required)
    if (refused) return refuse({ code: 'invalid_token', reason: refused, scheme })
    return cnf?.jkt === undefined ? UNBOUND : prove(cnf.jkt, presented)
  }
}

/** Whether a token of this kind may be presented by this scheme. RFC 9449 §7.2. */
function refusalOfBinding(cnf: AccessTokenClaims['cnf'], scheme: Scheme, required: boolean) {
  if (cnf !== undefined) {
    // RFC 8705 §3: the certificate is seen where TLS ends, and that is not here.
    if (cnf['x5t#S256'] !== undefined) return 'certificate_bound_token'
    // RFC 7800 §3.1: what is bound in a way that is not understood is not taken for unbound.
    if (typeof cnf.jkt !== 'string') return 'unknown_confirmation'
    return scheme === 'Bearer' ? 'bound_token_as_bearer' : undefined
  }
  if (scheme === 'DPoP') return 'unbound_token_as_dpop'
  return required ? 'unbound_token' : undefined
}

function codeOf({ reason }: DpopProofError) {
  if (reason === 'proof_nonce_missing' || reason === 'proof_nonce_refused') return 'use_dpop_nonce'
  // RFC 9449 §7.1: a proof of another key leaves the token unconfirmed.
  return reason === 'proof_wrong_key' ? 'invalid_token' : 'invalid_dpop_proof'
}

function windowOf({ window = DEFAULT_WINDOW }: DpopOptions): number {
  if (!Number.isInteger(window) || window < 1 || window > MAX_WINDOW) {
    throw new TypeError(`dpop.window is ${String(window)}; give whole seconds from 1 to ${MAX_WINDOW}.`)
  }
  return window
}
