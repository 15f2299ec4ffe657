import { signJws } from '../crypto/jws.js'
import type { JwtSigner } from '../oauth/ports.js'
import type { SigningAlgorithm, Tenant } from '../oauth/records.js'
import { REVOCATION_LIST_TYPE } from '../wire/revocation-list.js'
import { STATUS_LIST_TYPE } from '../wire/status-list.js'
import type { Keyring } from './keyring.js'
import type { SigningPurpose } from './purpose.js'

const ALGORITHM = 'ES256'

/** Which key signs, by the type of what is signed: each purpose's is replaced, and revoked, without the others'. */
const PURPOSES: Readonly<Record<string, SigningPurpose>> = {
  [REVOCATION_LIST_TYPE]: 'revocations',
  [STATUS_LIST_TYPE]: 'status_list',
  'token-introspection+jwt': 'introspection',
  JWT: 'id_token',
  'userinfo+jwt': 'id_token',
  'logout+jwt': 'id_token',
}

/** Signs lists, introspection responses and what clients are told of users. Throws RangeError for a type it has no key for. RFC 7515 §5.1. */
export function createJwtSigner({ keyring }: { readonly keyring: Pick<Keyring, 'active'> }): JwtSigner {
  async function keyOf(tenant: Tenant, typ: string, algorithm: SigningAlgorithm) {
    const purpose = Object.hasOwn(PURPOSES, typ) ? PURPOSES[typ] : undefined
    if (!purpose) throw new RangeError('No key signs this type.')
    const group = { purpose, algorithm }
    return keyring.active(tenant.id, group, (keys) => keys.signing(purpose, algorithm))
  }

  return {
    sign: async (tenant, { typ, alg = ALGORITHM }, payload) => signJws({ typ }, payload, await keyOf(tenant, typ, alg)),
    keyId: async (tenant, { typ, alg = ALGORITHM }) => (await keyOf(tenant, typ, alg)).kid,
  }
}
