import { generateKeyPair, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'

// The one file that generates key pairs, and it never exports a generated KeyObject: on Node 20 that can freeze the
// process for ever, when garbage collection frees the generating job while the export holds the key's lock. Encodings
// are asked for in the generating call instead. A test keeps both rules.

export type SigningAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'Ed25519'

const generate = promisify(generateKeyPair)
const publicKeyEncoding = { type: 'spki', format: 'der' } as const
// Named in full: without them TypeScript takes the overload that yields a KeyObject.
const privateKeyEncoding: { type: 'pkcs8'; format: 'der'; cipher?: string; passphrase?: string } = {
  type: 'pkcs8',
  format: 'der',
}
const encodings = { publicKeyEncoding, privateKeyEncoding }

/** Generates a private key for one signature algorithm, PKCS #8 in DER, off the event loop. RFC 7518 §3.1. */
export async function generateSigningPkcs8(alg: SigningAlgorithm): Promise<Buffer> {
  switch (alg) {
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256', ...encodings })).privateKey
    case 'Ed25519':
      return (await generate('ed25519', encodings)).privateKey
    case 'RS256':
    case 'PS256':
      return (await generate('rsa', { modulusLength: 2048, ...encodings })).privateKey
  }
}

/** Generates a key pair for one key agreement, the public half as its JWK coordinate `x`. RFC 8037 §3.2. */
export function generateX25519(): { x: string; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519', ephemeral as never) as unknown as EphemeralPair
  return { x: publicKey.x, privateKey }
}

/** The same on P-256, the public half as both its coordinates. RFC 7518 §4.6. */
export function generateP256(): { x: string; y: string; privateKey: KeyObject } {
  const options = { namedCurve: 'P-256', ...ephemeral }
  const { publicKey, privateKey } = generateKeyPairSync('ec', options as never) as unknown as EphemeralPair
  return { x: publicKey.x, y: publicKey.y, privateKey }
}

// A JWK of one half alone is three times as fast as DER; Node takes it, @types/node does not know it.
const ephemeral = { publicKeyEncoding: { format: 'jwk' } }
type EphemeralPair = { publicKey: { x: string; y: string }; privateKey: KeyObject }

export type EncryptionCurve = 'P-256' | 'X25519'

/** Generates a private key that can be sealed for, PKCS #8 in DER: on a curve, or RSA. RFC 7518 §4.3, §4.6, RFC 8037 §3.2. */
export async function generateEncryptionPkcs8(
  alg: 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256',
  curve: EncryptionCurve,
): Promise<Buffer> {
  if (alg === 'RSA-OAEP-256') return (await generate('rsa', { modulusLength: 2048, ...encodings })).privateKey
  return curve === 'X25519'
    ? (await generate('x25519', encodings)).privateKey
    : (await generate('ec', { namedCurve: 'P-256', ...encodings })).privateKey
}
