import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import type { ContentEncryption } from '../../../src/crypto/content-encryption.js'
import { type DecryptionKey, importDecryptionKey } from '../../../src/crypto/decryption-key.js'
import {
  type EncryptionAlgorithm,
  generateSigningKey,
  parseEncryptionKeys,
  type RecipientKey,
} from '../../../src/crypto/jwk.js'
import type { AccessTokenClaims } from '../../../src/wire/access-token.js'
import type { Kek } from '../../../src/wire/wrapped-key.js'

export const ISSUER = 'https://as.example.com'
export const NOW = 1_790_000_000

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
  grant: '0190f3a4-7c1e-7d2a-8a3b-1c2d3e4f5a6b',
  sid: 'n8vK2mQp7rS1tU4w',
  auth_time: NOW,
  status: { status_list: { idx: 812_345, uri: `${ISSUER}/status-lists/8f2c1e0a9b7d4c35` } },
}

export const signingKey = await generateSigningKey('ES256')
export const kek: Kek = { id: 4_000_000_001, key: randomBytes(32) }
export const kekById = (id: number) => (id === kek.id ? kek.key : undefined)
export const resolveKey = (kid: string) => (kid === signingKey.kid ? signingKey : undefined)
export const ownKeys = { kekById, resolveKey, issuer: ISSUER, now: NOW }

export type Api = {
  name: string
  alg: EncryptionAlgorithm
  enc: ContentEncryption
  key: RecipientKey
  privateJwk: JWK
  decryptionKey: DecryptionKey
}

const privateJwks: Record<string, JWK> = {
  X25519: await newJwk('ECDH-ES', 'X25519'),
  'P-256': await newJwk('ECDH-ES', 'P-256'),
  RSA: await newJwk('RSA-OAEP-256'),
}

async function newJwk(alg: string, crv?: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { extractable: true, ...(crv && { crv }) })
  return { ...(await exportJWK(privateKey)), kid: `api-${crv ?? 'RSA'}`, use: 'enc' }
}

export function publicPart({ kty, crv, x, y, n, e, kid, use }: JWK): JWK {
  return JSON.parse(JSON.stringify({ kty, crv, x, y, n, e, kid, use }))
}

function makeApi(keyName: string, alg: EncryptionAlgorithm, enc: ContentEncryption): Api {
  const privateJwk = { ...privateJwks[keyName], alg } as JWK
  const choice = parseEncryptionKeys({ keys: [publicPart(privateJwk)] }, alg)
  if (!choice.ok) throw new Error(choice.reason)
  const decryptionKey = importDecryptionKey(privateJwk, alg)
  return { name: `${alg} on ${keyName} with ${enc}`, alg, enc, key: choice.key, privateJwk, decryptionKey }
}

const algorithms: [string, EncryptionAlgorithm][] = [
  ['X25519', 'ECDH-ES'],
  ['P-256', 'ECDH-ES'],
  ['X25519', 'ECDH-ES+A256KW'],
  ['P-256', 'ECDH-ES+A256KW'],
  ['RSA', 'RSA-OAEP-256'],
]

/** One API for every algorithm, curve and content encryption. */
export const apis: readonly Api[] = algorithms.flatMap(([keyName, alg]) => [
  makeApi(keyName, alg, 'A256GCM'),
  makeApi(keyName, alg, 'A128CBC-HS256'),
])
