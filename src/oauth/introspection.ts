import { presentedAccessToken } from './access-token.js'
import type { BrowserPorts } from './browser-ports.js'
import type { Introspector } from './client-auth.js'
import { invalidRequest } from './errors.js'
import { type PresentedGrant, presentedGrant } from './grants/refresh-token.js'
import type { Params } from './params.js'
import type { Ports, TokenClaims } from './ports.js'
import type { Client, Tenant } from './records.js'

export type IntrospectionPorts = Pick<
  Ports,
  'unsealer' | 'apis' | 'refreshTokens' | 'grants' | 'knownRevocations' | 'now'
> &
  Pick<BrowserPorts, 'subjects'>

/** RFC 7662 §2.2: active, with what the asker may know of it; or inactive, and nothing more. */
export type Introspection = { readonly active: false } | ({ readonly active: true } & Readonly<Record<string, unknown>>)

type Question = { readonly tenant: Tenant; readonly by: Introspector; readonly token: string }

// RFC 7662 §2.2: of a token that is not active nothing else is said, least of all why.
const INACTIVE: Introspection = { active: false }

/**
 * Says whether a token counts now, RFC 7662 §2.2. An API learns all claims of tokens for itself; a client of its own tokens only what
 * it was told when it got them, for the seal holds against it too; anything else is inactive. Throws `invalid_request` alone.
 */
export async function introspect(
  { params, ...asked }: Omit<Question, 'token'> & { readonly params: Params },
  ports: IntrospectionPorts,
): Promise<Introspection> {
  const token = params.get('token')
  if (token === undefined) throw invalidRequest('token is required.')
  // RFC 7662 §2.1: a wrong `token_type_hint` hides nothing. The two kinds never look alike, so it is not read.
  const presented = await presentedGrant({ tenant: asked.tenant, token }, ports)
  if (!('grant' in presented)) return accessToken({ ...asked, token }, ports)
  return 'client' in asked.by ? refreshToken(presented, asked.by.client, ports) : INACTIVE
}

async function accessToken(
  { tenant, by, token }: Question,
  ports: Pick<Ports, 'unsealer' | 'apis' | 'knownRevocations' | 'now'>,
): Promise<Introspection> {
  // RFC 7662 §4: until when it counts, and for whom.
  const presented = await presentedAccessToken({ tenant, token }, ports)
  if (!presented) return INACTIVE
  const { claims, signingKeyId } = presented
  const forAsker = 'api' in by ? claims.aud === by.api.identifier : claims.client_id === by.client.id
  if (!forAsker) return INACTIVE
  // RFC 7662 §4: whether it was revoked, by any layer.
  if ((await ports.knownRevocations.judge(tenant, claims, signingKeyId)) !== 'live') return INACTIVE
  if ('api' in by) return toldToApi(claims)
  const { client_id, scope, exp, iat } = claims
  return { active: true, token_type: 'Bearer', client_id, scope, exp, iat }
}

const told = new WeakMap<TokenClaims, Introspection>()

/** All that a token says. The same claims are told in the same words: who is given this again may have written it down already. */
function toldToApi(claims: TokenClaims): Introspection {
  const known = told.get(claims)
  if (known) return known
  const answer = { ...claims, active: true, token_type: 'Bearer' } as const
  told.set(claims, answer)
  return answer
}

async function refreshToken(
  { grant, generation }: PresentedGrant,
  client: Client,
  { subjects }: Pick<BrowserPorts, 'subjects'>,
): Promise<Introspection> {
  if (grant.clientId !== client.id || grant.state !== 'live') return INACTIVE
  // A spent one is no longer a token, whatever a retry within the grace gets for it. To ask is not to use: nothing is revoked.
  if (generation < grant.generation) return INACTIVE
  return {
    active: true,
    client_id: client.id,
    scope: grant.scope.join(' '),
    // As the client knows the user, OpenID Connect Core §8.
    sub: await subjects.of(grant, client.openid.sector),
    iat: seconds(grant.createdAt),
    exp: seconds(grant.expiresAt),
  }
}

const seconds = (date: Date) => Math.floor(date.getTime() / 1000)
