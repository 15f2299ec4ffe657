/**
 * What the protocol works on, as it is registered, issued and judged. Times are `Date`s, durations seconds, revisions microseconds since
 * 1970 in a safe integer.
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
  /** Of signed introspection responses, RFC 9701 §6. */
  readonly introspectionAlgorithm: SigningAlgorithm
  /** Introspection responses are encrypted as its tokens are, and never sent otherwise. */
  readonly introspectionEncryption: boolean
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

/** Up to where revocations were known in the SELECT that something was judged by. */
export type Judged = {
  /** The tenant's revision: the `rev` of a token minted on it. */
  readonly rev: number
  /** The last of those that revoke a client, an API, a key or the tenant. */
  readonly wide: number
}

/** How a user was authenticated. RFC 9068 §2.2.1. */
export type Authentication = {
  readonly authTime: Date
  readonly amr: readonly string[]
  readonly acr: string | undefined
}

/** What one subject gave one client at one login on one device, with the state it is judged by, all read in one SELECT. */
export type Grant = Authentication &
  Judged & {
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
  }
