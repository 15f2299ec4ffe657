import { compactVerify, importJWK } from 'jose'
import { decodeBase64url } from '../crypto/base64url.js'
import { constantTimeEqual } from '../crypto/equality.js'
import { parseJsonObject } from '../crypto/json.js'
import { sha256Text } from '../crypto/sha256.js'
import { type DpopAlgorithm, isDpopAlgorithm, parseDpopKey } from './dpop-key.js'
import { normalizeHtu } from './htu.js'

/** Longest proof read, in characters. */
export const MAX_PROOF_LENGTH = 8192
const MAX_JTI_LENGTH = 256

export type DpopProofReason =
  | 'proof_too_large'
  | 'proof_malformed'
  | 'proof_wrong_type'
  | 'proof_unsupported_algorithm'
  | 'proof_forbidden_header'
  | 'proof_private_key'
  | 'proof_unfit_key'
  | 'proof_invalid_claims'
  | 'proof_wrong_method'
  | 'proof_wrong_url'
  | 'proof_outside_window'
  | 'proof_wrong_token_hash'
  | 'proof_wrong_key'
  | 'proof_nonce_missing'
  | 'proof_nonce_refused'
  | 'proof_bad_signature'

/** A proof that does not count. Its text never says why; `reason` is for the log. */
export class DpopProofError extends Error {
  override readonly name = 'DpopProofError'
  readonly reason: DpopProofReason

  constructor(reason: DpopProofReason) {
    super('The DPoP proof is not valid.')
    this.reason = reason
  }
}

export type ExpectedProof = {
  readonly method: string
  /** Where the client sent the request to; query and fragment don't matter. */
  readonly url: string
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds that `iat` may be off, either way. */
  readonly window: number
  /** The access token exactly as it was presented, where one was. */
  readonly accessToken?: string
  /** The thumbprint of the key that must have signed, where one is known. RFC 9449 §6.1. */
  readonly jkt?: string
  /** Where a nonce is demanded: whether this one was given out lately. */
  readonly isNonce?: (nonce: string) => boolean
}

/** `jkt` and `jti` together name the proof; times are seconds since 1970. */
export type VerifiedProof = {
  readonly jkt: string
  readonly jti: string
  readonly iat: number
  readonly nonce: string | undefined
}

type ProofClaims = { jti: string; htm: string; htu: string; iat: number; ath: unknown; nonce: unknown }

/**
 * Checks a DPoP proof, all but its being the only one and not having been used: the caller has the headers and the memory for that.
 * What is cheap comes first, the signature last. Throws DpopProofError. RFC 9449 §4.3.
 */
export async function verifyDpopProof(proof: string, expected: ExpectedProof): Promise<VerifiedProof> {
  const { alg, jwk, jkt, claims } = parseProof(proof)
  const { jti, htm, htu, iat, ath, nonce } = claims
  // Checks 8, 9 and 11.
  if (htm !== expected.method) throw new DpopProofError('proof_wrong_method')
  const url = normalizeHtu(expected.url)
  if (url === undefined || normalizeHtu(htu) !== url) throw new DpopProofError('proof_wrong_url')
  if (Math.abs(iat - expected.now) > expected.window) throw new DpopProofError('proof_outside_window')
  // Check 12.
  if (expected.accessToken !== undefined) {
    const hash = sha256Text(expected.accessToken, 'base64url')
    if (typeof ath !== 'string' || !constantTimeEqual(ath, hash)) throw new DpopProofError('proof_wrong_token_hash')
  }
  if (expected.jkt !== undefined && !constantTimeEqual(jkt, expected.jkt)) throw new DpopProofError('proof_wrong_key')
  // Check 10.
  if (expected.isNonce) {
    if (nonce === undefined) throw new DpopProofError('proof_nonce_missing')
    if (typeof nonce !== 'string' || !expected.isNonce(nonce)) throw new DpopProofError('proof_nonce_refused')
  }
  // Check 6.
  if (!(await isSignedBy(jwk, proof, alg))) throw new DpopProofError('proof_bad_signature')
  return { jkt, jti, iat, nonce: typeof nonce === 'string' ? nonce : undefined }
}

function parseProof(proof: string) {
  if (proof.length > MAX_PROOF_LENGTH) throw new DpopProofError('proof_too_large')
  // Check 2.
  const parts = proof.split('.', 4)
  const [headerBytes, payloadBytes, signature] = parts.map(decodeBase64url)
  const header = headerBytes && parseJsonObject(headerBytes)
  const payload = payloadBytes && parseJsonObject(payloadBytes)
  if (parts.length !== 3 || !header || !payload || !signature) throw new DpopProofError('proof_malformed')
  // Checks 4 and 5.
  const { typ, alg } = header
  if (typ !== 'dpop+jwt') throw new DpopProofError('proof_wrong_type')
  if (!isDpopAlgorithm(alg)) throw new DpopProofError('proof_unsupported_algorithm')
  // RFC 7515 §4.1.11: no extension is understood here. Other parameters change nothing: the key is `jwk`, and no URL is followed.
  if (Object.hasOwn(header, 'crit')) throw new DpopProofError('proof_forbidden_header')
  const key = parseDpopKey(header['jwk'], alg)
  if (!key.ok) throw new DpopProofError(key.reason)
  return { alg, jwk: key.jwk, jkt: key.jkt, claims: parseClaims(payload) }
}

/** Check 3. RFC 9449 §4.2. */
function parseClaims({ jti, htm, htu, iat, ath, nonce }: Record<string, unknown>): ProofClaims {
  const isJti = typeof jti === 'string' && jti !== '' && jti.length <= MAX_JTI_LENGTH
  const isIat = typeof iat === 'number' && Number.isFinite(iat)
  if (!isJti || !isIat || typeof htm !== 'string' || typeof htu !== 'string') {
    throw new DpopProofError('proof_invalid_claims')
  }
  return { jti, htm, htu, iat, ath, nonce }
}

async function isSignedBy(jwk: object, proof: string, alg: DpopAlgorithm): Promise<boolean> {
  try {
    await compactVerify(proof, await importJWK(jwk, alg), { algorithms: [alg] })
    return true
  } catch {
    return false
  }
}
