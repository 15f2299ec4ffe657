import type { GrantPorts, GrantRequest, TokenResponse } from '../oauth/grants/grant.js'
import { presentedGrant } from '../oauth/grants/refresh-token.js'
import { params as paramsOf } from '../oauth/params.js'
import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { tokenEndpoint } from '../oauth/token-endpoint.js'

/** What a browser is to hold from now on, and what its page is told. `maxAge`: seconds until the grant is over. */
export type HeldTokens = {
  readonly response: Omit<TokenResponse, 'refresh_token'>
  readonly held: { readonly token: string; readonly maxAge: number } | undefined
}

/**
 * The refresh token grant for a token that a browser holds where no script reads it: the token endpoint's own, so that rotation, grace and
 * reuse detection are the same. RFC 6749 §6, RFC 10017 §6.3.2.3. Throws as `tokenEndpoint`.
 */
export async function refreshHeld(
  { params, ...request }: GrantRequest,
  token: string,
  ports: GrantPorts,
): Promise<HeldTokens> {
  const asked = new Map([
    ['grant_type', ['refresh_token']],
    ['refresh_token', [token]],
    ['resource', params.getAll('resource')],
    ['scope', params.getAll('scope')],
  ])
  return holdApart(await tokenEndpoint({ ...request, params: paramsOf(asked) }, ports), request.tenant, ports)
}

/** Takes the refresh token out of what a page is told. */
export async function holdApart(
  { refresh_token: token, ...response }: TokenResponse,
  tenant: Tenant,
  ports: Pick<Ports, 'refreshTokens' | 'grants' | 'now'>,
): Promise<HeldTokens> {
  if (token === undefined) return { response, held: undefined }
  const presented = await presentedGrant({ tenant, token }, ports)
  const end = 'grant' in presented ? presented.grant.expiresAt.getTime() / 1000 : 0
  return { response, held: { token, maxAge: end - ports.now() } }
}
