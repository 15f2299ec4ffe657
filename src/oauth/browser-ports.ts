import type {
  Actor,
  Authentication,
  BrowserSession,
  ClaimsRequest,
  Client,
  Grant,
  Judged,
  Tenant,
  UserProfile,
} from './records.js'

/**
 * What the protocol needs of the world where a browser is part of it. As in `ports.ts`: a store method is one atomic step, and what two
 * processes must agree on is decided by the database's clock.
 */

export type NewSession = Authentication &
  Judged & {
    readonly tenantId: string
    readonly userId: string
    /** The user's in the SELECT the decision was made on. */
    readonly credentialVersion: number
    readonly lifetime: number
    readonly idleLifetime: number
    readonly userAgent: string | undefined
    readonly address: string
  }

/** What a browser holds of its session: the id and a secret, of which the hash is stored. */
export type SessionToken = string

export type Sessions = {
  /** Made only while the user is enabled and the credential version is what was seen; audited as `sign_in.succeeded`. */
  make(
    session: NewSession,
    by: Actor,
  ): Promise<
    { readonly result: 'made'; readonly id: string; readonly token: SessionToken } | { readonly result: 'superseded' }
  >
  /**
   * The same person has signed in again: the session stays, and with it what was begun in it; its secret and the time and manner of
   * authentication are new.
   */
  renew(
    session: Pick<BrowserSession, 'tenantId' | 'id'>,
    to: Pick<NewSession, 'userId' | 'credentialVersion' | 'authTime' | 'amr' | 'acr'>,
    by: Actor,
  ): Promise<{ readonly result: 'renewed'; readonly token: SessionToken } | { readonly result: 'superseded' }>
  /** Undefined unless it is live, of this tenant, and the secret fits. Moves its idle clock, at most once a minute. */
  find(tenantId: string, token: SessionToken): Promise<BrowserSession | undefined>
}

/** What a code stands for. */
export type NewCode = Authentication & {
  readonly tenantId: string
  readonly clientId: string
  readonly userId: string
  /** Undefined where no browser took part. */
  readonly sessionId: string | undefined
  readonly credentialVersion: number
  readonly redirectUri: string
  readonly codeChallenge: string
  readonly scope: readonly string[]
  readonly apis: readonly string[]
  readonly nonce: string | undefined
  readonly claims: ClaimsRequest | undefined
  /** Whether the grant outlives the session. */
  readonly offline: boolean
}

/** A code that was presented, with all that its redemption is judged by, in one SELECT. */
export type PresentedCode = Omit<NewCode, 'credentialVersion'> &
  Judged & {
    readonly code: string
    readonly state:
      | 'live'
      | 'redeemed'
      | 'expired'
      | 'session_over'
      | 'user_disabled'
      | 'client_disabled'
      | 'tenant_disabled'
    /** Of the grant that it was redeemed for. */
    readonly grantId: string | undefined
    /** When a grant on it must end at the latest: with its session, unless it is `offline`. */
    readonly endsAt: Date | undefined
  }

export type AuthorizationCodes = {
  /** Made only while the user is enabled, the credential version what was seen, and the session live. Good for 60 s. */
  issue(
    code: NewCode,
  ): Promise<{ readonly result: 'issued'; readonly code: string } | { readonly result: 'superseded' }>
  /** Redeemed and expired ones too, for a day. */
  find(tenantId: string, code: string): Promise<PresentedCode | undefined>
  /**
   * Uses a code up and makes the grant, in one statement: of any number of callers one does. `redeemed`: another was first, and the
   * grant it was given is named. RFC 6749 §4.1.2.
   */
  redeem(
    code: PresentedCode,
    grant: {
      readonly rotate: boolean
      readonly lifetime: number
      readonly idleLifetime: number
      readonly place: bigint
    },
    by: Actor,
  ): Promise<
    | { readonly result: 'made'; readonly grant: Grant }
    | { readonly result: 'redeemed'; readonly grantId: string | undefined }
    | { readonly result: 'superseded' }
  >
}

