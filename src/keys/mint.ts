import { randomToken } from '../crypto/secrets.js'
import { TokenError } from '../crypto/token-error.js'
import { uuidToBase64url } from '../crypto/uuid.js'
import { invalidGrant, OAuthError } from '../oauth/errors.js'
import type { Api, Mint, Ports, Tenant, TokenClaims, TokenRequest } from '../oauth/ports.js'
import { MAX_TOKEN_LENGTH, signAccessToken, WARN_TOKEN_LENGTH } from '../wire/access-token.js'
import { sealAccessToken, sealOpaque } from '../wire/seal.js'
import type { Keyring } from './keyring.js'
import type { FindRecipient } from './recipient.js'

type MintDeps = Pick<Ports, 'now' | 'log' | 'policy'> & {
  readonly keyring: Pick<Keyring, 'active'>
  readonly recipient: FindRecipient
}

const JTI_BYTES = 16

/** Makes access tokens: signed, then sealed for the one API they are for. RFC 9068 §2, RFC 7519 §11.2. */
export function createMint({ keyring, recipient, now, log, policy }: MintDeps): Mint {
  const signingKey = ({ id }: Tenant, { signingAlgorithm: algorithm }: Api) =>
    keyring.active(id, { purpose: 'access_token', algorithm }, (keys) => keys.signing('access_token', algorithm))
  const kek = ({ id }: Tenant) => keyring.active(id, { purpose: 'kek', algorithm: 'A256KW' }, (keys) => keys.kek())

  async function format(tenant: Tenant, api: Api, inner: string): Promise<string> {
    switch (api.format) {
      case 'sealed':
        return sealAccessToken(inner, recipient(api), await kek(tenant))
      case 'opaque':
        return sealOpaque(inner, await kek(tenant))
      case 'signed':
        return inner
    }
  }

  return {
    async assertReady(tenant, api) {
      if (api.format === 'sealed') recipient(api)
      await signingKey(tenant, api)
      if (api.format !== 'signed') await kek(tenant)
    },

    async accessToken(request) {
      const { tenant, api, clientId, scope } = request
      const iat = Math.floor(now())
      const lifetime = lifetimeOf(request, iat, policy.accessTokenLifetime)
      if (lifetime <= 0) throw invalidGrant('grant_expired')
      const about = { tenant: tenant.id, api: api.id, client: clientId }
      try {
        const inner = signAccessToken(claimsOf(request, iat, lifetime), await signingKey(tenant, api))
        const token = await format(tenant, api, inner)
        if (token.length > WARN_TOKEN_LENGTH) log.warn({ ...about, length: token.length }, 'an access token is large')
        return { access_token: token, token_type: 'Bearer', expires_in: lifetime, scope: scope.join(' ') }
      } catch (error) {
        if (!(error instanceof TokenError && error.reason === 'too_large')) throw error
        log.error({ ...about, limit: MAX_TOKEN_LENGTH, scopes: scope.length }, 'an access token is too large')
        throw new OAuthError('server_error', 'access_token_too_large', { cause: error })
      }
    },
  }
}

/** Seconds, whole: what `expires_in` says is what `exp` holds. RFC 6749 §5.1. */
function lifetimeOf({ tenant, api, grant }: TokenRequest, iat: number, usual: number): number {
  const ofGrant = grant ? Math.floor(grant.expiresAt.getTime() / 1000) - iat : Number.POSITIVE_INFINITY
  return Math.min(api.tokenLifetime ?? usual, tenant.maxTokenLifetime, ofGrant)
}

/** RFC 9068 §2.2. */
function claimsOf(
  { tenant, api, clientId, scope, rev, subject, grant }: TokenRequest,
  iat: number,
  lifetime: number,
): TokenClaims {
  return {
    iss: tenant.issuer,
    sub: subject,
    aud: api.identifier,
    client_id: clientId,
    iat,
    exp: iat + lifetime,
    jti: randomToken(JTI_BYTES),
    ...(scope.length > 0 && { scope: scope.join(' ') }),
    rev,
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
