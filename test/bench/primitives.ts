import {
  constants,
  createCipheriv,
  createHmac,
  createPublicKey,
  createSecretKey,
  diffieHellman,
  hash,
  type JsonWebKey,
  publicEncrypt,
  randomBytes,
  sign,
} from 'node:crypto'
import { agreeWithRecipient } from '../../src/crypto/key-agreement.js'
import { generateX25519 } from '../../src/crypto/key-pair.js'
import type { Ingredients } from './jose-token.js'

/**
 * The cryptography that such a token can't do without, called directly on as many bytes and in the way this Node is fastest, and nothing
 * around it: no JSON, no base64url. A sealed one is also wrapped for the server, bound by a hash, or introspection could not read it.
 */
export function bareCrypto({ api, claims, signing, recipient }: Ingredients): () => void {
  const inner = Buffer.from(JSON.stringify(claims)).toString('base64url')
  const input = Buffer.from(
    `${Buffer.from('{"alg":"ES256","typ":"at+jwt","kid":"0123456789abcdef"}').toString('base64url')}.${inner}`,
  )
  const signed = Buffer.concat([input, Buffer.alloc(87)])
  const bareSign = signer(signing)
  if (api.format === 'signed') return () => void bareSign(input)

  const reach = recipient ? reacher(recipient) : () => {}
  const encrypt = api.encryptionMethod === 'A128CBC-HS256' ? encryptCbc : encryptGcm
  const wraps = !recipient || api.encryptionAlgorithm === 'ECDH-ES+A256KW'
  const derives = recipient && recipient.kty !== 'RSA'
  const secret = randomBytes(32)
  return () => {
    bareSign(input)
    reach()
    if (recipient) wrap(Buffer.concat([secret, hash('sha256', signed, 'buffer').subarray(0, 16)]))
    const key = derives ? hash('sha256', AAD, 'buffer') : randomBytes(32)
    if (wraps) wrap(key)
    encrypt(key, signed)
  }
}

function signer({ alg, privateKey }: Ingredients['signing']): (input: Buffer) => Buffer {
  switch (alg) {
    case 'ES256':
      return (input) => sign('sha256', input, privateKey)
    case 'Ed25519':
      return (input) => sign(null, input, privateKey)
    case 'RS256':
      return (input) => sign('sha256', input, privateKey)
    case 'PS256': {
      const salted = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      return (input) => sign('sha256', input, { key: privateKey, ...salted })
    }
  }
}

/** A secret shared with the holder of the key: a pair made for this once and an agreement, or an encryption. */
function reacher(recipient: JsonWebKey): () => void {
  const { kty, x = '', y = '' } = recipient
  const publicKey = createPublicKey({ key: recipient, format: 'jwk' })
  if (kty === 'EC') {
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
    const key = { kty, alg: 'ECDH-ES', kid: undefined, point, publicKey } as const
    return () => void agreeWithRecipient(key)
  }
  if (kty === 'OKP') return () => void diffieHellman({ privateKey: generateX25519().privateKey, publicKey })
  const secret = randomBytes(32)
  const oaep = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' }
  const recipientKey = Object.assign(publicKey, oaep)
  return () => void publicEncrypt(recipientKey, secret)
}

const AAD = randomBytes(300)
const KEK = createSecretKey(randomBytes(32))
const INITIAL_VALUE = Buffer.alloc(8, 0xa6)

function wrap(key: Buffer): void {
  const cipher = createCipheriv('id-aes256-wrap', KEK, INITIAL_VALUE)
  cipher.update(key)
  cipher.final()
}

function encryptGcm(key: Buffer, text: Buffer): void {
  const cipher = createCipheriv('aes-256-gcm', createSecretKey(key), randomBytes(12)).setAAD(AAD)
  cipher.update(text)
  cipher.final()
  cipher.getAuthTag()
}

function encryptCbc(key: Buffer, text: Buffer): void {
  const cipher = createCipheriv('aes-128-cbc', createSecretKey(key.subarray(16)), randomBytes(16))
  const encrypted = cipher.update(text)
  createHmac('sha256', createSecretKey(key.subarray(0, 16)))
    .update(AAD)
    .update(encrypted)
    .update(cipher.final())
    .digest()
}
