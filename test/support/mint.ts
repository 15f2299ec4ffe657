import { randomInt } from 'node:crypto'
import type { AccessTokenResponse, Mint, PlannedToken, TokenSubject } from '../../src/oauth/ports.js'
import { packPlace } from '../../src/revocation/place.js'
import type { Leases } from '../../src/revocation/ports.js'
import { LIST_LENGTH } from '../../src/wire/status-list.js'

/** A token asked for in one go. */
export type TokenRequest = Omit<PlannedToken, 'judged' | 'expiresAt'> &
  Omit<TokenSubject, 'grant'> & {
    readonly rev: number
    readonly grant?: NonNullable<TokenSubject['grant']> & { readonly expiresAt: Date }
  }

/** Prepares and makes it, as the grants do. */
export async function mintToken(mint: Mint, request: TokenRequest): Promise<AccessTokenResponse> {
  const { tenant, api, clientId, rev, grant } = request
  const planned = { tenant, api, clientId, judged: { rev, wide: 0 } }
  const prepared = await mint.prepare({ ...planned, ...(grant && { expiresAt: grant.expiresAt }) })
  return prepared.accessToken(request)
}

/** Leases of one list each, that nothing ever flips. */
export function memoryLeases(): Leases {
  let first = 0
  return {
    async take(_tenantId, _slot, { size }) {
      const lease = { listId: 'AAAAAAAAAAAAAAAAAAAAAA', list: 0, first, size, wide: 0 }
      first += size
      return lease
    },
    wasRevoked: async () => false,
  }
}

/** A place in a status list that no other token of a test has, but by a rare chance. `exp`: seconds. */
export const newPlace = (exp = Math.floor(Date.now() / 1000) + 300): bigint =>
  packPlace({ exp, list: 0, index: randomInt(LIST_LENGTH) })
