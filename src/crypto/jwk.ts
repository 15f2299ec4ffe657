import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { isJsonObject, parseJsonObject } from './json.js'
import {
  type EncryptionCurve,
  generateEncryptionPkcs8,
  generateSigningPkcs8,
  type SigningAlgorithm,
} from './key-pair.js'
import { type ParsedPublicJwk, parsePublicJwk } from './public-jwk.js'
import { sha256Text } from './sha256.js'

export type { SigningAlgorithm } from './key-pair.js'

/** What a signature is checked with. The algorithm belongs to the key, not to the token. */
export type VerificationKey = { alg: SigningAlgorithm; publicKey: KeyObject }
/** A published public key, as it stands in the JWKS. */
export type PublicSigningJwk = JsonWebKey & { kid: string; alg: SigningAlgorithm; use: 'sig' }
export type SigningKey = VerificationKey & { kid: string; privateKey: KeyObject; publicJwk: PublicSigningJwk }

const KID_LENGTH = 16
const KEY_TYPE: Record<SigningAlgorithm, string> = { ES256: 'ec', RS256: 'rsa', PS256: 'rsa', Ed25519: 'ed25519' }

/** Generates a signing key; `pkcs8` (DER) is what is stored, sealed. RFC 7518 §3.1. */
export async function generateSigningKey(alg: SigningAlgorithm): Promise<SigningKey & { pkcs8: Buffer }> {
  const pkcs8 = await generateSigningPkcs8(alg)
  return { ...importSigningKey(pkcs8, alg), pkcs8 }
}

/** Imports a stored signing key. Throws TypeError when the key is not of its algorithm. RFC 7518 §3.1. */
export function importSigningKey(pkcs8: Buffer, alg: SigningAlgorithm): SigningKey {
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey)
  assertFits(publicKey, alg)
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = jwkThumbprint(jwk).slice(0, KID_LENGTH)
  return { kid, alg, privateKey, publicKey, publicJwk: { ...jwk, kid, alg, use: 'sig' } }
}

/** Imports one of our own published keys, for checking alone. Throws TypeError when it does not fit its `alg`. RFC 7517 §4. */
export function importVerificationKey(jwk: PublicSigningJwk): VerificationKey {
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
  assertFits(publicKey, jwk.alg)
  return { alg: jwk.alg, publicKey }
}

const THUMBPRINT_MEMBERS: Record<string, readonly (keyof JsonWebKey)[]> = {
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
  RSA: ['e', 'kty', 'n'],
}

/** Names a public key by the SHA-256 of its required members, base64url. RFC 7638 §3, RFC 8037 §2. */
export function jwkThumbprint(jwk: JsonWebKey): string {
  const members = THUMBPRINT_MEMBERS[jwk.kty ?? '']
  if (!members) throw new TypeError('A thumbprint needs an EC, OKP or RSA key.')
  const canonical = JSON.stringify(Object.fromEntries(members.map((member) => [member, jwk[member]])))
  return sha256Text(canonical, 'base64url')
}

function assertFits(publicKey: KeyObject, alg: SigningAlgorithm): void {
  const details = publicKey.asymmetricKeyDetails
  const fits =
    publicKey.asymmetricKeyType === KEY_TYPE[alg] &&
    // RFC 7518 §3.4 and §3.3: ES256 means P-256, RSA means 2048 bits or more.
    (alg !== 'ES256' || details?.namedCurve === 'prime256v1') &&
    (details?.modulusLength === undefined || details.modulusLength >= 2048)
  if (!fits) throw new TypeError(`The key is not one for ${alg}.`)
}

export type EncryptionAlgorithm = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256'
/** The key of an API, ready to seal for. `kid` is the API's own, where it gave one. */
export type RecipientKey = { alg: EncryptionAlgorithm; kid: string | undefined } & Exclude<
  ParsedPublicJwk,
  { kty: 'other' }
>
export type EncryptionKeyChoice = { ok: true; key: RecipientKey } | { ok: false; reason: string }

export type EncryptionKeyPair = { privateJwk: JsonWebKey & { kid: string }; publicJwk: JsonWebKey & { kid: string } }

