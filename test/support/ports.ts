import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { hashSecret, randomToken } from '../../src/crypto/secrets.js'
import type { BrowserPorts } from '../../src/oauth/browser-ports.js'
import { invalidTarget, OAuthError } from '../../src/oauth/errors.js'
import { createIdTokens } from '../../src/oauth/id-tokens.js'
import type { Ports, TokenClaims } from '../../src/oauth/ports.js'
import type { Api, Client, Grant, Tenant, TokenFormat, UserProfile } from '../../src/oauth/records.js'
import { formatRefreshToken, parseRefreshToken, verifyRefreshToken } from '../../src/oauth/refresh-token.js'
import { ACME, DEFAULT_TENANT } from './app.js'
import { newPlace } from './mint.js'
import { createRevocationStore } from './revocation-store.js'

/** What the protocol asks of the world, in memory: plain objects with the outcomes of the real ones. */
export type World = ReturnType<typeof createWorld>
export type WithSecret<T> = T & { readonly secret: string }

type StoredGrant = Omit<Grant, 'state' | 'rev' | 'wide'> & { rotate: boolean; spentAt: number[]; revoked: boolean }
type Entry = { readonly kind: string; readonly value: string; readonly below: number | undefined }

const key = (tenantId: string, id: string) => `${tenantId} ${id}`
const grantClaim = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
const encode = (value: unknown) =>
  Buffer.from(value instanceof Uint8Array ? value : JSON.stringify(value)).toString('base64url')
const FORMATS: readonly TokenFormat[] = ['sealed', 'signed', 'opaque']
/** Nothing is sealed here: the header says how a token would come. */
const headerOf = (format: TokenFormat) => ({ typ: 'at+jwt', format })

