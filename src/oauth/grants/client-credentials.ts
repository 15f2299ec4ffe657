import { invalidClient, unauthorizedClient } from '../errors.js'
import type { Ports } from '../ports.js'
import { clientTarget } from '../resource.js'
import type { GrantRequest, TokenResponse } from './grant.js'

/** Client credentials grant, RFC 6749 §4.4. No refresh token, RFC 6749 §4.4.3. */
export async function clientCredentials(
  { tenant, client: authenticated, params }: GrantRequest,
  { view, tenants, clients, apis, mint }: Pick<Ports, 'view' | 'tenants' | 'clients' | 'apis' | 'mint'>,
): Promise<TokenResponse> {
  // RFC 6749 §4.4: confidential clients only.
  if (authenticated.public) throw unauthorizedClient('public_client')

  // The revision comes before what it vouches for: what is revoked in between is then newer than the token, and kills it.
  const judged = await view.judged(tenant.id)
  const [owner, client] = await Promise.all([tenants.find(tenant.slug), clients.find(tenant.id, authenticated.id)])
  if (!owner || owner.disabled) throw unauthorizedClient('tenant_disabled')
  if (!client || client.disabled) throw invalidClient('client_disabled')

  const ask = { resources: params.getAll('resource'), scope: params.get('scope') }
  const { api, scope } = clientTarget(client, ask, await apis.list(tenant.id, client.apis))
  const token = await mint.prepare({ tenant, api, clientId: client.id, judged })
  // RFC 9068 §2.2: without a user the subject is the client.
  return token.accessToken({ scope, subject: client.id })
}
