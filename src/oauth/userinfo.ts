import { base64urlToUuid } from '../crypto/uuid.js'
import { type PresentedAccessToken, presentedAccessToken } from './access-token.js'
import type { BrowserPorts } from './browser-ports.js'
import { insufficientScope, invalidToken, OAuthError } from './errors.js'
import type { Ports } from './ports.js'
import type { Client, Grant, Tenant } from './records.js'
import { parseScope } from './scope.js'
import { claimsByName, claimsFor, claimsOfScope } from './standard-claims.js'

/** `typ` of a signed answer: it is signed by the keys of ID tokens, and none of those. RFC 8725 §3.11. */
export const USERINFO_TYPE = 'userinfo+jwt'

export type UserinfoPorts = Pick<
  Ports,
  'unsealer' | 'apis' | 'clients' | 'grants' | 'revocations' | 'jwtSigner' | 'jwtEncrypter' | 'now'
> &
  Pick<BrowserPorts, 'subjects' | 'profiles'>

type Asked = { readonly tenant: Tenant; readonly token: string }
type Entitled = { readonly grant: Grant; readonly client: Client; readonly scope: readonly string[] }

/** Claims as JSON, or in a JWT for a client that registered that. OpenID Connect Core §5.3.2. */
export type Userinfo = { readonly claims: Readonly<Record<string, unknown>> } | { readonly jwt: string }

/**
 * What the holder of an access token is told of the user who granted it, OpenID Connect Core §5.3. Throws `invalid_token`,
 * `insufficient_scope` without `openid`, and `invalid_client` for a client that wants it encrypted and has no usable key.
 */
export async function userinfo(asked: Asked, ports: UserinfoPorts): Promise<Userinfo> {
  const { grant, client, scope } = await entitled(asked, ports)
  const { tenant } = asked
  const profile = await ports.profiles.find(tenant.id, grant.userId)
  if (!profile) throw invalidToken('user_disabled')
  const names = [...claimsOfScope(scope), ...claimsByName(grant.claims?.userinfo, { scope, client })]
  const { sector, userinfoAlgorithm: alg, userinfoEncryption: encryption } = client.openid
  // OpenID Connect Core §5.3.2: the subject of the ID token, and no claim of the profile's in its place.
  const claims = { ...claimsFor(profile, names), sub: await ports.subjects.of(grant, sector) }
  if (!alg) return { claims }

  const encrypt = encryption && ports.jwtEncrypter.forClient(client, encryption)
  // OpenID Connect Core §5.3.2: who says it, and to whom. No `exp`: it is the answer to a question, and nothing to present.
  const about = { iss: tenant.issuer, aud: client.id, iat: Math.floor(ports.now()) }
  const signed = await ports.jwtSigner.sign(tenant, { typ: USERINFO_TYPE, alg }, { ...claims, ...about })
  return { jwt: encrypt ? encrypt({ signed, typ: USERINFO_TYPE }) : signed }
}

/** Whose grant a token stands for, once it is proved to be live, for userinfo, and to allow that. RFC 6750 §3.1. */
async function entitled({ tenant, token }: Asked, ports: UserinfoPorts): Promise<Entitled> {
  const presented = await presentedAccessToken({ tenant, token }, ports)
  if (!presented) throw invalidToken('access_token_invalid')
  const { claims } = presented
  const dead = await ports.revocations.judge(tenant.id, claims, presented.signingKeyId)
  if (dead !== 'live') throw invalidToken('access_token_revoked')
  if (claims.aud !== tenant.issuer) throw ofOtherResource(tenant)
  const grant = await liveGrant(tenant, presented, ports)
  const client = await ports.clients.find(tenant.id, claims.client_id)
  // One that is disabled has no live grant, and nobody else's grant stands in a token of ours.
  if (!client) throw invalidToken('client_unknown')
  // A token may have less than was granted, and never more.
  const scope = (parseScope(claims.scope) ?? []).filter((one) => grant.scope.includes(one))
  if (!scope.includes('openid')) throw insufficientScope('scope_without_openid')
  return { grant, client, scope }
}

async function liveGrant(
  tenant: Tenant,
  { claims }: PresentedAccessToken,
  { grants }: Pick<Ports, 'grants'>,
): Promise<Grant> {
  const id = claims.grant === undefined ? undefined : base64urlToUuid(claims.grant)
  // A client's own token speaks of no user.
  const grant = id === undefined ? undefined : await grants.find(tenant.id, id)
  if (!grant) throw invalidToken('access_token_without_grant')
  if (grant.state !== 'live') throw invalidToken(`grant_${grant.state}`)
  return grant
}

// Whoever holds it knows what it is for; most often it was asked for without the resource.
const ofOtherResource = ({ issuer }: Tenant) =>
  new OAuthError('invalid_token', 'access_token_for_other_resource', {
    description: `The access token is for another resource. Ask for one with resource=${issuer}`,
  })
