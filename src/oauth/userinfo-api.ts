import type { Api, Tenant } from './records.js'
import { OPENID_SCOPES } from './registration/scopes.js'

/**
 * The issuer itself as the protected resource that says who a user is, OpenID Connect Core §5.3: a token for it is sealed to the server
 * and read by it alone. It has no row, so its id is one that no API is given.
 */
export const userinfoApi = ({ id, issuer }: Pick<Tenant, 'id' | 'issuer'>): Api => ({
  tenantId: id,
  id: 'userinfo',
  identifier: issuer,
  name: 'userinfo',
  scopes: OPENID_SCOPES,
  descriptions: new Map(),
  format: 'opaque',
  signingAlgorithm: 'ES256',
  encryptionAlgorithm: undefined,
  encryptionMethod: undefined,
  introspectionAlgorithm: 'RS256',
  introspectionEncryption: false,
  jwks: undefined,
  jwksUri: undefined,
  jwksFetchedAt: undefined,
  tokenLifetime: undefined,
  secretHashes: [],
  disabled: false,
})
