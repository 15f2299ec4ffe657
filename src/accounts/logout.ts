import { base64urlToUuid } from '../crypto/uuid.js'
import { presentedAccessToken } from '../oauth/access-token.js'
import type { Ports } from '../oauth/ports.js'
import type { Actor, Client, Tenant } from '../oauth/records.js'

type LogoutPorts = Pick<Ports, 'grants' | 'refreshTokens' | 'revocations' | 'unsealer' | 'apis' | 'now'>

/** Ends the grant of a refresh token of this client; whatever else it is given, nothing happens. */
export async function logoutByRefreshToken(
  { token, client, tenant, by }: { token: string; client: Client; tenant: Tenant; by: Actor },
  { grants, refreshTokens, revocations }: LogoutPorts,
): Promise<void> {
  const parsed = refreshTokens.parse(token)
  const grant = parsed && (await grants.find(tenant.id, parsed.grantId))
  if (!grant || grant.clientId !== client.id || !(await refreshTokens.verify(token, grant))) return
  await revocations.revokeGrant(tenant.id, grant.id, { reason: 'logout', by })
}

/**
 * Ends the grant an access token was issued on. Who holds a live token may end what it stands for; an old one found somewhere
 * may not.
 */
export async function logoutByAccessToken(
  { token, tenant, address, request }: { token: string; tenant: Tenant; address: string; request: string },
  ports: LogoutPorts,
): Promise<void> {
  const presented = await presentedAccessToken({ tenant, token }, ports)
  if (!presented) return
  const { claims, signingKeyId } = presented
  const grantId = claims.grant && base64urlToUuid(claims.grant)
  if (!grantId) return
  const { revocations } = ports
  if ((await revocations.judge(tenant.id, claims, signingKeyId)) !== 'live') return
  const by: Actor = { kind: 'client', id: claims.client_id, address, request }
  await revocations.revokeGrant(tenant.id, grantId, { reason: 'logout', by })
}
