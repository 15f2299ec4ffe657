import { randomUUID } from 'node:crypto'
import { compactDecrypt, createLocalJWKSet, importJWK, type JWK, jwtVerify } from 'jose'
import type { BrowserPorts } from '../../src/oauth/browser-ports.js'
import type { Client, Grant, SigningAlgorithm } from '../../src/oauth/records.js'
import { encryptionKey, NOW, newServer } from '../unit/keys/fixtures.js'
import { clientLike, PLAIN_OPENID, profileLike } from './ports.js'

export const ALGORITHMS: readonly SigningAlgorithm[] = ['RS256', 'PS256', 'ES256', 'Ed25519']

/** Each way to encrypt, with a key that fits it. */
export const ENCRYPTIONS = (['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'] as const).flatMap((alg) =>
  (['A256GCM', 'A128CBC-HS256'] as const).map((enc) => ({ alg, enc })),
)

export type OpenIdScene = Awaited<ReturnType<typeof openIdScene>>

/** A tenant's real keys, with somebody in memory who may be told of. */
export async function openIdScene(tenant?: Parameters<typeof newServer>[0]) {
  const server = await newServer(tenant)
  const profile = { ...profileLike(randomUUID()), emailVerified: true, claims: { given_name: 'Ann' } }
  const profiles: BrowserPorts['profiles'] = { find: async (_, id) => (id === profile.id ? profile : undefined) }
  const ports = { ...server, profiles, now: () => server.clock.time }
  const client = (openid: Partial<Client['openid']> = {}, more: Partial<Client> = {}): Client => ({
    ...clientLike('cl_app', server.tenant.id),
    ...more,
    openid: { ...PLAIN_OPENID, ...openid },
  })
  const authentication: Pick<Grant, 'userId' | 'sessionId' | 'authTime' | 'amr' | 'acr' | 'claims'> = {
    userId: profile.id,
    sessionId: randomUUID(),
    authTime: new Date((NOW - 60) * 1000 + 999),
    amr: ['pwd'],
    acr: '1',
    claims: undefined,
  }
  /** As a client with a JOSE library reads it. */
  const read = async (jwt: string, algorithm: SigningAlgorithm = 'RS256') => {
    const { keys } = await server.jwks.published(server.tenant)
    const { payload, protectedHeader } = await jwtVerify(jwt, createLocalJWKSet({ keys: keys as unknown as JWK[] }), {
      issuer: server.tenant.issuer,
      audience: 'cl_app',
      algorithms: [algorithm],
      currentDate: new Date(server.clock.time * 1000),
    })
    return { payload, header: protectedHeader }
  }
  return { server, ports, profile, client, authentication, read }
}

/** A key pair for a way to encrypt, as a client registers it, and how it reads what is encrypted to it. */
export function clientKeys(alg: string) {
  const { privateJwk, publicJwk } = encryptionKey(alg === 'RSA-OAEP-256' ? 'RSA' : 'P-256')
  const open = async (jwe: string) => {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, await importJWK(privateJwk, alg))
    return { inner: new TextDecoder().decode(plaintext), header: protectedHeader }
  }
  return { jwks: { keys: [publicJwk] }, open }
}
