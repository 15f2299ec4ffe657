import { createECDH, type JsonWebKey } from 'node:crypto'
import type { RecipientKey } from './jwk.js'
import { generateX25519 } from './key-pair.js'
import { agreeX25519 } from './public-jwk.js'

export type EcdhRecipient = Extract<RecipientKey, { kty: 'EC' | 'OKP' }>

/** Agrees on a secret with a recipient through a key pair made for this once. RFC 7518 §4.6, RFC 8037 §3.2. */
export function agreeWithRecipient(recipient: EcdhRecipient): { epk: JsonWebKey; sharedSecret: Buffer } {
  if (recipient.kty === 'EC') {
    const ephemeral = createECDH('prime256v1')
    const point = ephemeral.generateKeys()
    const epk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.toString('base64url', 1, 33),
      y: point.toString('base64url', 33),
    }
    return { epk, sharedSecret: ephemeral.computeSecret(recipient.point) }
  }
  const ephemeral = generateX25519()
  const sharedSecret = agreeX25519(ephemeral.privateKey, recipient.publicKey)
  // A key of small order is refused when the key set is read, so this is a fault of ours.
  if (!sharedSecret) throw new TypeError('The recipient key is of small order.')
  return { epk: { kty: 'OKP', crv: 'X25519', x: ephemeral.x }, sharedSecret }
}
