import { temporarilyUnavailable } from '../oauth/errors.js'
import type { Api, Tenant } from '../oauth/records.js'
import type { ListKeys } from './list-keys.js'
import { type Place, packPlace, slotOf } from './place.js'
import type { Lease, LeaseOwner, Leases } from './ports.js'

/** What a place is for. `wide`: the wide revision in the SELECT that the request was judged on. `exp`: seconds, at the latest. */
export type PlaceRequest = {
  readonly tenant: Pick<Tenant, 'id' | 'issuer'>
  readonly api: Pick<Api, 'id' | 'identifier'>
  readonly clientId: string
  readonly kid: string
  readonly exp: number
  readonly wide: number
}

/** A token's entry in a status list, nobody else's. draft-ietf-oauth-status-list §6.2. */
export type TokenPlace = {
  readonly jti: string
  /** As in `grants.live`. */
  readonly packed: bigint
  readonly status: { readonly status_list: { readonly idx: number; readonly uri: string } }
}

export type Indices = {
  /**
   * The next index of a range this process has leased, or of a new one. Throws `temporarily_unavailable` when what the token is for was
   * revoked after the request was judged: it would be dead already, and asked again the client is told why.
   */
  take(request: PlaceRequest): Promise<TokenPlace>
}

const FIRST_SIZE = 16
const LARGEST_SIZE = 4096
// As many clients at an API each in the two hours that tokens are made for; to forget one costs a lease.
const MAX_HOLDINGS = 250_000
// A lease that was under way can be older than what a request was judged on; several in a row, where the database lost some history.
const MOST_BEHIND = 4

/** A lease and how far it is used. `since`: the oldest wide revision from which on nothing has flipped it. */
type Holding = {
  size: number
  current: { readonly lease: Lease; next: number; since: number } | undefined
  renewing: Promise<void> | undefined
}

/**
 * Hands out indices without a write per token. A range is for one client, API and signing key, so that revoking any of them flips it by
 * one row. What a process has not used when it ends is never used. Ranges double from 16 to 4,096.
 */
export function createIndices({
  leases,
  keys,
}: {
  readonly leases: Leases
  /** The tenant's list keys, made where there are none. */
  readonly keys: (tenantId: string) => Promise<ListKeys>
}): Indices {
  const holdings = new Map<string, Holding>()

  function holdingOf(tenantId: string, slot: number, owner: LeaseOwner): Holding {
    const name = (of: number) => JSON.stringify([tenantId, of, owner.clientId, owner.apiId, owner.kid])
    const found = holdings.get(name(slot))
    if (found) return found
    // A new hour goes on at the pace of the last.
    const size = Math.max(FIRST_SIZE, (holdings.get(name(slot - 1))?.size ?? 0) / 2)
    const made: Holding = { size, current: undefined, renewing: undefined }
    holdings.set(name(slot), made)
    const [oldest] = holdings.keys()
    if (holdings.size > MAX_HOLDINGS && oldest !== undefined) holdings.delete(oldest)
    return made
  }

  async function renew(holding: Holding, { tenant, exp }: PlaceRequest, owner: LeaseOwner): Promise<void> {
    const lease = await leases.take(tenant.id, slotOf(exp), { ...owner, size: holding.size })
    holding.current = { lease, next: 0, since: lease.wide }
    holding.size = Math.min(holding.size * 2, LARGEST_SIZE)
  }

  /** A position that is still free, of a lease taken after everything the request was judged on. */
  async function position(request: PlaceRequest, owner: LeaseOwner) {
    const holding = holdingOf(request.tenant.id, slotOf(request.exp), owner)
    for (let behind = 0; behind < MOST_BEHIND; ) {
      const { current } = holding
      if (current && current.next < current.lease.size && current.lease.wide >= request.wide) {
        // Nothing is awaited between the look and the step: no two requests get one position.
        return { current, position: current.lease.first + current.next++ }
      }
      holding.renewing ??= renew(holding, request, owner).finally(() => {
        holding.renewing = undefined
      })
      await holding.renewing
      if ((holding.current?.lease.wide ?? 0) < request.wide) behind++
    }
    throw temporarilyUnavailable('leases_behind_view', 1)
  }

  return {
    async take(request) {
      const { tenant, api, clientId, kid, exp, wide } = request
      const { tokenIds, permutation } = await keys(tenant.id)
      const taken = await position(request, { clientId, apiId: api.id, kid })
      const { lease, since } = taken.current
      if (wide < since) {
        // The lease is younger than what the request was judged on. Was what came between about this token?
        const values = { client: clientId, aud: api.identifier, kid, tenant: tenant.issuer }
        if (await leases.wasRevoked(tenant.id, values, { after: wide, upTo: since })) {
          throw temporarilyUnavailable('revoked_meanwhile', 1)
        }
        taken.current.since = Math.min(taken.current.since, wide)
      }
      const place: Place = { exp, list: lease.list, index: permutation(lease.listId)(taken.position) }
      return {
        jti: tokenIds.of(place),
        packed: packPlace(place),
        status: { status_list: { idx: place.index, uri: statusListUri(tenant, lease.listId) } },
      }
    },
  }
}

/** Where a list is published; it is also its `sub`. draft-ietf-oauth-status-list §5.1. */
export const statusListUri = ({ issuer }: Pick<Tenant, 'issuer'>, listId: string): string =>
  `${issuer}/status-lists/${listId}`
