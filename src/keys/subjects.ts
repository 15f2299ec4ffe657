import { createHmac } from 'node:crypto'
import type { Subjects } from '../oauth/browser-ports.js'
import type { Keyring } from './keyring.js'

const GROUP = { purpose: 'pairwise', algorithm: 'HS256' } as const

/**
 * Names users as clients know them. Without the tenant's key nobody can tell that the subjects of two sectors are one person's, nor whose.
 * 43 characters are neither a user's id nor a client's, so none is taken for another. OpenID Connect Core §8.1.
 */
export function createSubjects({ keyring }: { readonly keyring: Pick<Keyring, 'active'> }): Subjects {
  return {
    async of({ tenantId, userId }, sector) {
      if (sector === undefined) return userId
      // No host has a NUL, so no two pairs are hashed as one.
      const key = await keyring.active(tenantId, GROUP, (keys) => keys.secret('pairwise'))
      return createHmac('sha256', key).update(`${sector}\0${userId}`).digest('base64url')
    },
  }
}
