import { createListKeys, type ListKeys } from '../revocation/list-keys.js'
import type { Keyring } from './keyring.js'

/** The keys of a tenant's status lists, of its permutation key, made where it has none. */
export function createFindListKeys(keyring: Pick<Keyring, 'active'>): (tenantId: string) => Promise<ListKeys> {
  const of = createListKeys()
  const group = { purpose: 'permutation', algorithm: 'HS256' } as const
  return async (tenantId) => of(await keyring.active(tenantId, group, (keys) => keys.secret('permutation')))
}
