import type { Params } from '../params.js'
import type { AccessTokenResponse, Actor, Client, Ports, Tenant } from '../ports.js'
import { clientCredentials } from './client-credentials.js'
import { refreshToken } from './refresh-token.js'

/** A token request whose client is authenticated and may use the grant type. */
export type GrantRequest = {
  readonly tenant: Tenant
  readonly client: Client
  readonly params: Params
  readonly by: Actor
}

/** RFC 6749 §5.1. */
export type TokenResponse = AccessTokenResponse & { readonly refresh_token?: string }

export type GrantPorts = Pick<Ports, 'tenants' | 'clients' | 'apis' | 'grants' | 'refreshTokens' | 'mint' | 'view'>

export type Grant = (request: GrantRequest, ports: GrantPorts) => Promise<TokenResponse>

const table: Readonly<Record<string, Grant>> = {
  refresh_token: refreshToken,
  client_credentials: clientCredentials,
}

/** The grant types there are, RFC 8414 §2. */
export const grantTypes: readonly string[] = Object.keys(table)

/** What answers a grant type; undefined for one that is not ours. RFC 6749 §4.5. */
export function findGrant(grantType: string): Grant | undefined {
  // `constructor` is a member of every object, and no grant.
  return Object.hasOwn(table, grantType) ? table[grantType] : undefined
}
