import type { BrowserPorts } from '../browser-ports.js'
import type { Params } from '../params.js'
import type { AccessTokenResponse, Ports } from '../ports.js'
import type { Actor, Api, Client, Grant as MadeGrant, Tenant } from '../records.js'

/** A token request whose client is authenticated and may use the grant type. */
export type GrantRequest = {
  readonly tenant: Tenant
  readonly client: Client
  readonly params: Params
  readonly by: Actor
}

/** RFC 6749 §5.1, OpenID Connect Core §3.1.3.3. */
export type TokenResponse = AccessTokenResponse & { readonly refresh_token?: string; readonly id_token?: string }

export type GrantPorts = Pick<
  Ports,
  | 'tenants'
  | 'clients'
  | 'apis'
  | 'grants'
  | 'refreshTokens'
  | 'revocations'
  | 'mint'
  | 'view'
  | 'policy'
  | 'log'
  | 'now'
> &
  Pick<BrowserPorts, 'codes' | 'idTokens'>

export type Grant = (request: GrantRequest, ports: GrantPorts) => Promise<TokenResponse>

/** The ID token that goes with an access token, where it was asked who the user is. OpenID Connect Core §3.1.3.3, §12.2. */
export async function idTokenBeside(
  { api, ...about }: Omit<Parameters<BrowserPorts['idTokens']['issue']>[0], 'withProfile'> & { readonly api: Api },
  { idTokens }: Pick<BrowserPorts, 'idTokens'>,
): Promise<{ readonly id_token?: string }> {
  if (!isAboutUser(about.grant)) return {}
  return { id_token: await idTokens.issue({ ...about, withProfile: api.identifier !== about.tenant.issuer }) }
}

/** Whether a grant says who the user is, and not only what a client may do. OpenID Connect Core §3.1.2.1. */
export const isAboutUser = ({ scope }: Pick<MadeGrant, 'scope'>): boolean => scope.includes('openid')
