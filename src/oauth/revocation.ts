import { invalidGrant, invalidRequest } from './errors.js'
import { presentedGrant } from './grants/refresh-token.js'
import type { Params } from './params.js'
import type { Ports } from './ports.js'
import type { Actor, Client, Grant, Tenant } from './records.js'

export type RevocationPorts = Pick<Ports, 'unsealer' | 'refreshTokens' | 'grants' | 'revocations' | 'now'>

type RevocationRequest = {
  readonly tenant: Tenant
  readonly client: Client
  readonly params: Params
  readonly by: Actor
}

/**
 * Ends a token of the client that asks, RFC 7009 §2.1: an access token alone; with a refresh token, a spent one too, its whole grant.
 * A token that is unknown, expired or revoked already is no error. Throws `invalid_grant`, without effect, for another client's.
 */
export async function revoke(request: RevocationRequest, ports: RevocationPorts): Promise<void> {
  const token = request.params.get('token')
  if (token === undefined) throw invalidRequest('token is required.')
  // RFC 7009 §2.1: a wrong `token_type_hint` hides nothing. The two kinds never look alike, so it is not read.
  const presented = await presentedGrant({ tenant: request.tenant, token }, ports)
  await ('grant' in presented ? endGrant(presented.grant, request, ports) : endAccessToken(token, request, ports))
}

async function endGrant(
  grant: Grant,
  { tenant, client, by }: RevocationRequest,
  { revocations }: Pick<Ports, 'revocations'>,
) {
  if (grant.state === 'expired') return
  ownedBy(client, grant.clientId)
  await revocations.revokeGrant(tenant.id, grant.id, { reason: 'refresh_token_revoked', by })
}

async function endAccessToken(
  token: string,
  { tenant, client, by }: RevocationRequest,
  { unsealer, revocations, now }: Pick<Ports, 'unsealer' | 'revocations' | 'now'>,
) {
  const opened = await unsealer.open(tenant, token)
  if ('unreadable' in opened || opened.claims.exp <= now()) return
  const { claims, signingKeyId, place } = opened
  ownedBy(client, claims.client_id)
  // What is dead by any layer needs no entry: asking again and again writes nothing.
  if ((await revocations.judge(tenant.id, claims, signingKeyId)) !== 'live') return
  await revocations.revokeToken(tenant.id, { claims, place }, by)
}

// RFC 7009 §2.1: refused, and the client told so. RFC 6749 §5.2 has the word for it: "was issued to another client".
function ownedBy(client: Client, clientId: string) {
  if (clientId !== client.id) throw invalidGrant('token_of_other_client')
}
