import type { JsonWebKey } from 'node:crypto'
import { decodeBase64url } from '../crypto/base64url.js'
import { isJsonObject } from '../crypto/json.js'
import { jwkThumbprint } from '../crypto/jwk.js'
import { parsePublicJwk } from '../crypto/public-jwk.js'

/**
 * What a proof may be signed with, as in `dpop_signing_alg_values_supported`: what FAPI 2.0 allows and clients have. `Ed25519` and `EdDSA`
 * are two names of one algorithm, RFC 9864 §2.2. RFC 9449 §5.1.
 */
export const DPOP_ALGORITHMS = ['ES256', 'PS256', 'Ed25519', 'EdDSA'] as const
export type DpopAlgorithm = (typeof DPOP_ALGORITHMS)[number]

const MEMBERS: Record<DpopAlgorithm, Record<string, string | undefined>> = {
  ES256: { kty: 'EC', crv: 'P-256', x: undefined, y: undefined },
  PS256: { kty: 'RSA', n: undefined, e: undefined },
  Ed25519: { kty: 'OKP', crv: 'Ed25519', x: undefined },
  EdDSA: { kty: 'OKP', crv: 'Ed25519', x: undefined },
}
// RFC 7518 §6.2.2, §6.3.2 and §6.4.1.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

export type DpopKey = { readonly ok: true; readonly jwk: JsonWebKey; readonly jkt: string }
export type RefusedDpopKey = { readonly ok: false; readonly reason: 'proof_private_key' | 'proof_unfit_key' }

/** Tells whether a proof may be signed with an algorithm, in exact case. RFC 9449 §4.3, check 5. */
export function isDpopAlgorithm(value: unknown): value is DpopAlgorithm {
  return (DPOP_ALGORITHMS as readonly unknown[]).includes(value)
}

/**
 * Reads the key that a proof brings along: the public members that its algorithm needs, and nothing else of it. RFC 9449 §4.2,
 * RFC 8725 §3.5.
 */
export function parseDpopKey(jwk: unknown, alg: DpopAlgorithm): DpopKey | RefusedDpopKey {
  if (!isJsonObject(jwk)) return { ok: false, reason: 'proof_unfit_key' }
  // RFC 9449 §4.3, check 7.
  if (PRIVATE_MEMBERS.some((member) => Object.hasOwn(jwk, member))) return { ok: false, reason: 'proof_private_key' }
  const members = Object.entries(MEMBERS[alg]).map(([name, expected]) => [name, memberOf(jwk[name], expected)])
  const isFit = members.every(([, value]) => value !== undefined) && isFor(jwk, alg)
  if (!isFit) return { ok: false, reason: 'proof_unfit_key' }
  const publicJwk: JsonWebKey = Object.fromEntries(members)
  // RFC 7518 §3.5: 2048 bits or more; and no modulus that would take seconds. The points of curves are checked where they are used.
  if (alg === 'PS256' && typeof parsePublicJwk(publicJwk) === 'string') return { ok: false, reason: 'proof_unfit_key' }
  return { ok: true, jwk: publicJwk, jkt: jwkThumbprint(publicJwk) }
}

/** One spelling only: else one key would have several thumbprints. */
function memberOf(value: unknown, expected: string | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  if (expected !== undefined) return value === expected ? value : undefined
  return value !== '' && decodeBase64url(value) ? value : undefined
}

/** RFC 7517 §4.2 and §4.4: what a key says of its purpose holds. */
function isFor(jwk: Record<string, unknown>, alg: DpopAlgorithm): boolean {
  const names: readonly unknown[] = alg === 'Ed25519' || alg === 'EdDSA' ? ['Ed25519', 'EdDSA'] : [alg]
  return (jwk['alg'] === undefined || names.includes(jwk['alg'])) && (jwk['use'] === undefined || jwk['use'] === 'sig')
}
