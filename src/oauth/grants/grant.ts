import type { Params } from '../params.js'
import type { AccessTokenResponse, Ports } from '../ports.js'
import type { Actor, Client, Tenant } from '../records.js'

/** A token request whose client is authenticated and may use the grant type. */
export type GrantRequest = {
  readonly tenant: Tenant
  readonly client: Client
  readonly params: Params
  readonly by: Actor
}

/** RFC 6749 §5.1. */
export type TokenResponse = AccessTokenResponse & { readonly refresh_token?: string }

export type GrantPorts = Pick<
  Ports,
  'tenants' | 'clients' | 'apis' | 'grants' | 'refreshTokens' | 'mint' | 'view' | 'log'
>

export type Grant = (request: GrantRequest, ports: GrantPorts) => Promise<TokenResponse>