/**
 * Generates a key pair for an API that has none yet, as JWKs with `kid`, `use` and `alg`. On P-256, which every library has, unless told;
 * RSA has no curve. RFC 7517 §4.
 */
export async function generateEncryptionKey(
  alg: EncryptionAlgorithm,
  curve: EncryptionCurve = 'P-256',
): Promise<EncryptionKeyPair> {
  const pkcs8 = await generateEncryptionPkcs8(alg, curve)
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const publicJwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const names = { kid: jwkThumbprint(publicJwk).slice(0, KID_LENGTH), use: 'enc', alg }
  return { privateJwk: { ...privateKey.export({ format: 'jwk' }), ...names }, publicJwk: { ...publicJwk, ...names } }
}

const MAX_JWKS_BYTES = 65_536
const MAX_JWKS_KEYS = 32
const MAX_KID_LENGTH = 255

/** Tells whether a value names a key management algorithm an API can register, in exact case. RFC 7518 §4.1. */
export function isEncryptionAlgorithm(value: unknown): value is EncryptionAlgorithm {
  return value === 'ECDH-ES' || value === 'ECDH-ES+A256KW' || value === 'RSA-OAEP-256'
}

/**
 * Chooses from an API's untrusted JWKS (an object or its JSON text) the key to seal for: the first in document order
 * that is marked for encryption and fits the registered algorithm. One weak, private, symmetric or repeated key makes the
 * whole set refused; `reason` is a sentence for the operator and quotes nothing from the set. RFC 7517 §5, RFC 8725 §3.5.
 */
export function parseEncryptionKeys(jwks: unknown, alg: EncryptionAlgorithm): EncryptionKeyChoice {
  const keys = readKeys(jwks)
  if (typeof keys === 'string') return { ok: false, reason: keys }
  const kids = new Set<string>()
  let chosen: RecipientKey | undefined
  for (const [index, jwk] of keys.entries()) {
    const refuse = (why: string) => ({ ok: false, reason: `keys[${index}] ${why}.` }) as const
    if (!isJsonObject(jwk)) return refuse('is not an object')
    const parsed = parsePublicJwk(jwk)
    if (typeof parsed === 'string') return refuse(parsed)
    const kid = jwk['kid']
    if (kid !== undefined) {
      if (typeof kid !== 'string' || kid.length === 0 || kid.length > MAX_KID_LENGTH)
        return refuse('has a malformed kid')
      if (kids.has(kid)) return refuse('repeats the kid of another key')
      kids.add(kid)
    }
    if (!chosen && parsed.kty !== 'other' && isFor(jwk, parsed.kty, alg)) chosen = { ...parsed, alg, kid }
  }
  return chosen ? { ok: true, key: chosen } : { ok: false, reason: `No key with use "enc" fits ${alg}.` }
}

function readKeys(jwks: unknown): unknown[] | string {
  let text: string | undefined
  try {
    text = typeof jwks === 'string' ? jwks : JSON.stringify(jwks)
  } catch {
    text = undefined
  }
  if (typeof text !== 'string') return 'The key set is not JSON.'
  const bytes = Buffer.from(text)
  if (bytes.length > MAX_JWKS_BYTES) return `The key set is larger than ${MAX_JWKS_BYTES} bytes.`
  const keys = parseJsonObject(bytes)?.['keys']
  if (!Array.isArray(keys)) return 'The key set has no array "keys".'
  return keys.length > MAX_JWKS_KEYS ? `The key set has more than ${MAX_JWKS_KEYS} keys.` : keys
}

/** RFC 7517 §4.2 and §4.3: `use` says what a key is for; `key_ops` says it where `use` is absent. */
function isFor(jwk: Record<string, unknown>, kty: 'EC' | 'OKP' | 'RSA', alg: EncryptionAlgorithm): boolean {
  const isRsa = kty === 'RSA'
  if (isRsa !== (alg === 'RSA-OAEP-256')) return false
  if (jwk['alg'] !== undefined && jwk['alg'] !== alg) return false
  if (jwk['use'] !== undefined) return jwk['use'] === 'enc'
  const ops = jwk['key_ops']
  if (!Array.isArray(ops)) return false
  return (isRsa ? ['wrapKey', 'encrypt'] : ['deriveKey', 'deriveBits']).some((op) => ops.includes(op))
}
