import { createECDH, diffieHellman, type JsonWebKey } from 'node:crypto'
import type { RecipientKey } from './jwk.js'
import { generateP256, generateX25519 } from './key-pair.js'
import { agreeX25519 } from './public-jwk.js'

export type EcdhRecipient = Extract<RecipientKey, { kty: 'EC' | 'OKP' }>
type P256Recipient = Extract<EcdhRecipient, { kty: 'EC' }>
type Agreement = { epk: JsonWebKey; sharedSecret: Buffer }

/** Agrees on a secret with a recipient through a key pair made for this once. RFC 7518 §4.6, RFC 8037 §3.2. */
export function agreeWithRecipient(recipient: EcdhRecipient): Agreement {
  if (recipient.kty === 'EC') return agreeP256(recipient)
  const ephemeral = generateX25519()
  const sharedSecret = agreeX25519(ephemeral.privateKey, recipient.publicKey)
  // A key of small order is refused when the key set is read, so this is a fault of ours.
  if (!sharedSecret) throw new TypeError('The recipient key is of small order.')
  return { epk: { kty: 'OKP', crv: 'X25519', x: ephemeral.x }, sharedSecret }
}

// With the same result, and each the faster by a third with its own OpenSSL: before 3.5 the curve alone, from 3.5 on key objects.
const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number)
const agreeP256 = major > 3 || (major === 3 && minor >= 5) ? agreeByKeyObjects : agreeOnCurve

/** As it is fastest with OpenSSL 3.5. */
export function agreeByKeyObjects({ publicKey }: P256Recipient): Agreement {
  const { x, y, privateKey } = generateP256()
  return { epk: { kty: 'EC', crv: 'P-256', x, y }, sharedSecret: diffieHellman({ privateKey, publicKey }) }
}

// It takes another key with each call: to make one of these takes as long as to make a key.
const curve = createECDH('prime256v1')

/** As it is fastest before that. */
export function agreeOnCurve({ point }: P256Recipient): Agreement {
  const own = curve.generateKeys()
  const epk = { kty: 'EC', crv: 'P-256', x: own.toString('base64url', 1, 33), y: own.toString('base64url', 33) }
  return { epk, sharedSecret: curve.computeSecret(point) }
}