export function createWorld() {
  const tenants = new Map<string, Tenant>([DEFAULT_TENANT, ACME].map((tenant) => [tenant.id, tenant]))
  const clients = new Map<string, Client>()
  const apis = new Map<string, Api>()
  const grants = new Map<string, StoredGrant>()
  const disabledUsers = new Set<string>()
  const profiles = new Map<string, Partial<UserProfile>>()
  const unready = new Set<string>()
  const entries: Entry[] = []
  const list = createRevocationStore()
  const failures = new Map<string, number>()
  const macKey = { id: 7, key: randomBytes(32) }
  const signingKey = randomBytes(32)
  const world = { time: 1_800_000_000, revision: 1_000, failuresAllowed: 50, written: 0, events: [] as string[] }
  const told = { keys: [] as string[], lost: false }

  const signed = (tenant: Tenant, input: string) =>
    `${input}.${createHmac('sha256', signingKey).update(tenant.id).update(input).digest('base64url')}`
  const sign = (tenant: Tenant, header: object, payload: object) =>
    signed(tenant, `${encode(header)}.${encode(payload)}`)
  const stateOf = (grant: StoredGrant): Grant['state'] => {
    if (grant.revoked) return 'revoked'
    if (grant.expiresAt.getTime() <= world.time * 1000) return 'expired'
    if (disabledUsers.has(grant.userId)) return 'user_disabled'
    if (clients.get(key(grant.tenantId, grant.clientId))?.disabled !== false) return 'client_disabled'
    return tenants.get(grant.tenantId)?.disabled ? 'tenant_disabled' : 'live'
  }
  const bound = ({ tenantId, secret }: { tenantId: string; secret: Uint8Array }) => ({ tenantId, grantSecret: secret })
  /** A revocation of any kind; those of `client`, `aud`, `sub` and `tenant` kill what is older alone. */
  const revoke = (kind: string, value: string) => {
    world.revision += 1
    world.written += 1
    const wide = ['client', 'aud', 'sub', 'tenant'].includes(kind)
    entries.push({ kind, value, below: wide ? world.revision : undefined })
  }

  const nobody = () => Promise.reject(new Error('Codes are of createBrowserWorld here.'))
  const ports: Omit<Ports, 'users' | 'passwords'> & Pick<BrowserPorts, 'subjects' | 'profiles' | 'codes' | 'idTokens'> =
    {
      now: () => world.time,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      policy: { accessTokenLifetime: 300, grantLifetime: 2_592_000, grantIdleLifetime: 604_800, maxStaleness: 5 },
      tenants: { find: async (slug = 'default') => [...tenants.values()].find((tenant) => tenant.slug === slug) },
      clients: {
        find: async (tenantId, id) => clients.get(key(tenantId, id)),
        allowsOrigin: async (tenantId, origin) =>
          [...clients.values()].some((client) => client.tenantId === tenantId && client.origins.includes(origin)),
      },
      apis: {
        find: async (tenantId, id) => apis.get(key(tenantId, id)),
        findByIdentifier: async (tenantId, identifier) =>
          [...apis.values()].find((api) => api.tenantId === tenantId && api.identifier === identifier),
        list: async (tenantId, ids) =>
          ids.flatMap((id) => apis.get(key(tenantId, id)) ?? []).filter((api) => !api.disabled),
      },
      view: {
        judged: async () => ({ rev: world.revision, wide: 0 }),
      },
      throttle: {
        take: async () => 'taken',
        returned: async () => {},
        succeeded: async () => {},
        refused: async () => {},
        flowBegun: async () => 'counted',
        clientFailed: async (tenantId, address) => {
          const count = (failures.get(key(tenantId, address)) ?? 0) + 1
          failures.set(key(tenantId, address), count)
          return count > world.failuresAllowed ? { retryAfter: 900 } : 'counted'
        },
      },
      grants: {
        make: () => Promise.reject(new Error('Grants are made by addGrant here.')),
        find: async (tenantId, id) => {
          const stored = grants.get(key(tenantId, id))
          return stored && { ...stored, state: stateOf(stored), rev: world.revision, wide: 0 }
        },
        refresh: async ({ tenantId, id }, { generation, grace }) => {
          const grant = grants.get(key(tenantId, id))
          if (!grant || grant.revoked) return { result: 'revoked' }
          if (stateOf(grant) === 'expired') return { result: 'expired' }
          world.written += 1
          const { sessionId } = grant
          if (generation >= grant.generation) {
            if (!grant.rotate) return { result: 'rotated', generation: grant.generation, sessionId }
            const next = { ...grant, generation: generation + 1, spentAt: [world.time, ...grant.spentAt].slice(0, 8) }
            grants.set(key(tenantId, id), next)
            return { result: 'rotated', generation: next.generation, sessionId }
          }
          const spentAt = grant.spentAt[grant.generation - generation - 1]
          if (spentAt !== undefined && spentAt > world.time - grace) {
            return { result: 'replayed', generation: grant.generation, sessionId }
          }
          grants.set(key(tenantId, id), { ...grant, revoked: true })
          revoke('grant', grantClaim(id))
          world.events.push('grant.reused')
          return { result: 'reused', generation: grant.generation, sessionId }
        },
      },
      refreshTokens: {
        issue: async ({ id: grantId, ...grant }, generation) =>
          formatRefreshToken({ ...bound(grant), grantId, generation }, macKey),
        parse: parseRefreshToken,
        verify: async (token, grant) => {
          const parsed = parseRefreshToken(token)
          return parsed !== undefined && verifyRefreshToken(parsed, bound(grant), macKey)
        },
      },
      mint: {
        assertReady: async (_tenant, api) => {
          if (unready.has(api.id)) throw invalidTarget('api_has_no_usable_encryption_key')
        },
        prepare: async ({ tenant, api, clientId, judged }) => {
          if (unready.has(api.id)) throw invalidTarget('api_has_no_usable_encryption_key')
          return {
            place: newPlace(world.time + 300),
            accessToken: async ({ scope, subject, grant }) => {
              const claims: TokenClaims = {
                iss: tenant.issuer,
                sub: subject,
                aud: api.identifier,
                client_id: clientId,
                iat: world.time,
                exp: world.time + 300,
                jti: randomUUID(),
                scope: scope.join(' '),
                rev: judged.rev,
                ...(grant && { grant: grantClaim(grant.id), auth_time: Math.floor(grant.authTime.getTime() / 1000) }),
                ...(grant?.sessionId !== undefined && { sid: grantClaim(grant.sessionId) }),
              }
              const access_token = sign(tenant, headerOf(api.format), claims)
              return { access_token, token_type: 'Bearer', expires_in: 300, scope: scope.join(' ') }
            },
          }
        },
      },
      unsealer: {
        open: async (tenant, token) => {
          const [header = '', payload = ''] = token.split('.')
          const format = FORMATS.find((one) => header === encode(headerOf(one)))
          if (!format) return { unreadable: 'wrong_type' }
          if (token !== signed(tenant, `${header}.${payload}`)) return { unreadable: 'bad_signature' }
          const claims: TokenClaims = JSON.parse(Buffer.from(payload, 'base64url').toString())
          return { claims, signingKeyId: 'key-1', format, place: undefined }
        },
      },
      revocations: {
        revokeToken: async (_tenantId, { claims: { jti } }) => revoke('jti', jti),
        revokeGrant: async (tenantId, id) => {
          const grant = grants.get(key(tenantId, id))
          if (!grant || grant.revoked) return 'nothing'
          grants.set(key(tenantId, id), { ...grant, revoked: true })
          revoke('grant', grantClaim(id))
          return 'revoked'
        },
        judge: async (tenantId, claims, kid = '') => {
          const { jti, grant = '', sid = '', sub, client_id: client, aud, rev } = claims
          const values = new Map(Object.entries({ jti, grant, sid, sub, client, aud, kid, tenant: tenantId }))
          const entry = entries.find(
            ({ kind, value, below }) => values.get(kind) === value && rev < (below ?? Infinity),
          )
          return entry ? { dead: entry.kind } : 'live'
        },
        ...list,
      },
      knownRevocations: {
        judge: ({ id }, claims, signingKeyId) => ports.revocations.judge(id, claims, signingKeyId),
      },
      jwks: {
        published: async ({ slug }) => ({ keys: [{ kty: 'EC', kid: `key-of-${slug}`, use: 'sig' }], maxAge: 300 }),
      },
      jwtSigner: {
        sign: async (tenant, header, payload) => sign(tenant, header, payload),
        keyId: async () => 'key-1',
      },
      jwtEncrypter: {
        encrypt: (api, { signed, typ }) => {
          if (unready.has(api.id)) throw invalidTarget('api_without_encryption_key')
          return [encode({ enc: api.encryptionMethod, typ }), '', '', encode(signed), ''].join('.')
        },
        forClient: (client, { enc }) => {
          if (!client.openid.jwks)
            throw new OAuthError('invalid_client', 'client_without_encryption_key', { status: 400 })
          return ({ signed, typ }) => [encode({ enc, typ }), '', '', encode(signed), ''].join('.')
        },
      },
      jwtVerifier: {
        idToken: async (tenant, token) => {
          const [header = '', payload = ''] = token.split('.')
          if (token !== signed(tenant, `${header}.${payload}`)) return undefined
          const { typ } = JSON.parse(Buffer.from(header, 'base64url').toString())
          return typ === 'JWT' ? JSON.parse(Buffer.from(payload, 'base64url').toString()) : undefined
        },
      },
      subjects: {
        of: async ({ userId }, sector) => (sector === undefined ? userId : `${userId} at ${sector}`),
      },
      codes: { issue: nobody, find: async () => undefined, redeem: nobody },
      idTokens: {
        assertReady: async () => {},
        issue: (about) => createIdTokens(ports).issue(about),
      },
      profiles: {
        find: async (tenantId, id) =>
          disabledUsers.has(id) ? undefined : { ...profileLike(id), ...profiles.get(key(tenantId, id)) },
      },
      knownKeys: {
        note: async ({ tenantId, id }, kids) => {
          if (told.lost) throw new Error('The database is gone.')
          told.keys.push(...kids.map((kid) => `${tenantId} ${id} ${kid}`))
        },
      },
    }

  return {
    ports,
    /** The list as readers get it; what `revoke` ends is not in it. */
    list,
    revoke,
    /** Seconds go by. */
    advance(seconds: number) {
      world.time += seconds
    },
    allowFailures(count: number) {
      world.failuresAllowed = count
    },
    /** How often something was written that a caller could want us to write. */
    written: () => world.written,
    events: world.events,
    /** What APIs said they hold: tenant, API and key. */
    told: told.keys,
    loseKnownKeys: () => {
      told.lost = true
    },
    now: () => world.time,
    grant: (id: string, tenant = DEFAULT_TENANT) => grants.get(key(tenant.id, id)),
    describeUser: (id: string, profile: Partial<UserProfile>, tenant = DEFAULT_TENANT) =>
      void profiles.set(key(tenant.id, id), profile),
    tenant: (id: string) => tenants.get(id),
    isUserDisabled: (id: string) => disabledUsers.has(id),
    disableUser: (id: string) => void disabledUsers.add(id),
    disableTenant: (tenant: Tenant) => void tenants.set(tenant.id, { ...tenant, disabled: true }),
    /** The mint has no usable key for it. */
    breakApi: (api: Api) => void unready.add(api.id),
    update<T extends Client | Api>(one: T, change: Partial<T>): T {
      const changed = { ...one, ...change }
      if ('identifier' in changed) apis.set(key(one.tenantId, one.id), changed)
      else clients.set(key(one.tenantId, one.id), changed)
      return changed
    },
    addApi({ tenant = DEFAULT_TENANT, ...given }: Partial<Api> & { tenant?: Tenant } = {}): WithSecret<Api> {
      const secret = randomToken()
      const id = given.id ?? `api_${randomToken(9)}`
      const api: Api = { ...apiLike(id, tenant.id), secretHashes: [hashSecret(secret)], ...given }
      apis.set(key(tenant.id, api.id), api)
      return { ...api, secret }
    },
    addClient({ tenant = DEFAULT_TENANT, ...given }: Partial<Client> & { tenant?: Tenant } = {}): WithSecret<Client> {
      const secret = randomToken()
      const id = given.id ?? `client_${randomToken(9)}`
      const client: Client = {
        ...clientLike(id, tenant.id),
        secretHashes: given.public ? [] : [hashSecret(secret)],
        ...given,
      }
      clients.set(key(tenant.id, client.id), client)
      return { ...client, secret }
    },
    async addGrant(
      client: Pick<Client, 'tenantId' | 'id' | 'apis'>,
      { rotate = true, ...given }: Partial<StoredGrant> = {},
    ) {
      const at = new Date(world.time * 1000)
      const grant: StoredGrant = {
        tenantId: client.tenantId,
        id: randomUUID(),
        userId: randomUUID(),
        clientId: client.id,
        sessionId: undefined,
        secret: randomBytes(32),
        scope: ['orders:read', 'orders:write'],
        apis: client.apis,
        generation: 0,
        createdAt: at,
        expiresAt: new Date(at.getTime() + 2_592_000_000),
        authTime: at,
        amr: ['pwd'],
        acr: undefined,
        claims: undefined,
        rotate,
        spentAt: [],
        revoked: false,
        ...given,
      }
      grants.set(key(grant.tenantId, grant.id), grant)
      return { grant, refreshToken: await ports.refreshTokens.issue(grant, grant.generation) }
    },
  }
}

