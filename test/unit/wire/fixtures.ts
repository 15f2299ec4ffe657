import { type JsonWebKey, randomBytes } from 'node:crypto'
import { encodeBase64url } from '../../../src/crypto/base64url.js'
import type { ContentEncryption } from '../../../src/crypto/content-encryption.js'
import { type DecryptionKey, importDecryptionKey } from '../../../src/crypto/decryption-key.js'
import {
  type EncryptionAlgorithm,
  generateSigningKey,
  parseEncryptionKeys,
  type RecipientKey,
} from '../../../src/crypto/jwk.js'
import { TokenError } from '../../../src/crypto/token-error.js'
import type { AccessTokenClaims } from '../../../src/wire/claims.js'
import type { Kek } from '../../../src/wire/wrapped-key.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'

const ISSUER = 'https://as.example.com'
const NOW = 1_790_000_000

export const claims: AccessTokenClaims = {
  iss: ISSUER,
  sub: '3f0f9f5e-8f43-4f43-9d1c-5f2b7c0f2a11',
  aud: 'https://api.example.com/orders',
  client_id: 'c7a3d1de-08f4-4a06-9a52-e4d19a2d9d7e',
  iat: NOW,
  exp: NOW + 300,
  jti: 'Zk3v0a1b2c3d4e5f6g7h8i',
  scope: 'orders:read orders:write',
  rev: 1_790_000_000_000_000,
  grant: 'AZDzpHweB9KKOxwtPk9aaw',
  sid: 'n8vK2mQp7rS1tU4wX5yZ6A',
  auth_time: NOW,
  status: { status_list: { idx: 812_345, uri: `${ISSUER}/status-lists/8f2c1e0a9b7d4c35` } },
}

export const signingKey = await generateSigningKey('ES256')
export const kek: Kek = { id: 4_000_000_001, key: randomBytes(32) }
export const kekById = (id: number) => (id === kek.id ? kek.key : undefined)
export const resolveKey = (kid: string) => (kid === signingKey.kid ? signingKey : undefined)
export const ownKeys = { kekById, resolveKey, issuer: ISSUER }

export type Api = {
  name: string
  alg: EncryptionAlgorithm
  enc: ContentEncryption
  key: RecipientKey
  privateJwk: JsonWebKey
  decryptionKey: DecryptionKey
}

const privateJwks = {
  X25519: newPrivateJwk('X25519'),
  'P-256': newPrivateJwk('P-256'),
  RSA: newPrivateJwk({ rsa: 2048 }),
}

function makeApi(name: keyof typeof privateJwks, alg: EncryptionAlgorithm, enc: ContentEncryption): Api {
  const privateJwk = { ...privateJwks[name], kid: `api-${name}` }
  const choice = parseEncryptionKeys({ keys: [{ ...publicJwk(privateJwk), kid: privateJwk.kid, use: 'enc' }] }, alg)
  if (!choice.ok) throw new Error(choice.reason)
  const decryptionKey = importDecryptionKey(privateJwk, alg)
  return { name: `${alg} on ${name} with ${enc}`, alg, enc, key: choice.key, privateJwk, decryptionKey }
}

const algorithms: [keyof typeof privateJwks, EncryptionAlgorithm][] = [
  ['X25519', 'ECDH-ES'],
  ['P-256', 'ECDH-ES'],
  ['X25519', 'ECDH-ES+A256KW'],
  ['P-256', 'ECDH-ES+A256KW'],
  ['RSA', 'RSA-OAEP-256'],
]

/** One API for every algorithm, curve and content encryption. */
export const apis: readonly Api[] = algorithms.flatMap(([name, alg]) => [
  makeApi(name, alg, 'A256GCM'),
  makeApi(name, alg, 'A128CBC-HS256'),
])

/** Why a token was refused, or undefined when it was not; any other error is a crash and passes through. */
export function refusal(open: () => unknown): string | undefined {
  try {
    open()
    return undefined
  } catch (error) {
    if (error instanceof TokenError) return error.reason
    throw error
  }
}

const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Every truncation of a text, and every change of one character into its neighbours and into some that never belong. */
export function* mutations(text: string): Generator<string> {
  for (let at = 0; at < text.length; at++) {
    yield text.slice(0, at)
    yield text.slice(at + 1)
    const digit = BASE64URL.indexOf(text.charAt(at))
    // The next digit changes the last bit alone, where stray bits hide; 32 further changes the first.
    const replacements = digit < 0 ? ['A', '_'] : [BASE64URL[digit ^ 1], BASE64URL[digit ^ 32], '.', '=', '+', ' ']
    for (const replacement of replacements) yield text.slice(0, at) + replacement + text.slice(at + 1)
  }
  yield* [`${text}A`, `${text}=`, `${text}.`, `${text}\n`, ` ${text}`, `.${text}`]
}

/** The clear header of a sealed token. */
export function headerOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
}

/** The token with header members changed; the tag no longer fits, so only checks made before decryption show. */
export function withHeader(token: string, change: Record<string, unknown>): string {
  const [, ...rest] = token.split('.')
  return [encodeBase64url(JSON.stringify({ ...headerOf(token), ...change })), ...rest].join('.')
}
