import type {
  Actor,
  Api,
  Authentication,
  Client,
  Encryption,
  Grant,
  Judged,
  SigningAlgorithm,
  Tenant,
  TokenFormat,
} from './records.js'

/**
 * What the protocol needs of the world, and nothing of how the world does it. `store/`, `keys/` and `accounts/` implement these;
 * `deps.ts` wires them. A function asks for the slice it uses: `Pick<Ports, 'grants' | 'mint'>`.
 *
 * Times are `Date`s, durations seconds, revisions microseconds since 1970 in a safe integer. A store method is one atomic step and
 * answers with a string literal; it throws only when the database cannot be asked.
 */

export type NewGrant = Authentication &
  Judged & {
    readonly tenantId: string
    readonly userId: string
    readonly clientId: string
    readonly sessionId?: string
    readonly scope: readonly string[]
    readonly apis: readonly string[]
    readonly rotate: boolean
    readonly idleLifetime: number
    readonly lifetime: number
    /** The user's in the SELECT the decision was made on. */
    readonly credentialVersion: number
    /** Of the first access token. */
    readonly place: bigint
  }

export type RefreshOutcome =
  | {
      readonly result: 'rotated' | 'replayed' | 'reused'
      readonly generation: number
      /** The grant's by now: a session may have ended, and the grant outlived it, since it was read. */
      readonly sessionId: string | undefined
    }
  | { readonly result: 'revoked' | 'expired' }
  /** As many of its access tokens are alive as can be revoked with it; in so many seconds one is gone. */
  | { readonly result: 'crowded'; readonly retryAfter: number }

export type Grants = {
  /** Inserted only while the user is enabled and the credential version is what was seen; audited in the same statement. */
  make(grant: NewGrant, by: Actor): Promise<{ result: 'made'; grant: Grant } | { result: 'superseded' }>
  find(tenantId: string, grantId: string): Promise<Grant | undefined>
  /**
   * The grant as it was found. One statement, shared with what comes at the same time: `rotate_grants` and `refresh_grant` in the
   * migrations.
   */
  refresh(
    grant: Pick<Grant, 'tenantId' | 'id' | 'generation'>,
    attempt: { generation: number; grace: number; place: bigint },
    by: Actor,
  ): Promise<RefreshOutcome>
}

/** What a sign-in is judged by, in one SELECT. `user` is undefined for a name nobody has. */
export type SignInSubject = Judged & {
  readonly user:
    | {
        readonly id: string
        readonly credentialVersion: number
        readonly disabled: boolean
        /** argon2id PHC string. */
        readonly passwordHash: string | undefined
      }
    | undefined
  /** False when the client, where there is one, or the tenant has been disabled or deleted since it was cached. */
  readonly clientLive: boolean
  /** Of the APIs asked about, those that still are live. */
  readonly liveApis: readonly string[]
}

