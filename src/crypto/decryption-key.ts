import {
  constants,
  createECDH,
  createPrivateKey,
  type ECDH,
  type JsonWebKey,
  type KeyObject,
  privateDecrypt,
  randomBytes,
} from 'node:crypto'
import { decodeBase64url } from './base64url.js'
import { CONTENT_KEY_LENGTH } from './content-encryption.js'
import type { EncryptionAlgorithm } from './jwk.js'
import { agreeX25519, p256Point, x25519Key } from './public-jwk.js'

/** An API's private key, bound to the one algorithm it registered. Make one per process: the import is what costs. */
export type DecryptionKey = { alg: EncryptionAlgorithm; kid: string | undefined } & (
  | { kty: 'EC'; ecdh: ECDH }
  | { kty: 'OKP'; privateKey: KeyObject }
  | { kty: 'RSA'; privateKey: KeyObject }
)
export type EcdhDecryptionKey = Extract<DecryptionKey, { kty: 'EC' | 'OKP' }>

/** Imports an API's own private JWK. Throws TypeError when it does not fit the algorithm. RFC 7517 §4. */
export function importDecryptionKey(jwk: JsonWebKey & { kid?: string }, alg: EncryptionAlgorithm): DecryptionKey {
  if (jwk['alg'] !== undefined && jwk['alg'] !== alg) throw new TypeError(`The key's own alg is not ${alg}.`)
  const bound = { alg, kid: jwk.kid }
  const isRsa = alg === 'RSA-OAEP-256'
  if (jwk.kty === 'EC' && jwk.crv === 'P-256' && !isRsa) {
    const secret = jwk.d === undefined ? undefined : decodeBase64url(jwk.d)
    if (!secret) throw new TypeError('The key has no private part.')
    const ecdh = createECDH('prime256v1')
    ecdh.setPrivateKey(secret)
    return { ...bound, kty: 'EC', ecdh }
  }
  const isX25519 = jwk.kty === 'OKP' && jwk.crv === 'X25519' && !isRsa
  if (!isX25519 && !(jwk.kty === 'RSA' && isRsa)) throw new TypeError(`The key is not one for ${alg}.`)
  const privateKey = createPrivateKey({ key: jwk, format: 'jwk' })
  if (isX25519) return { ...bound, kty: 'OKP', privateKey }
  // RFC 7518 §4.3: 2048 bits or more.
  if ((privateKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048) throw new TypeError('The RSA key is too short.')
  return { ...bound, kty: 'RSA', privateKey }
}

/**
 * Agrees on the secret with the sender's untrusted ephemeral key; undefined unless that is a public key of the same curve,
 * on it, and not of small order. RFC 7518 §4.6, RFC 8725 §3.4.
 */
export function agreeWithSender(key: EcdhDecryptionKey, epk: Record<string, unknown>): Buffer | undefined {
  if (Object.hasOwn(epk, 'd') || epk['kty'] !== key.kty) return undefined
  if (key.kty === 'EC') {
    const point = epk['crv'] === 'P-256' ? p256Point(epk) : undefined
    try {
      return point && key.ecdh.computeSecret(point)
    } catch {
      return undefined
    }
  }
  const publicKey = epk['crv'] === 'X25519' ? x25519Key(epk) : undefined
  return publicKey && agreeX25519(key.privateKey, publicKey)
}

/**
 * Decrypts a content key with RSA-OAEP-256. One that will not decrypt becomes a random key, so that this failure looks like any
 * other. RFC 7516 §11.5.
 */
export function decryptRsaKey(privateKey: KeyObject, encryptedKey: Uint8Array): Buffer {
  const substitute = randomBytes(CONTENT_KEY_LENGTH)
  try {
    const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
    const contentKey = privateDecrypt({ key: privateKey, ...oaep }, encryptedKey)
    return contentKey.length === CONTENT_KEY_LENGTH ? contentKey : substitute
  } catch {
    return substitute
  }
}
