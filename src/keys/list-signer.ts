import { signJws } from '../crypto/jws.js'
import type { ListSigner } from '../oauth/ports.js'
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
  return {
    async sign(tenant, header, payload) {
      const purpose = Object.hasOwn(PURPOSES, header.typ) ? PURPOSES[header.typ] : undefined
      if (!purpose) throw new RangeError('No key signs this type.')
      const group = { purpose, algorithm: ALGORITHM }
      const key = await keyring.active(tenant.id, group, (keys) => keys.signing(purpose, ALGORITHM))
      return signJws(header, payload, key)
    },
  }
}
