import { invalidRequest, unauthorizedClient, unsupportedGrantType } from './errors.js'
import type { GrantPorts, GrantRequest, TokenResponse } from './grants/grant.js'
import { findGrant } from './grants/index.js'

/**
 * Answers a token request whose client is authenticated, RFC 6749 §3.2. What holds for every grant is settled here, so that no
 * grant can forget it. Throws the errors of RFC 6749 §5.2 and RFC 8707 §2.
 */
export async function tokenEndpoint(request: GrantRequest, ports: GrantPorts): Promise<TokenResponse> {
  const { params, client, tenant } = request

  // 1. Which grant?
  const grantType = params.get('grant_type')
  if (grantType === undefined) throw invalidRequest('grant_type is required.')
  const grant = findGrant(grantType)
  if (!grant) throw unsupportedGrantType()

  // 2. May this client use it? RFC 6749 §5.2.
  if (!client.grantTypes.includes(grantType)) throw unauthorizedClient('grant_type_not_of_this_client')

  // 3. Does the tenant still issue tokens?
  if (tenant.disabled) throw unauthorizedClient('tenant_disabled')

  // 4. The grant's own rules.
  return grant(request, ports)
}
