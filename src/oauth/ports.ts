/**
 * What the protocol needs of the world, and nothing of how the world does it. `store/`, `keys/` and `accounts/` implement these;
 * `deps.ts` wires them. A function asks for the slice it uses: `Pick<Ports, 'grants' | 'mint'>`.
 *
 * Times are `Date`s, durations seconds, revisions microseconds since 1970 in a safe integer. A store method is one atomic step and
 * answers with a string literal; it throws only when the database cannot be asked.
 */

export type SigningAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'Ed25519'
export type EncryptionAlgorithm = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256'
export type EncryptionMethod = 'A256GCM' | 'A128CBC-HS256'
export type TokenFormat = 'sealed' | 'signed' | 'opaque'

/** Users, clients, APIs, keys and an issuer of its own. */
export type Tenant = {
  readonly id: string
  readonly slug: string
  /** `PUBLIC_URL` for the default tenant, `PUBLIC_URL/t/<slug>` for another. RFC 8414 §2. */
  readonly issuer: string
  /** Seconds; no access token of the tenant lives longer. */
  readonly maxTokenLifetime: number
  /** Disabled or deleted: issues nothing, still says what is revoked. */
  readonly disabled: boolean
}

/** RFC 6749 §2. */
export type Client = {
  readonly tenantId: string
  readonly id: string
  readonly name: string
  readonly public: boolean
  readonly firstParty: boolean
  readonly grantTypes: readonly string[]
  readonly redirectUris: readonly string[]
  /** Browser origins that may call with this client: `--origin`, else those of its https redirect URIs. */
  readonly origins: readonly string[]
  /** Scopes it may have; empty: all of its APIs. */
  readonly scopes: readonly string[]
  /** Ids of the APIs it may have tokens for. */
  readonly apis: readonly string[]
  /** Identifier of the API a request without `resource` and scope is for. */
  readonly defaultResource: string | undefined
  readonly rotation: 'always' | 'never'
  /** Seconds a spent refresh token is still answered with the current one. */
  readonly grace: number
  readonly secretHashes: readonly Uint8Array[]
  readonly disabled: boolean
}

/** The protected resource, RFC 8707 §2. */
export type Api = {
  readonly tenantId: string
  readonly id: string
  readonly identifier: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly format: TokenFormat
  readonly signingAlgorithm: SigningAlgorithm
  readonly encryptionAlgorithm: EncryptionAlgorithm | undefined
  readonly encryptionMethod: EncryptionMethod | undefined
  /** The last good set, as the API published or the operator pasted it. */
  readonly jwks: unknown
  readonly jwksUri: string | undefined
  readonly jwksFetchedAt: Date | undefined
  /** Seconds; undefined: the server's default. */
  readonly tokenLifetime: number | undefined
  readonly secretHashes: readonly Uint8Array[]
  readonly disabled: boolean
}

/** Who did something, for the audit trail. Never a token, secret or password. */
export type Actor = {
  readonly kind: 'operator' | 'client' | 'user' | 'system'
  readonly id?: string
  readonly address?: string
  readonly request?: string
}

/** How a user was authenticated. RFC 9068 §2.2.1. */
export type Authentication = {
  readonly authTime: Date
  readonly amr: readonly string[]
  readonly acr: string | undefined
}

/** What one subject gave one client at one login on one device, with the state it is judged by, all read in one SELECT. */
export type Grant = Authentication & {
  readonly tenantId: string
  readonly id: string
  readonly userId: string
  readonly clientId: string
  readonly sessionId: string | undefined
  /** 32 bytes, half of the key of its refresh tokens. */
  readonly secret: Uint8Array
  readonly scope: readonly string[]
  /** Ids of the APIs it covers, those disabled or deleted since left out. */
  readonly apis: readonly string[]
  readonly generation: number
  readonly createdAt: Date
  readonly expiresAt: Date
  /** `live`, or why it no longer counts: itself, its user, its client or its tenant. */
  readonly state: 'live' | 'revoked' | 'expired' | 'user_disabled' | 'client_disabled' | 'tenant_disabled'
  /** The tenant's revision in the same SELECT: the `rev` of a token minted on it. */
  readonly rev: number
}

export type NewGrant = Authentication & {
  readonly tenantId: string
  readonly userId: string
  readonly clientId: string
  readonly sessionId?: string
  readonly scope: readonly string[]
  readonly apis: readonly string[]
  readonly rotate: boolean
  readonly idleLifetime: number
  readonly lifetime: number
  /** The tenant's revision and the user's credential version in the SELECT the decision was made on. */
  readonly rev: number
  readonly credentialVersion: number
}

