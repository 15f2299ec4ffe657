import { constants, type KeyObject, sign, verify } from 'node:crypto'
import { decodeBase64url, encodeBase64url } from './base64url.js'
import { derFromRaw, rawFromDer } from './ecdsa-signature.js'
import { parseJsonObject } from './json.js'
import type { SigningAlgorithm, SigningKey, VerificationKey } from './jwk.js'
import { TokenError } from './token-error.js'

export type JwsHeader = { typ: string; [parameter: string]: unknown }
export type ParsedJws = {
  header: Record<string, unknown>
  payload: Record<string, unknown>
  signingInput: string
  signature: Buffer
}
export type JwsExpectation = {
  /** Compared without case and without the prefix `application/`. */
  typ: string
  algorithms: readonly SigningAlgorithm[]
  /** Longest token read, in characters. */
  maxLength?: number
}

const DEFAULT_MAX_LENGTH = 8192
const ECDSA_P256_LENGTH = 64
// Our own tokens carry no key and no extension. RFC 8725 §3.10: a key found in the token is the forger's.
const FORBIDDEN = ['crit', 'b64', 'jwk', 'jku', 'x5u', 'x5c', 'zip', 'enc']

/** Signs a payload (an object, or its JSON already encoded); `alg` and `kid` come from the key. RFC 7515 §5.1. */
export function signJws(
  header: JwsHeader,
  payload: object | Uint8Array,
  key: Omit<SigningKey, 'publicJwk' | 'publicKey'>,
): string {
  const protectedHeader = encodeBase64url(JSON.stringify({ ...header, alg: key.alg, kid: key.kid }))
  const body = payload instanceof Uint8Array ? payload : JSON.stringify(payload)
  const signingInput = `${protectedHeader}.${encodeBase64url(body)}`
  const made = sign(hashOf(key.alg), Buffer.from(signingInput), toNode(key.alg, key.privateKey))
  const signature = key.alg === 'ES256' ? rawFromDer(made) : made
  return `${signingInput}.${encodeBase64url(signature)}`
}

/**
 * Checks a JWS of our own making and gives header and payload. The key is found by `kid` alone and brings its algorithm.
 * Throws TokenError. RFC 7515 §5.2, RFC 8725 §3.1.
 */
export function verifyJws(
  token: string,
  resolveKey: (kid: string) => VerificationKey | undefined,
  { typ, algorithms, maxLength = DEFAULT_MAX_LENGTH }: JwsExpectation,
): Pick<ParsedJws, 'header' | 'payload'> {
  const { header, payload, signingInput, signature } = parseJws(token, maxLength)
  assertTyp(header, typ)
  const kid = header['kid']
  const key = typeof kid === 'string' ? resolveKey(kid) : undefined
  if (!key) throw new TokenError('unknown_key')
  if (header['alg'] !== key.alg || !algorithms.includes(key.alg)) throw new TokenError('unsupported_algorithm')
  // RFC 7518 §3.4: R and S are 32 bytes each; DER and padded forms are other spellings.
  if (key.alg === 'ES256' && signature.length !== ECDSA_P256_LENGTH) throw new TokenError('bad_signature')
  const asMade = key.alg === 'ES256' ? derFromRaw(signature) : signature
  if (!verify(hashOf(key.alg), Buffer.from(signingInput), toNode(key.alg, key.publicKey), asMade)) {
    throw new TokenError('bad_signature')
  }
  return { header, payload }
}

/** Takes a JWS apart without checking its signature. Throws TokenError. RFC 7515 §7.1. */
export function parseJws(token: string, maxLength = DEFAULT_MAX_LENGTH): ParsedJws {
  if (typeof token !== 'string') throw new TokenError('malformed')
  if (token.length > maxLength) throw new TokenError('too_large')
  const [headerPart, payloadPart, signaturePart, ...rest] = token.split('.', 4)
  if (headerPart === undefined || payloadPart === undefined || signaturePart === undefined || rest.length > 0) {
    throw new TokenError('malformed')
  }
  const header = parsePart(headerPart)
  if (FORBIDDEN.some((parameter) => Object.hasOwn(header, parameter))) throw new TokenError('forbidden_header')
  const payload = parsePart(payloadPart)
  const signature = decodeBase64url(signaturePart)
  if (!signature || signature.length === 0) throw new TokenError('malformed')
  return { header, payload, signingInput: `${headerPart}.${payloadPart}`, signature }
}

/** Refuses a token of another kind. RFC 8725 §3.11; the comparison is that of RFC 7515 §4.1.9. */
export function assertTyp(header: Record<string, unknown>, expected: string): void {
  const { typ } = header
  if (typeof typ !== 'string' || typ.toLowerCase().replace(/^application\//, '') !== expected) {
    throw new TokenError('wrong_type')
  }
}

function parsePart(part: string): Record<string, unknown> {
  const bytes = decodeBase64url(part)
  const value = bytes && parseJsonObject(bytes)
  if (!value) throw new TokenError('malformed')
  return value
}

function hashOf(alg: SigningAlgorithm): 'sha256' | null {
  return alg === 'Ed25519' ? null : 'sha256'
}

const PADDING = {
  RS256: { padding: constants.RSA_PKCS1_PADDING },
  // RFC 7518 §3.5: the salt is as long as the hash.
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
}

// A key object by itself where there is nothing to say of it: in an object around one, Node 24 finds it by way of two exceptions, 23 µs.
const toNode = (alg: SigningAlgorithm, key: KeyObject) =>
  alg === 'PS256' || alg === 'RS256' ? { key, ...PADDING[alg] } : key
