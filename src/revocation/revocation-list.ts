import type { Ports, Tenant } from '../oauth/ports.js'

/** `typ` of the list, and with `application/` before it its media type. RFC 7515 §4.1.9. */
export const REVOCATION_LIST_TYPE = 'revocations+jwt'

export type RevocationListPorts = Pick<Ports, 'revocations' | 'listSigner' | 'policy' | 'now'>

/**
 * The tenant's revocations as a compact JWS, RFC 7515 §3.1: all live ones, or with a cursor those that came after it. Claims: `iss`,
 * `iat`, `cursor` to ask with next, `revision` (µs), `max_staleness` (s), `entries`, and `since` where only a part is told, so that
 * a part never passes for the whole. One list serves every API of the tenant: `typ` and `iss` bind it, it has no `aud`.
 * `reset`: the cursor is too old, of another database, or none of ours.
 */
export async function revocationList(
  tenant: Tenant,
  since: string | undefined,
  { revocations, listSigner, policy, now }: RevocationListPorts,
): Promise<string | 'reset'> {
  const page = await (since === undefined ? revocations.snapshot(tenant.id) : revocations.since(tenant.id, since))
  if (page === 'reset') return 'reset'
  return listSigner.sign(
    tenant,
    { typ: REVOCATION_LIST_TYPE },
    {
      iss: tenant.issuer,
      iat: Math.floor(now()),
      ...(since !== undefined && { since }),
      cursor: page.cursor,
      revision: page.revision,
      max_staleness: policy.maxStaleness,
      entries: page.entries,
    },
  )
}