export type RefreshOutcome =
  | { readonly result: 'rotated' | 'replayed' | 'reused'; readonly generation: number }
  | { readonly result: 'revoked' | 'expired' }

export type Grants = {
  /** Inserted only while the user is enabled and the credential version is what was seen; audited in the same statement. */
  make(grant: NewGrant, by: Actor): Promise<{ result: 'made'; grant: Grant } | { result: 'superseded' }>
  find(tenantId: string, grantId: string): Promise<Grant | undefined>
  /** One statement; see `refresh_grant` in the migrations. */
  refresh(
    grant: Pick<Grant, 'tenantId' | 'id'>,
    attempt: { generation: number; grace: number },
    by: Actor,
  ): Promise<RefreshOutcome>
}

/** What a sign-in is judged by, in one SELECT. `user` is undefined for a name nobody has. */
export type SignInSubject = {
  readonly rev: number
  readonly user:
    | {
        readonly id: string
        readonly credentialVersion: number
        readonly disabled: boolean
        /** argon2id PHC string. */
        readonly passwordHash: string | undefined
      }
    | undefined
  /** False when the client or the tenant has been disabled or deleted since it was cached. */
  readonly clientLive: boolean
  /** Of the APIs asked about, those that still are live. */
  readonly liveApis: readonly string[]
}

export type Users = {
  forSignIn(
    tenantId: string,
    username: string,
    asked: { clientId: string; apis: readonly string[] },
  ): Promise<SignInSubject>
  /** Replaces a password hash made with other parameters; nothing happens when it has changed since. */
  upgradePassword(
    tenantId: string,
    userId: string,
    change: { from: string; to: string },
  ): Promise<'upgraded' | 'superseded'>
}

export type Tenants = {
  /**
   * By slug. Undefined, as in a URL without one, is the default tenant, which its own slug `default` finds too. Deleted ones are found
   * while their tombstone stands.
   */
  find(slug: string | undefined): Promise<Tenant | undefined>
}

export type Clients = {
  /** Disabled ones too, deleted ones not. */
  find(tenantId: string, clientId: string): Promise<Client | undefined>
  /** Is it the origin of any live client of the tenant? */
  allowsOrigin(tenantId: string, origin: string): Promise<boolean>
}

export type Apis = {
  /** Disabled ones too, deleted ones not. */
  find(tenantId: string, apiId: string): Promise<Api | undefined>
  /** Byte for byte, RFC 8707 §2. Disabled ones too, deleted ones not. */
  findByIdentifier(tenantId: string, identifier: string): Promise<Api | undefined>
  /** In the order of the ids; unknown, disabled and deleted ones left out. */
  list(tenantId: string, apiIds: readonly string[]): Promise<readonly Api[]>
}

/** What this process remembers of the tenant's clients, APIs and keys, and up to which revision that is known to be true. */
export type View = {
  /**
   * The `rev` of a token judged by remembered state alone. Asked before that state is read: a revocation in between then has a
   * higher revision than the token. Asks Postgres when the last poll is older than the bound.
   */
  revision(tenantId: string): Promise<number>
}

/** The claims of an access token, RFC 9068 §2.2. */
export type TokenClaims = {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  readonly client_id: string
  readonly iat: number
  readonly exp: number
  readonly jti: string
  readonly scope?: string
  /** Tenant revision, microseconds: a wide revocation at r kills what has `rev < r`. */
  readonly rev: number
  /** base64url of the grant's 16 bytes. */
  readonly grant?: string
  /** base64url of the session's 16 bytes. */
  readonly sid?: string
  readonly auth_time?: number
  readonly acr?: string
  readonly amr?: readonly string[]
}

export type RevocationEntry = { readonly k: string; readonly d: string; readonly r?: number; readonly exp: number }
export type RevocationPage = {
  readonly cursor: string
  readonly revision: number
  readonly entries: readonly RevocationEntry[]
}

export type Revocations = {
  /** One access token, until its `exp`. */
  revokeToken(tenantId: string, claims: TokenClaims, by: Actor): Promise<void>
  revokeGrant(tenantId: string, grantId: string, change: { reason: string; by: Actor }): Promise<'revoked' | 'nothing'>
  /** All layers, from Postgres: token, grant, session, user, client, API, signing key, tenant. */
  judge(tenantId: string, claims: TokenClaims, signingKeyId: string | undefined): Promise<'live' | { dead: string }>
  /** Everything live. */
  snapshot(tenantId: string): Promise<RevocationPage>
  /** What came after a cursor; `reset` when it is too old or of another database. */
  since(tenantId: string, cursor: string): Promise<RevocationPage | 'reset'>
}

