import { decodeBase64url } from '../crypto/base64url.js'
import { concatKdf } from '../crypto/concat-kdf.js'
import { agreeWithSender, type DecryptionKey, decryptRsaKey, type EcdhDecryptionKey } from '../crypto/decryption-key.js'
import { isJsonObject } from '../crypto/json.js'
import { isEncryptionAlgorithm } from '../crypto/jwk.js'
import { assertTyp } from '../crypto/jws.js'
import { unwrapKey } from '../crypto/key-wrap.js'
import { TokenError } from '../crypto/token-error.js'
import { ACCESS_TOKEN_TYP } from './access-token.js'
import { decryptJwe, type Jwe, parseJwe } from './jwe.js'

/**
 * Opens a sealed token with the API's own keys. What comes out is not yet authentic: anybody can seal for a public key, so
 * the caller verifies the JWS inside. Throws TokenError, the same for every failure after parsing. RFC 7516 §5.2, RFC 9068 §4.
 */
export function openWithPrivateKey(token: string, keys: readonly DecryptionKey[]): { inner: string } {
  const jwe = parseJwe(token)
  const { alg, kid, typ } = jwe.header
  // RFC 8725 §3.11: what is encrypted to the same key for another end says so outside, too.
  if (typ !== undefined) assertTyp(jwe.header, ACCESS_TOKEN_TYP)
  if (!isEncryptionAlgorithm(alg)) throw new TokenError('unsupported_algorithm')
  // RFC 8725 §3.1: a key serves the one algorithm it was registered for. The kid only narrows the choice.
  const fitting = keys.filter(
    (key) => key.alg === alg && (key.kid === undefined || kid === undefined || key.kid === kid),
  )
  if (fitting.length === 0) throw new TokenError('unknown_key')
  for (const key of fitting) {
    const contentKey = key.kty === 'RSA' ? decryptRsaKey(key.privateKey, jwe.encryptedKey) : agreedContentKey(jwe, key)
    const plaintext = contentKey && tryDecrypt(jwe, contentKey)
    if (plaintext) return { inner: plaintext.toString() }
  }
  throw new TokenError('decryption_failed')
}

function tryDecrypt(jwe: Jwe, contentKey: Buffer): Buffer | undefined {
  try {
    return decryptJwe(jwe, contentKey)
  } catch {
    return undefined
  }
}

function agreedContentKey({ header, enc, encryptedKey }: Jwe, key: EcdhDecryptionKey): Buffer | undefined {
  const { epk } = header
  const apu = partyInfo(header['apu'])
  const apv = partyInfo(header['apv'])
  const sharedSecret = isJsonObject(epk) ? agreeWithSender(key, epk) : undefined
  if (!sharedSecret || !apu || !apv) return undefined
  const isDirect = key.alg === 'ECDH-ES'
  const derivedKey = concatKdf(sharedSecret, { algorithm: isDirect ? enc : key.alg, apu, apv })
  // RFC 7516 §5.2: with direct agreement the encrypted key is empty.
  if (isDirect) return encryptedKey.length === 0 ? derivedKey : undefined
  return unwrapKey(derivedKey, encryptedKey)
}

/** RFC 7518 §4.6.1: absent means empty. */
function partyInfo(value: unknown): Buffer | undefined {
  if (value === undefined) return Buffer.alloc(0)
  return typeof value === 'string' ? decodeBase64url(value) : undefined
}