export type Users = {
  forSignIn(
    tenantId: string,
    username: string,
    asked: { clientId: string | undefined; apis: readonly string[] },
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

/** What tenants registered to be shown on their pages. */
export type Logos = {
  find(tenantId: string): Promise<{ readonly bytes: Buffer; readonly contentType: string } | undefined>
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
   * What a token judged by remembered state alone is judged by. Asked before that state is read: a revocation in between then has a
   * higher revision than the token. Asks Postgres when the last poll is older than `within` seconds, the bound unless told.
   */
  judged(tenantId: string, within?: number): Promise<Judged>
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
  /** draft-ietf-oauth-status-list §6.2. */
  readonly status?: { readonly status_list: { readonly idx: number; readonly uri: string } }
}

/** A part of the list, in the order of revision. */
export type RevocationPage = {
  /** Everything up to it is told: of the tenant, or where there is more, of the last entry here. */
  readonly revision: number
  /** Stands at `revision`; to be asked with next. */
  readonly cursor: string
  /** The revision it continues from; undefined where it begins. */
  readonly after: number | undefined
  /** Seconds of the database's clock when it was read. */
  readonly at: number
  /** There may be more; asking tells. */
  readonly more: boolean
  /** Revision of the first entry, if there is one. */
  readonly first: number | undefined
  /** JSON text, an array of `{ k, d, r?, exp }`: read by those it is for, never here. */
  readonly entries: string
}

export type Revocations = {
  /** One access token, until its `exp`. `place`: its own in a status list, where it has one. */
  revokeToken(
    tenantId: string,
    token: { readonly claims: TokenClaims; readonly place: bigint | undefined },
    by: Actor,
  ): Promise<void>
  revokeGrant(tenantId: string, grantId: string, change: { reason: string; by: Actor }): Promise<'revoked' | 'nothing'>
  /** All layers, from Postgres: token, grant, session, user, client, API, signing key, tenant. */
  judge(tenantId: string, claims: TokenClaims, signingKeyId: string | undefined): Promise<'live' | { dead: string }>
  /** The first page of everything live. */
  snapshot(tenantId: string): Promise<RevocationPage>
  /** A page of what came after a cursor; `reset` when it is too old or of another database. */
  since(tenantId: string, cursor: string): Promise<RevocationPage | 'reset'>
  /** Where the list ends now: a page of nothing. */
  head(tenantId: string): Promise<RevocationPage>
  /** The revision that a cursor stands at; undefined unless it is of the same tenant, database and timeline as the one that is `known`. */
  locate(cursor: string, known: string): number | undefined
}

/** What is revoked as far as this process knows. */
export type KnownRevocations = {
  /**
   * As `judge` of the revocations, of a token that was proved to be ours: by what was true so many seconds ago as introspection may lag
   * behind, or by Postgres.
   */
  judge(
    tenant: Tenant,
    claims: TokenClaims,
    signingKeyId: string | undefined,
  ): Promise<'live' | { readonly dead: string }>
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
  /** Counts something that anybody may begin and that takes place in the database until it is over. */
  flowBegun(tenantId: string, address: string): Promise<'counted' | { retryAfter: number }>
}

/** What a token will be for, and what that was judged by. */
export type PlannedToken = {
  readonly tenant: Tenant
  readonly api: Api
  readonly clientId: string
  readonly judged: Judged
  /** Of the grant, where there is one. */
  readonly expiresAt?: Date
}

/** Of whom a token speaks and what it allows. */
export type TokenSubject = {
  readonly scope: readonly string[]
  readonly subject: string
  readonly grant?: Pick<Grant, 'id' | 'sessionId' | 'authTime' | 'amr' | 'acr'>
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
  /**
   * Takes the token's place in a status list. Throws as `assertReady`, `invalid_grant` when the grant is over, and
   * `temporarily_unavailable` when what it is for was revoked since it was judged.
   */
  prepare(planned: PlannedToken): Promise<PreparedToken>
}

/** A token with its keys, its times and its place: all that can fail is settled. */
export type PreparedToken = {
  /** As in `grants.live`. */
  readonly place: bigint
  /** Signs and, by the API's format, seals. */
  accessToken(about: TokenSubject): Promise<AccessTokenResponse>
}

export type UnsealedToken = {
  readonly claims: TokenClaims
  readonly signingKeyId: string | undefined
  readonly format: TokenFormat
  /** In a status list, read from its `jti`. */
  readonly place: bigint | undefined
}

export type Unsealer = {
  /**
   * Reads any access token made under the tenant's issuer, expired ones too, whatever its API has registered: `format` is how it came.
   * Says why it cannot.
   */
  open(tenant: Tenant, token: string): Promise<UnsealedToken | { unreadable: string }>
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

/** Signs what is not an access token, with the key of that purpose, ES256 unless told. */
export type JwtSigner = {
  /** `payload`: claims, or their JSON already encoded. */
  sign(tenant: Tenant, header: JwtKind, payload: Record<string, unknown> | Uint8Array): Promise<string>
  /** The `kid` of the key that signs a type now. */
  keyId(tenant: Tenant, header: JwtKind): Promise<string>
}

/** What a JWT is, and by which algorithm it is signed. */
export type JwtKind = { readonly typ: string; readonly alg?: SigningAlgorithm }

/** What is to be encrypted, with the type it has inside. */
export type SignedJwt = { readonly signed: string; readonly typ: string }

/** Encrypts what is not an access token. */
export type JwtEncrypter = {
  /** Throws `invalid_target` for an API without a usable key, and says in the log what it lacks. */
  encrypt(api: Api, jwt: SignedJwt): string
  /** Throws `invalid_client` for a client without a usable key, at once, and says in the log what it lacks. */
  forClient(client: Client, encryption: Encryption): (jwt: SignedJwt) => string
}

/** Reads back what was signed. */
export type JwtVerifier = {
  /** The claims of an ID token, expired ones too; undefined unless a published key of the tenant's ID tokens signed it. */
  idToken(tenant: Tenant, token: string): Promise<Readonly<Record<string, unknown>> | undefined>
}

export type KnownKeys = {
  /** Keeps which of the tenant's signing keys an API says it holds; what is no such key is left out. */
  note(api: Pick<Api, 'tenantId' | 'id'>, kids: readonly string[]): Promise<void>
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
  knownRevocations: KnownRevocations
  throttle: Throttle
  view: View
  mint: Mint
  unsealer: Unsealer
  refreshTokens: RefreshTokens
  jwks: Jwks
  jwtSigner: JwtSigner
  jwtEncrypter: JwtEncrypter
  jwtVerifier: JwtVerifier
  knownKeys: KnownKeys
  passwords: Passwords
  policy: Policy
  log: Log
  /** Seconds since 1970 by the process's clock; what two processes must agree on is decided by the database's. */
  now: () => number
}
