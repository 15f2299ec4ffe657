import type { SigningKey } from '../crypto/jwk.js'
import { TokenError } from '../crypto/token-error.js'
import { uuidToBase64url } from '../crypto/uuid.js'
import { invalidGrant, OAuthError } from '../oauth/errors.js'
import type { Mint, PlannedToken, Ports, TokenClaims, TokenSubject } from '../oauth/ports.js'
import type { Api, Tenant } from '../oauth/records.js'
import type { Indices, TokenPlace } from '../revocation/indices.js'
import { MAX_TOKEN_LENGTH, signAccessToken, WARN_TOKEN_LENGTH } from '../wire/access-token.js'
import { sealAccessToken, sealOpaque } from '../wire/seal.js'
import type { Keyring } from './keyring.js'
import type { FindRecipient } from './recipient.js'

type MintDeps = Pick<Ports, 'now' | 'log' | 'policy'> & {
  readonly keyring: Pick<Keyring, 'active'>
  readonly recipient: FindRecipient
  readonly indices: Indices
}

type Tools = { readonly key: SigningKey; readonly seal: Sealer }
/** Makes of a signed token the one that is handed out. */
type Sealer = (inner: string) => string

/** Makes access tokens: signed, then sealed for the one API they are for. RFC 9068 §2, RFC 7519 §11.2. */
export function createMint({ keyring, recipient, indices, now, log, policy }: MintDeps): Mint {
  const signingKey = ({ id }: Tenant, { signingAlgorithm: algorithm }: Api) =>
    keyring.active(id, { purpose: 'access_token', algorithm }, (keys) => keys.signing('access_token', algorithm))
  const kek = ({ id }: Tenant) => keyring.active(id, { purpose: 'kek', algorithm: 'A256KW' }, (keys) => keys.kek())

  async function sealer(tenant: Tenant, api: Api): Promise<Sealer> {
    if (api.format === 'signed') return (inner) => inner
    const to = api.format === 'sealed' ? recipient(api) : undefined
    const wrapping = await kek(tenant)
    return (inner) => (to ? sealAccessToken(inner, to, wrapping) : sealOpaque(inner, wrapping))
  }

  /** Signed and sealed; throws `server_error` when it would be too large to be sent. */
  async function make(claims: TokenClaims, { key, seal }: Tools, about: object): Promise<string> {
    try {
      const signed = signAccessToken(claims, key)
      // Requests that are handled in step all sign, and then all seal: neither finds the other's code in its place.
      await undefined
      const token = seal(signed)
      if (token.length > WARN_TOKEN_LENGTH) log.warn({ ...about, length: token.length }, 'an access token is large')
      return token
    } catch (error) {
      if (!(error instanceof TokenError && error.reason === 'too_large')) throw error
      log.error({ ...about, limit: MAX_TOKEN_LENGTH }, 'an access token is too large')
      throw new OAuthError('server_error', 'access_token_too_large', { cause: error })
    }
  }

  return {
    async assertReady(tenant, api) {
      await sealer(tenant, api)
      await signingKey(tenant, api)
    },

    async prepare(planned) {
      const { tenant, api, clientId, judged } = planned
      const seal = await sealer(tenant, api)
      const key = await signingKey(tenant, api)
      const iat = Math.floor(now())
      const exp = iat + lifetimeOf(planned, iat, policy.accessTokenLifetime)
      if (exp <= iat) throw invalidGrant('grant_expired')
      const place = await indices.take({ tenant, api, clientId, kid: key.kid, exp, wide: judged.wide })
      const about = { tenant: tenant.id, api: api.id, client: clientId }
      return {
        place: place.packed,
        async accessToken(subject) {
          const claims = claimsOf({ ...planned, iat, exp, place }, subject)
          const token = await make(claims, { key, seal }, { ...about, scopes: subject.scope.length })
          return {
            access_token: token,
            token_type: 'Bearer',
            // RFC 6749 §5.1: what it says is what `exp` holds.
            expires_in: exp - iat,
            scope: subject.scope.join(' '),
          }
        },
      }
    },
  }
}

/** Seconds, whole. */
function lifetimeOf({ tenant, api, expiresAt }: PlannedToken, iat: number, usual: number): number {
  const ofGrant = expiresAt ? Math.floor(expiresAt.getTime() / 1000) - iat : Number.POSITIVE_INFINITY
  return Math.min(api.tokenLifetime ?? usual, tenant.maxTokenLifetime, ofGrant)
}

/** RFC 9068 §2.2. */
function claimsOf(
  { tenant, api, clientId, judged, iat, exp, place }: PlannedToken & { iat: number; exp: number; place: TokenPlace },
  { scope, subject, grant }: TokenSubject,
): TokenClaims {
  return {
    iss: tenant.issuer,
    sub: subject,
    aud: api.identifier,
    client_id: clientId,
    iat,
    exp,
    jti: place.jti,
    ...(scope.length > 0 && { scope: scope.join(' ') }),
    rev: judged.rev,
    // draft-ietf-oauth-status-list §6.2
    status: place.status,
    ...(grant && {
      grant: uuidToBase64url(grant.id),
      ...(grant.sessionId !== undefined && { sid: uuidToBase64url(grant.sessionId) }),
      // RFC 9068 §2.2.1: of the sign-in, and the same however often the grant is refreshed.
      auth_time: Math.floor(grant.authTime.getTime() / 1000),
      ...(grant.acr !== undefined && { acr: grant.acr }),
      ...(grant.amr.length > 0 && { amr: grant.amr }),
    }),
  }
}
