import { randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { createJwks } from '../../../src/keys/jwks.js'
import { createJwtEncrypter } from '../../../src/keys/jwt-encrypter.js'
import { createJwtSigner } from '../../../src/keys/jwt-signer.js'
import { createJwtVerifier } from '../../../src/keys/jwt-verifier.js'
import type { Remember } from '../../../src/keys/keyring.js'
import { createFindListKeys } from '../../../src/keys/list-keys.js'
import { createMint } from '../../../src/keys/mint.js'
import { createFindRecipient } from '../../../src/keys/recipient.js'
import { createRefreshTokens } from '../../../src/keys/refresh-tokens.js'
import { createSubjects } from '../../../src/keys/subjects.js'
import { createUnsealer } from '../../../src/keys/unsealer.js'
import type { Api, Tenant } from '../../../src/oauth/records.js'
import { createIndices } from '../../../src/revocation/indices.js'
import { createRecentlyUsed } from '../../../src/store/recently-used.js'
import { newPrivateJwk, publicJwk } from '../../support/jwk.js'
import { memoryKeyStore } from '../../support/key-memory.js'
import { keyProcess } from '../../support/keys.js'
import { memoryLeases, mintToken, type TokenRequest } from '../../support/mint.js'

export const NOW = 1_800_000_000
export const POLICY = {
  accessTokenLifetime: 300,
  grantLifetime: 2_592_000,
  grantIdleLifetime: 604_800,
  maxStaleness: 5,
}

export const newTenant = (about: Partial<Tenant> = {}): Tenant => ({
  id: randomUUID(),
  slug: 'default',
  name: 'Default',
  branding: {},
  issuer: 'https://login.example',
  maxTokenLifetime: 3600,
  disabled: false,
  ...about,
})

/** Everything of keys/, on a store in memory and a clock that tests move. */
export async function newServer(tenant = newTenant()) {
  const clock = { time: NOW }
  const now = () => clock.time
  const store = memoryKeyStore(clock)
  // A view that forgets at every change, and then only.
  const remembered = new Map<string, { rows: unknown; value: Promise<unknown> }>()
  const remember: Remember = <T>({ tenantId }: { tenantId: string }, load: () => Promise<T>) => {
    const rows = store.byTenant.get(tenantId)
    const known = remembered.get(tenantId)
    const value = known?.rows === rows && known ? known.value : load()
    remembered.set(tenantId, { rows, value })
    return value as Promise<T>
  }
  const process = keyProcess(store, { now, remember })
  const { keyring, log, rotation } = process
  const recipient = createFindRecipient({ log, now })
  const indices = createIndices({ leases: memoryLeases(), keys: createFindListKeys(keyring) })
  const mint = createMint({ keyring, indices, recipient, now, log, policy: POLICY })
  await rotation.ensure(tenant.id)
  return {
    ...process,
    tenant,
    clock,
    store,
    recipient,
    mint,
    mintToken: (request: TokenRequest) => mintToken(mint, request),
    unsealer: createUnsealer({ keyring, recent: createRecentlyUsed(100) }),
    refreshTokens: createRefreshTokens({ keyring }),
    jwks: createJwks({ keyring }),
    subjects: createSubjects({ keyring }),
    jwtSigner: createJwtSigner({ keyring }),
    jwtVerifier: createJwtVerifier({ keyring }),
    jwtEncrypter: createJwtEncrypter({ recipient, log }),
  }
}
export type Server = Awaited<ReturnType<typeof newServer>>

/** What an API keeps to itself and what it publishes. */
export function encryptionKey(kind: 'X25519' | 'P-256' | 'RSA'): { privateJwk: JWK; publicJwk: JWK } {
  const jwk = newPrivateJwk(kind === 'RSA' ? { rsa: 2048 } : kind)
  const name = { kid: `api-${kind}`, use: 'enc' }
  return { privateJwk: { ...(jwk as JWK), ...name }, publicJwk: { ...(publicJwk(jwk) as JWK), ...name } }
}

export const newApi = (tenant: Tenant, about: Partial<Api> = {}): Api => ({
  tenantId: tenant.id,
  id: 'api-1',
  identifier: 'https://api.example/orders',
  name: 'Orders',
  descriptions: new Map(),
  scopes: ['orders:read', 'orders:write'],
  format: 'sealed',
  signingAlgorithm: 'ES256',
  encryptionAlgorithm: 'ECDH-ES',
  encryptionMethod: 'A256GCM',
  introspectionAlgorithm: 'RS256',
  introspectionEncryption: false,
  jwks: undefined,
  jwksUri: undefined,
  jwksFetchedAt: undefined,
  tokenLifetime: undefined,
  secretHashes: [],
  disabled: false,
  ...about,
})

export const newGrant = (
  about: Partial<NonNullable<TokenRequest['grant']>> = {},
): NonNullable<TokenRequest['grant']> => ({
  id: randomUUID(),
  sessionId: undefined,
  authTime: new Date((NOW - 60) * 1000),
  amr: ['pwd'],
  acr: undefined,
  expiresAt: new Date((NOW + 2_592_000) * 1000),
  ...about,
})

export const newRequest = (
  { tenant }: Pick<Server, 'tenant'>,
  api: Api,
  about: Partial<TokenRequest> = {},
): TokenRequest => ({
  tenant,
  api,
  clientId: 'client-1',
  scope: ['orders:read', 'orders:write'],
  rev: 1_800_000_000_000_000,
  subject: '3f0f9f5e-8f43-4f43-9d1c-5f2b7c0f2a11',
  grant: newGrant(),
  ...about,
})
