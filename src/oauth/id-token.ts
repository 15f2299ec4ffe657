import { createHash } from 'node:crypto'
import { encodeBase64url } from '../crypto/base64url.js'
import { uuidToBase64url } from '../crypto/uuid.js'
import type { BrowserPorts } from './browser-ports.js'
import { invalidGrant } from './errors.js'
import type { Ports } from './ports.js'
import type { Client, Grant, SigningAlgorithm, Tenant } from './records.js'
import { claimsByName, claimsFor, claimsOfScope } from './standard-claims.js'

/** `typ` of an ID token: not in OpenID Connect Core §2, and what most libraries write. Nothing else here is signed under it. */
export const ID_TOKEN_TYPE = 'JWT'

/** What ID tokens and userinfo can be signed with; the first is for who asks for nothing, OpenID Connect Core §15.1. */
export const ID_TOKEN_SIGNING: readonly SigningAlgorithm[] = ['RS256', 'PS256', 'ES256', 'Ed25519']

/** Seconds until a client must not accept it any more. It is read once, at sign-in, whatever the session's life. OpenID Connect Core §2. */
export const ID_TOKEN_LIFETIME = 3600

export type IdTokenRequest = {
  readonly tenant: Tenant
  readonly client: Client
  /** Who signed in, when and how: the same however often it is refreshed, OpenID Connect Core §12.2. A grant has it all. */
  readonly authentication: Pick<Grant, 'userId' | 'sessionId' | 'authTime' | 'amr' | 'acr' | 'claims'>
  /** What was granted. */
  readonly scope: readonly string[]
  /** Of the authorization request; none at refresh, OpenID Connect Core §12.2. */
  readonly nonce: string | undefined
  /** Issued beside it. */
  readonly accessToken: string | undefined
  /** The access token is not for userinfo, so that the claims of the scope are told here. OpenID Connect Core §5.4. */
  readonly withProfile: boolean
}

export type IdTokenPorts = Pick<Ports, 'jwtSigner' | 'jwtEncrypter' | 'now'> &
  Pick<BrowserPorts, 'subjects' | 'profiles'>

/**
 * Makes an ID token, OpenID Connect Core §2, §3.1.3.6: signed as the client registered, and encrypted where it registered that. Throws
 * `invalid_client` for such a client without a usable key, and never answers in the clear instead; `invalid_grant` when the user is gone.
 */
export async function issueIdToken(request: IdTokenRequest, ports: IdTokenPorts): Promise<string> {
  const { tenant, client, authentication, nonce, accessToken } = request
  const { userId, sessionId, authTime, acr, amr } = authentication
  const { idTokenAlgorithm: alg, sector } = client.openid
  const encrypt = encrypter(client, ports)
  const iat = Math.floor(ports.now())
  const claims = {
    ...(await profileClaims(request, ports)),
    iss: tenant.issuer,
    sub: await ports.subjects.of({ tenantId: tenant.id, userId }, sector),
    // OpenID Connect Core §2: one audience, so there is no `azp`.
    aud: client.id,
    exp: iat + ID_TOKEN_LIFETIME,
    iat,
    auth_time: Math.floor(authTime.getTime() / 1000),
    // OpenID Connect Core §3.1.2.1: passed through unmodified.
    ...(nonce !== undefined && { nonce }),
    ...(acr !== undefined && { acr }),
    ...(amr.length > 0 && { amr }),
    ...(sessionId !== undefined && { sid: uuidToBase64url(sessionId) }),
    ...(accessToken !== undefined && { at_hash: tokenHash(accessToken, alg) }),
  }
  return encrypt(await ports.jwtSigner.sign(tenant, { typ: ID_TOKEN_TYPE, alg }, claims))
}

/**
 * Can an ID token for this client be made now? Throws as `issueIdToken` when not, before anything is spent. OpenID Connect Core §3.1.3.3.
 */
export async function assertIdTokenReady(
  { tenant, client }: Pick<IdTokenRequest, 'tenant' | 'client'>,
  ports: Pick<Ports, 'jwtSigner' | 'jwtEncrypter'>,
): Promise<void> {
  encrypter(client, ports)
  await ports.jwtSigner.keyId(tenant, { typ: ID_TOKEN_TYPE, alg: client.openid.idTokenAlgorithm })
}

/** The left half of the hash that belongs to the signature's algorithm. OpenID Connect Core §3.1.3.6, RFC 8032 §5.1. */
export function tokenHash(token: string, alg: SigningAlgorithm): string {
  const hash = createHash(alg === 'Ed25519' ? 'sha512' : 'sha256')
    .update(token, 'ascii')
    .digest()
  return encodeBase64url(hash.subarray(0, hash.length / 2))
}

function encrypter(client: Client, { jwtEncrypter }: Pick<Ports, 'jwtEncrypter'>): (signed: string) => string {
  const { idTokenEncryption } = client.openid
  if (!idTokenEncryption) return (signed) => signed
  const encrypt = jwtEncrypter.forClient(client, idTokenEncryption)
  return (signed) => encrypt({ signed, typ: ID_TOKEN_TYPE })
}

async function profileClaims(
  { tenant, client, authentication: { userId, claims }, scope, withProfile }: IdTokenRequest,
  { profiles }: Pick<BrowserPorts, 'profiles'>,
): Promise<Record<string, unknown>> {
  const byName = claimsByName(claims?.idToken, { scope, client })
  const names = [...(withProfile ? claimsOfScope(scope) : []), ...byName]
  if (names.length === 0) return {}
  const profile = await profiles.find(tenant.id, userId)
  if (!profile) throw invalidGrant('user_disabled')
  return claimsFor(profile, names)
}
