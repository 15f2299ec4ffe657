import type { KnownRevocations, Ports, TokenClaims } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { type Follower, type FollowerPorts, follow } from './follower.js'

export type KnownRevocationsPorts = Pick<FollowerPorts, 'watch' | 'log'> & {
  readonly revocations: Pick<Ports['revocations'], 'judge' | 'snapshot' | 'since'>
  readonly clients: Pick<Ports['clients'], 'find'>
  readonly apis: Pick<Ports['apis'], 'findByIdentifier'>
}

export type KnowledgeSettings = {
  /** Seconds by which what is known may lag behind; 0: nothing is known, and Postgres is asked. */
  readonly within: number
  /** Of all tenants together: some 100 MB. */
  readonly maxEntries?: number
  readonly maxTenants?: number
  /** Milliseconds for which a tenant is followed that nobody asks about. */
  readonly idle?: number
}

export type Knowledge = KnownRevocations & {
  /** Resolves when this process judges by all that was committed before the call. Never rejects. */
  caughtUp(tenantId: string): Promise<void>
  stats(): { readonly tenants: number; readonly entries: number }
  close(): void
}

/** A tenant that was asked about. Without a follower until a moment when there was no room for all its revocations. */
type Asked = { follower: Follower | undefined; at: number; readonly notBefore: number }

// Milliseconds. How long a tenant with too many revocations is left to Postgres, and how long one that was just asked about stays:
// where more are in use than can be followed, they do not push each other out.
const FULL = 60_000
const STAY = 10_000

const MINUTE = 60_000

/**
 * Judges tokens by what this process knows of the tenants in use, as Postgres would have `within` so many seconds ago at the most, and
 * asks it wherever less is known. Only for tokens that were proved to be ours: what is not in the list of revocations, but in a row, is
 * that a grant was never there.
 */
export function createKnownRevocations(
  { revocations, clients, apis, watch, log }: KnownRevocationsPorts,
  { within, maxEntries = 500_000, maxTenants = 200, idle = 5 * MINUTE }: KnowledgeSettings,
): Knowledge {
  const asked = new Map<string, Asked>()
  let entries = 0
  let closed = false

  function hold(more: number): boolean {
    entries += more
    return entries <= maxEntries
  }

  /** Follows the tenant no more that was asked about longest ago. False: all are in use. */
  function makeRoom(): boolean {
    let oldest: string | undefined
    let before = performance.now() - STAY
    for (const [tenantId, { at }] of asked) if (at < before) [oldest, before] = [tenantId, at]
    if (oldest === undefined) return false
    asked.get(oldest)?.follower?.stop()
    asked.delete(oldest)
    return true
  }

  function begin(tenantId: string): void {
    const now = performance.now()
    asked.delete(tenantId)
    if (closed || (asked.size >= maxTenants && !makeRoom())) return
    const one: Asked = { follower: undefined, at: now, notBefore: now + FULL }
    asked.set(tenantId, one)
    one.follower = follow(tenantId, {
      revocations,
      watch,
      log,
      hold,
      wanted: () => performance.now() - one.at < idle,
      ended(why) {
        one.follower = undefined
        if (why !== 'full' && asked.get(tenantId) === one) asked.delete(tenantId)
      },
    })
  }

  function followerOf(tenantId: string): Follower | undefined {
    const now = performance.now()
    const one = asked.get(tenantId)
    if (!one || (!one.follower && now >= one.notBefore)) {
      begin(tenantId)
      return undefined
    }
    one.at = now
    return one.follower
  }

  /** Why a token is dead by what is registered, remembered by the view: it has heard of the same polls. */
  async function unregistered(tenant: Tenant, { iat, exp, aud, iss, client_id }: TokenClaims) {
    if (tenant.disabled) return 'tenant_disabled'
    if (exp - iat > tenant.maxTokenLifetime) return 'lifetime_above_cap'
    const client = await clients.find(tenant.id, client_id)
    if (!client) return 'client_deleted'
    if (client.disabled) return 'client_disabled'
    // A token for the issuer itself is for none of its APIs.
    if (aud === iss) return undefined
    const api = await apis.findByIdentifier(tenant.id, aud)
    if (!api) return 'api_deleted'
    return api.disabled ? 'api_disabled' : undefined
  }

  return {
    async judge(tenant, claims, signingKeyId) {
      const follower = within > 0 ? followerOf(tenant.id) : undefined
      if (!follower?.known(within * 1000)) return revocations.judge(tenant.id, claims, signingKeyId)
      const dead = await unregistered(tenant, claims)
      if (dead) return { dead }
      // After all that is waited for: who hangs on Postgres must not answer by what was known before.
      const known = follower.known(within * 1000)
      if (!known) return revocations.judge(tenant.id, claims, signingKeyId)
      const kind = known.find(claims, signingKeyId)
      return kind ? { dead: `${kind}_revoked` } : 'live'
    },
    caughtUp: async (tenantId) => asked.get(tenantId)?.follower?.caughtUp(),
    stats: () => ({ tenants: asked.size, entries }),
    close() {
      closed = true
      for (const { follower } of asked.values()) follower?.stop()
    },
  }
}
