import type { RefreshTokens } from '../oauth/ports.js'
import { formatRefreshToken, parseRefreshToken, verifyRefreshToken } from '../oauth/refresh-token.js'
import type { Keyring } from './keyring.js'

/** Writes and checks refresh tokens with the tenant's MAC keys. RFC 6749 §10.4. */
export function createRefreshTokens({ keyring }: { readonly keyring: Keyring }): RefreshTokens {
  return {
    async issue({ tenantId, id: grantId, secret: grantSecret }, generation) {
      const group = { purpose: 'mac', algorithm: 'HS256' } as const
      const key = await keyring.active(tenantId, group, (keys) => keys.mac())
      return formatRefreshToken({ tenantId, grantId, generation, grantSecret }, key)
    },

    parse: parseRefreshToken,

    async verify(token, { tenantId, id, secret: grantSecret }) {
      const parsed = parseRefreshToken(token)
      // The id is no secret; the MAC that covers it is compared in constant time.
      if (!parsed || parsed.grantId !== id) return false
      const key = await keyring.find(tenantId, (keys) => keys.mac(parsed.macKeyId))
      return key !== undefined && verifyRefreshToken(parsed, { tenantId, grantSecret }, key)
    },
  }
}
