import { authorizationCode } from './authorization-code.js'
import { clientCredentials } from './client-credentials.js'
import type { Grant } from './grant.js'
import { refreshToken } from './refresh-token.js'

const table: Readonly<Record<string, Grant>> = {
  authorization_code: authorizationCode,
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
