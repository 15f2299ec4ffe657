/**
 * What the protocol works on, as it is registered, issued and judged. Times are `Date`s, durations seconds, revisions microseconds since
 * 1970 in a safe integer.
 */

export type SigningAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'Ed25519'
export type EncryptionAlgorithm = 'ECDH-ES' | 'ECDH-ES+A256KW' | 'RSA-OAEP-256'
export type EncryptionMethod = 'A256GCM' | 'A128CBC-HS256'
export type TokenFormat = 'sealed' | 'signed' | 'opaque'

/** How a tenant's pages look beyond its name: data alone, checked when it was registered. */
export type Branding = {
  /** `#rrggbb`, legible on light surfaces. */
  readonly accent?: string
  /** `#rrggbb`, legible on dark surfaces. */
  readonly accentDark?: string
  /** https. */
  readonly helpUri?: string
  /** https. */
  readonly privacyUri?: string
  /** What tells its logo from the one before; absent where it has none. */
  readonly logo?: string
}

/** Users, clients, APIs, keys and an issuer of its own. */
export type Tenant = {
  readonly id: string
  readonly slug: string
  /** The name people see. */
  readonly name: string
  readonly branding: Branding
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
  /** Somebody of the tenant has checked who is behind it; of a first-party client always. */
  readonly verified: boolean
  /** RFC 9126 §6. */
  readonly requirePushedRequests: boolean
  readonly openid: OpenIdSettings
}

/** What a client registers of OpenID Connect. OpenID Connect Registration §2. */
export type OpenIdSettings = {
  /** Public keys that ID tokens and userinfo are encrypted to. */
  readonly jwks: unknown
  readonly idTokenAlgorithm: SigningAlgorithm
  readonly idTokenEncryption: Encryption | undefined
  /** Undefined: userinfo is plain JSON. */
  readonly userinfoAlgorithm: SigningAlgorithm | undefined
  readonly userinfoEncryption: Encryption | undefined
  /** The host that its subjects are made for, OpenID Connect Core §8.1; undefined: they are public. */
  readonly sector: string | undefined
  /** Seconds; for requests that say no `max_age`. */
  readonly defaultMaxAge: number | undefined
  readonly postLogoutRedirectUris: readonly string[]
  readonly backchannelLogoutUri: string | undefined
  readonly frontchannelLogoutUri: string | undefined
}

/** RFC 7516 §4.1. */
export type Encryption = { readonly alg: EncryptionAlgorithm; readonly enc: EncryptionMethod }

/** The protected resource, RFC 8707 §2. */
export type Api = {
  readonly tenantId: string
  readonly id: string
  readonly identifier: string
  readonly name: string
  readonly scopes: readonly string[]
  /** What a scope allows, in its owner's words, where it has some. */
  readonly descriptions: ReadonlyMap<string, string>
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

/** The `claims` parameter, read. Names to what is asked of them; `null` there is `{}` here. OpenID Connect Core §5.5. */
export type ClaimsRequest = {
  readonly userinfo: Readonly<Record<string, ClaimRequest>>
  readonly idToken: Readonly<Record<string, ClaimRequest>>
}

/** OpenID Connect Core §5.5.1. */
export type ClaimRequest = {
  readonly essential?: boolean
  readonly value?: unknown
  readonly values?: readonly unknown[]
}

/** A person as the standard claims are made of them. OpenID Connect Core §5.1. */
export type UserProfile = {
  readonly id: string
  /** The e-mail address they sign in with, normalised. */
  readonly username: string
  readonly name: string | undefined
  /** As it was written. */
  readonly email: string | undefined
  readonly emailVerified: boolean
  /** Further standard claims by name. */
  readonly claims: Readonly<Record<string, unknown>>
  readonly updatedAt: Date
}

export type ResponseMode = 'query' | 'fragment' | 'form_post'

/** OpenID Connect Core §3.1.2.1. */
export type Prompt = 'none' | 'login' | 'consent' | 'select_account'

/** What a client asks for at the authorization endpoint, checked: it is never read again from anything a browser holds. */
export type AuthorizationRequest = {
  readonly clientId: string
  /** As asked for: one of those registered, or of a loopback address with another port. */
  readonly redirectUri: string
  readonly responseMode: ResponseMode
  /** Byte for byte. */
  readonly state: string | undefined
  /** All that is asked for, OpenID Connect's scopes included. */
  readonly scope: readonly string[]
  /** Ids of the APIs that the grant is to cover; none when it is about who the user is alone. */
  readonly apis: readonly string[]
  /** S256, RFC 7636 §4.2. */
  readonly codeChallenge: string
  readonly nonce: string | undefined
  readonly prompt: readonly Prompt[]
  /** Seconds. */
  readonly maxAge: number | undefined
  readonly loginHint: string | undefined
  /** `sub` of a valid `id_token_hint`, as this client knows the user. */
  readonly hintedSubject: string | undefined
  readonly acrValues: readonly string[]
  readonly claims: ClaimsRequest | undefined
  readonly uiLocales: readonly string[]
}

/** A browser's single sign-on, live, with whose it is. */
export type BrowserSession = Authentication & {
  readonly tenantId: string
  readonly id: string
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly user: Pick<UserProfile, 'id' | 'username' | 'name'> & { readonly credentialVersion: number }
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
    /** What the client asked for by name, OpenID Connect Core §5.5. */
    readonly claims: ClaimsRequest | undefined
    readonly generation: number
    readonly createdAt: Date
    readonly expiresAt: Date
    /** `live`, or why it no longer counts: itself, its user, its client or its tenant. */
    readonly state: 'live' | 'revoked' | 'expired' | 'user_disabled' | 'client_disabled' | 'tenant_disabled'
  }