/** `username` normalised, `address` as `addressKey` gives it. */
export type SignInAttempt = { readonly username: string; readonly address: string }

export type ThrottleBucket = 'address' | 'account' | 'account_address'

export type Throttle = {
  /** Takes a try from every bucket before the password is looked at; from none when one refuses. */
  take(tenantId: string, attempt: SignInAttempt): Promise<'taken' | { retryAfter: number; bucket: ThrottleBucket }>
  /** Gives the try back, the password not having been looked at. */
  returned(tenantId: string, attempt: SignInAttempt): Promise<void>
  /** After success: gives the try back and remembers the address. */
  succeeded(tenantId: string, attempt: SignInAttempt): Promise<void>
  /** After a refusal: audited once per bucket (that of account and address unless told) and quarter of an hour. */
  refused(
    tenantId: string,
    attempt: SignInAttempt,
    refusal: { reason: string; by: Actor; bucket?: ThrottleBucket; userId?: string | undefined },
  ): Promise<void>
  /** Counts a failed client authentication against the address alone. */
  clientFailed(tenantId: string, address: string): Promise<'counted' | { retryAfter: number }>
}

export type TokenRequest = {
  readonly tenant: Tenant
  readonly api: Api
  readonly clientId: string
  readonly scope: readonly string[]
  readonly rev: number
  readonly subject: string
  readonly grant?: Pick<Grant, 'id' | 'sessionId' | 'authTime' | 'amr' | 'acr' | 'expiresAt'>
}

export type AccessTokenResponse = {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
}

export type Mint = {
  /** Can a token for this API be made now? Throws `invalid_target` when not, before anything is spent. */
  assertReady(tenant: Tenant, api: Api): Promise<void>
  /** Signs and, by the API's format, seals. */
  accessToken(token: TokenRequest): Promise<AccessTokenResponse>
}

export type Unsealer = {
  /**
   * Reads any access token made under the tenant's issuer, expired ones too, whatever its API has registered: `format` is how it came.
   * Says why it cannot.
   */
  open(
    tenant: Tenant,
    token: string,
  ): Promise<{ claims: TokenClaims; signingKeyId: string | undefined; format: TokenFormat } | { unreadable: string }>
}

export type RefreshTokens = {
  issue(grant: Pick<Grant, 'tenantId' | 'id' | 'secret'>, generation: number): Promise<string>
  /** Shape only; nothing is looked up. */
  parse(token: string): { readonly grantId: string; readonly generation: number } | undefined
  /** Constant time; over the tenant, everything in the token, and the grant's secret. */
  verify(token: string, grant: Pick<Grant, 'tenantId' | 'id' | 'secret'>): Promise<boolean>
}

export type Jwks = {
  /** Public keys with their `kid`, `use` and `alg`, and how many seconds they may be cached. RFC 7517 §5. */
  published(tenant: Tenant): Promise<{ keys: readonly Record<string, unknown>[]; maxAge: number }>
}

/** Signs what is not an access token, with the key of that purpose. */
export type ListSigner = {
  sign(tenant: Tenant, header: { typ: string }, payload: Record<string, unknown>): Promise<string>
}

export type Passwords = {
  /** A real hash is verified for an unknown user too. Throws with `retryAfter` when the queue is full. */
  verify(password: string, phc: string | undefined): Promise<{ ok: boolean; rehash: boolean }>
  hash(password: string): Promise<string>
}

export type Log = {
  info(detail: Record<string, unknown>, message: string): void
  warn(detail: Record<string, unknown>, message: string): void
  error(detail: Record<string, unknown>, message: string): void
}

/** Seconds. */
export type Policy = {
  readonly accessTokenLifetime: number
  readonly grantLifetime: number
  readonly grantIdleLifetime: number
  readonly maxStaleness: number
}

export type Ports = {
  tenants: Tenants
  clients: Clients
  apis: Apis
  users: Users
  grants: Grants
  revocations: Revocations
  throttle: Throttle
  view: View
  mint: Mint
  unsealer: Unsealer
  refreshTokens: RefreshTokens
  jwks: Jwks
  listSigner: ListSigner
  passwords: Passwords
  policy: Policy
  log: Log
  /** Seconds since 1970 by the process's clock; what two processes must agree on is decided by the database's. */
  now: () => number
}
