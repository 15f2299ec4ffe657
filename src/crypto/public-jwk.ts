import { createECDH, createPublicKey, diffieHellman, type JsonWebKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from './base64url.js'
import { generateX25519 } from './key-pair.js'

/** A sound public key in the forms that are fastest to seal for. `point` is uncompressed, 65 bytes. */
export type ParsedPublicJwk =
  | { kty: 'EC'; point: Buffer; publicKey: KeyObject }
  | { kty: 'OKP'; publicKey: KeyObject }
  | { kty: 'RSA'; publicKey: KeyObject }
  | { kty: 'other' }

const COORDINATE_LENGTH = 32
const COORDINATE_TEXT_LENGTH = 43
const MIN_MODULUS_BITS = 2048
const MAX_MODULUS_BITS = 8192
const MIN_EXPONENT = 65537n
const MAX_EXPONENT = 2n ** 32n
// RFC 7518 §6.2.2, §6.3.2 and §6.4.1: the members that only private and symmetric keys have.
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']

/**
 * Reads one untrusted public JWK and checks that it is a sound key: `other` for a type or curve not used here, a string
 * that completes "the key …" when it is weak, private, symmetric or malformed. RFC 7517 §4, RFC 8725 §3.5.
 */
export function parsePublicJwk(jwk: Record<string, unknown>): ParsedPublicJwk | string {
  if (typeof jwk['kty'] !== 'string') return 'has no kty'
  if (jwk['kty'] === 'oct') return 'is symmetric'
  const secret = PRIVATE_MEMBERS.find((member) => Object.hasOwn(jwk, member))
  if (secret) return `is private: it has the member ${secret}`
  switch (jwk['kty']) {
    case 'RSA':
      return parseRsa(jwk)
    case 'EC':
      return parseEc(jwk)
    case 'OKP':
      return parseOkp(jwk)
    default:
      return { kty: 'other' }
  }
}

function parseRsa({ n, e }: Record<string, unknown>): ParsedPublicJwk | string {
  const modulus = unsignedInteger(n, MAX_MODULUS_BITS)
  const exponent = unsignedInteger(e, MAX_MODULUS_BITS)
  if (modulus === undefined || exponent === undefined) return `is not an RSA key of at most ${MAX_MODULUS_BITS} bits`
  // RFC 7518 §4.3 and §3.3: 2048 bits or more.
  if (modulus < 2n ** BigInt(MIN_MODULUS_BITS - 1)) return `is an RSA key of less than ${MIN_MODULUS_BITS} bits`
  if (exponent < MIN_EXPONENT || exponent > MAX_EXPONENT || exponent % 2n === 0n) return 'has a weak RSA exponent'
  if (hasSmallFactor(modulus)) return 'has an RSA modulus with a small factor'
  const publicKey = importJwk({ kty: 'RSA', n: toBase64url(modulus), e: toBase64url(exponent) })
  return publicKey ? { kty: 'RSA', publicKey } : 'is malformed'
}

function parseEc(jwk: Record<string, unknown>): ParsedPublicJwk | string {
  if (jwk['crv'] !== 'P-256') return typeof jwk['crv'] === 'string' ? { kty: 'other' } : 'has no crv'
  const point = p256Point(jwk)
  if (!point || !isOnP256(point)) return 'is not a point of its curve'
  const [x, y] = [point.toString('base64url', 1, 33), point.toString('base64url', 33)]
  const publicKey = importJwk({ kty: 'EC', crv: 'P-256', x, y })
  return publicKey ? { kty: 'EC', point, publicKey } : 'is malformed'
}

function parseOkp(jwk: Record<string, unknown>): ParsedPublicJwk | string {
  if (jwk['crv'] !== 'X25519') return typeof jwk['crv'] === 'string' ? { kty: 'other' } : 'has no crv'
  const publicKey = x25519Key(jwk)
  if (!publicKey) return 'has a malformed x'
  return agreeX25519(generateX25519().privateKey, publicKey) ? { kty: 'OKP', publicKey } : 'is of small order'
}

/** Reads the coordinates of a P-256 key as an uncompressed point; whether it is on the curve shows in use. RFC 7518 §6.2.1. */
export function p256Point({ x, y }: Record<string, unknown>): Buffer | undefined {
  const [xBytes, yBytes] = [octets(x), octets(y)]
  return xBytes && yBytes && Buffer.concat([Buffer.of(4), xBytes, yBytes])
}

/** Reads an X25519 public key; whether it is of small order shows in use. RFC 8037 §2. */
export function x25519Key({ x }: Record<string, unknown>): KeyObject | undefined {
  const bytes = octets(x)
  return bytes && importJwk({ kty: 'OKP', crv: 'X25519', x: bytes.toString('base64url') })
}

function importJwk(key: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** RFC 8725 §3.4: a point that is not on the curve would leak the other side's key. */
function isOnP256(point: Buffer): boolean {
  try {
    const probe = createECDH('prime256v1')
    probe.generateKeys()
    return probe.computeSecret(point).length === COORDINATE_LENGTH
  } catch {
    return false
  }
}

/** Agrees on a secret; undefined when the other side's point is of small order. RFC 7748 §6.1, RFC 8037 §3.2. */
export function agreeX25519(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  try {
    const secret = diffieHellman({ privateKey, publicKey })
    return secret.some((byte) => byte !== 0) ? secret : undefined
  } catch {
    return undefined
  }
}

function octets(value: unknown): Buffer | undefined {
  if (typeof value !== 'string' || value.length !== COORDINATE_TEXT_LENGTH) return undefined
  return decodeBase64url(value)
}

function unsignedInteger(value: unknown, maxBits: number): bigint | undefined {
  // Two bytes of room: some write a leading zero byte.
  if (typeof value !== 'string' || value.length === 0 || value.length > maxBits / 6 + 2) return undefined
  const bytes = decodeBase64url(value)
  if (!bytes) return undefined
  const number = BigInt(`0x${bytes.toString('hex')}`)
  return number < 2n ** BigInt(maxBits) ? number : undefined
}

function toBase64url(number: bigint): string {
  const hex = number.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}

// SP 800-89 §5.3.3: a sound modulus has no factor below 752. Even ones fall here too.
const SMALL_PRIMES = Array.from({ length: 750 }, (_, i) => i + 2).filter(
  (n) => !Array.from({ length: Math.floor(Math.sqrt(n)) - 1 }, (_, i) => i + 2).some((d) => n % d === 0),
)

function hasSmallFactor(modulus: bigint): boolean {
  return SMALL_PRIMES.some((prime) => modulus % BigInt(prime) === 0n)
}