/** Somebody of whom little is known, to be changed by a test. */
export const profileLike = (id: string): UserProfile => ({
  id,
  username: 'ann@example.com',
  name: 'Ann Example',
  email: 'Ann@example.com',
  emailVerified: false,
  claims: {},
  updatedAt: new Date(1_700_000_000_000),
})

/** What a client has of OpenID Connect that registered nothing of it. */
export const PLAIN_OPENID: Client['openid'] = {
  jwks: undefined,
  idTokenAlgorithm: 'RS256',
  idTokenEncryption: undefined,
  userinfoAlgorithm: undefined,
  userinfoEncryption: undefined,
  sector: undefined,
  defaultMaxAge: undefined,
  postLogoutRedirectUris: [],
  backchannelLogoutUri: undefined,
  frontchannelLogoutUri: undefined,
}

/** A client that may do everything here, to be changed by a test. */
export const clientLike = (id: string, tenantId = DEFAULT_TENANT.id): Client => ({
  tenantId,
  id,
  name: id,
  public: false,
  firstParty: false,
  grantTypes: ['refresh_token', 'client_credentials'],
  redirectUris: [],
  origins: [],
  scopes: [],
  apis: [],
  defaultResource: undefined,
  rotation: 'always',
  grace: 10,
  secretHashes: [],
  disabled: false,
  verified: false,
  requirePushedRequests: false,
  openid: PLAIN_OPENID,
})

/** An API of two scopes, to be changed by a test. */
export const apiLike = (id: string, tenantId = DEFAULT_TENANT.id): Api => ({
  tenantId,
  id,
  identifier: `https://${id.replaceAll('_', '-')}.example.com`,
  name: id,
  scopes: ['orders:read', 'orders:write'],
  descriptions: new Map(),
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
})
