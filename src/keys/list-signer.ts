import { signJws } from '../crypto/jws.js'
import type { ListSigner, Tenant } from '../oauth/ports.js'
import type { Keyring } from './keyring.js'
import type { SigningPurpose } from './purpose.js'

const ALGORITHM = 'ES256'

/** Which key signs a list, by the type of the list. A thief of one purpose's key can make nothing of another's. */
const PURPOSES: Readonly<Record<string, SigningPurpose>> = {
  'revocations+jwt': 'revocations',
  'statuslist+jwt': 'status_list',
}

/** Signs revocation lists and status lists. Throws RangeError for a type it has no key for. RFC 7515 §5.1. */
export function createListSigner({ keyring }: { readonly keyring: Pick<Keyring, 'active'> }): ListSigner {
  async function keyOf(tenant: Tenant, typ: string) {
    const purpose = Object.hasOwn(PURPOSES, typ) ? PURPOSES[typ] : undefined
    if (!purpose) throw new RangeError('No key signs this type.')
    const group = { purpose, algorithm: ALGORITHM }
    return keyring.active(tenant.id, group, (keys) => keys.signing(purpose, ALGORITHM))
  }

  return {
    sign: async (tenant, header, payload) => signJws(header, payload, await keyOf(tenant, header.typ)),
    keyId: async (tenant, { typ }) => (await keyOf(tenant, typ)).kid,
  }
}