/** A browser's way from the authorization endpoint back to the client, kept while it is under way. */
export type KeptState = {
  /** As it was given. */
  readonly state: unknown
  readonly version: number
  readonly clientId: string | undefined
}

export type SignInStates = {
  /** Answers the id that stands in the browser's address. `lifetime` in seconds. */
  begin(
    tenantId: string,
    begun: {
      readonly browser: string
      readonly clientId: string | undefined
      readonly state: object
      readonly lifetime: number
    },
  ): Promise<string>
  /** Undefined unless it is this browser's and not over. */
  find(tenantId: string, asked: { readonly id: string; readonly browser: string }): Promise<KeptState | undefined>
  /** `superseded`: another answer came first. */
  change(
    tenantId: string,
    changed: { readonly id: string; readonly browser: string; readonly version: number; readonly state: object },
  ): Promise<'changed' | 'superseded'>
  /** Of any number of callers one ends it. */
  end(tenantId: string, ended: { readonly id: string; readonly browser: string }): Promise<'ended' | 'unknown'>
}

/** A request that a client pushed, RFC 9126 §2. `id`: what follows the prefix in its `request_uri`. */
export type PushedRequests = {
  push(
    tenantId: string,
    pushed: {
      readonly clientId: string
      readonly params: Readonly<Record<string, readonly string[]>>
      readonly lifetime: number
    },
  ): Promise<string>
  /** Undefined unless it is of this client, not over and not used. */
  find(
    tenantId: string,
    asked: { readonly id: string; readonly clientId: string },
  ): Promise<Readonly<Record<string, readonly string[]>> | undefined>
  /** Once its authorization is done: of any number of callers one uses it. */
  use(tenantId: string, used: { readonly id: string; readonly clientId: string }): Promise<'used' | 'unknown'>
}

/** Scopes that a user allowed a client, by API id; under the empty id those of OpenID Connect. */
export type ConsentedScopes = ReadonlyMap<string, readonly string[]>

export type Consents = {
  find(tenantId: string, who: { readonly userId: string; readonly clientId: string }): Promise<ConsentedScopes>
  /** Adds to what was allowed before; audited as `consent.given`. */
  remember(
    tenantId: string,
    given: { readonly userId: string; readonly clientId: string; readonly scopes: ConsentedScopes },
    by: Actor,
  ): Promise<void>
}

export type UserProfiles = {
  /** Undefined for one that is disabled or deleted. */
  find(tenantId: string, userId: string): Promise<UserProfile | undefined>
}

/** Subjects as clients know them, OpenID Connect Core §8. */
export type Subjects = {
  /** The user's id, or for a pairwise client what stands for the user in its sector. */
  of(user: { readonly tenantId: string; readonly userId: string }, sector: string | undefined): Promise<string>
}

export type IdTokens = {
  /** Can one be made for this client? Throws when not, before anything is spent. */
  assertReady(tenant: Tenant, client: Client): Promise<void>
  /**
   * OpenID Connect Core §2, §12.2. `nonce`: of the authorization request, at its code alone. `withProfile`: the claims of the scope are
   * told here, because the access token beside it is for an API and gets none at userinfo.
   */
  issue(about: {
    readonly tenant: Tenant
    readonly client: Client
    readonly grant: Grant
    readonly nonce: string | undefined
    readonly accessToken: string
    readonly withProfile: boolean
  }): Promise<string>
}

/** Of the server; durations are seconds. */
export type BrowserPolicy = {
  readonly sessionLifetime: number
  readonly sessionIdleLifetime: number
  /** Every client must push its requests, RFC 9126 §5. */
  readonly requirePushedRequests: boolean
}

export type BrowserPorts = {
  browserPolicy: BrowserPolicy
  sessions: Sessions
  codes: AuthorizationCodes
  signInStates: SignInStates
  pushedRequests: PushedRequests
  consents: Consents
  profiles: UserProfiles
  subjects: Subjects
  idTokens: IdTokens
}
