import type { KeyGroup, KeyState, KeyStore, StoredKey } from '../../src/keys/ports.js'

const DEFAULT_CAP = 3600

/** A KeyStore in memory, with a clock of its own. Every tenant exists and asks for no algorithm but the first. */
export function memoryKeyStore(clock: { time: number }): KeyStore & { readonly byTenant: Map<string, StoredKey[]> } {
  const byTenant = new Map<string, StoredKey[]>()
  const rows = (tenantId: string) => byTenant.get(tenantId) ?? []
  const set = (tenantId: string, keys: StoredKey[]) => byTenant.set(tenantId, keys)
  const at = (seconds = 0) => new Date((clock.time + seconds) * 1000)
  const same = (a: KeyGroup, b: KeyGroup) => a.purpose === b.purpose && a.algorithm === b.algorithm
  const change = (tenantId: string, id: string, to: Partial<KeyState>) =>
    set(
      tenantId,
      rows(tenantId).map((key) => (key.id === id ? { ...key, ...to } : key)),
    )
  const schedule = async (tenantId: string) => ({
    tenantId,
    now: at(),
    maxTokenLifetime: DEFAULT_CAP,
    deletedAt: undefined,
    signingAlgorithms: [],
    introspectionAlgorithms: [],
    idTokenAlgorithms: [],
    keys: rows(tenantId),
  })

  const store: KeyStore = {
    load: async (tenantId) => rows(tenantId),
    schedule,
    schedules: async (after) => (after ? [] : Promise.all([...byTenant.keys()].sort().map(schedule))),
    async create(tenantId, key) {
      if (rows(tenantId).some((present) => same(present, key) && present.status === key.status)) return 'superseded'
      const lead = key.status === 'next' ? key.lead : 0
      const life = { retiredAt: undefined, revokedAt: undefined, expiresAt: undefined }
      const activatedAt = key.status === 'active' ? at() : undefined
      set(tenantId, [...rows(tenantId), { ...key, ...life, createdAt: at(), activatesAt: at(lead), activatedAt }])
      return 'created'
    },
    async activate(tenantId, { id, atOnce, keep }) {
      const next = rows(tenantId).find((key) => key.id === id && key.status === 'next')
      if (!next) return 'not_due'
      const active = rows(tenantId).find((key) => same(key, next) && key.status === 'active')
      if (active && !atOnce && next.activatesAt > at()) return 'not_due'
      if (active) change(tenantId, active.id, { status: 'retired', retiredAt: at(), expiresAt: at(keep) })
      change(tenantId, id, { status: 'active', activatedAt: at() })
      return 'activated'
    },
    async hasten(tenantId, { id, lead }) {
      const next = rows(tenantId).find((key) => key.id === id && key.status === 'next')
      if (!next) return undefined
      const due = new Date(Math.max(next.createdAt.getTime() + lead * 1000, at().getTime()))
      if (next.activatesAt <= due) return undefined
      change(tenantId, id, { activatesAt: due })
      return due
    },
    async replace(tenantId, { key }, by) {
      const revoked = rows(tenantId).filter((present) => same(present, key) && !present.revokedAt)
      for (const { id } of revoked) change(tenantId, id, { status: 'retired', revokedAt: at(), retiredAt: at() })
      await store.create(tenantId, { ...key, status: 'active' }, by)
      return revoked.map(({ id }) => id)
    },
    async destroy(tenantId, { id, keep }) {
      const ends = (key: StoredKey) => key.expiresAt?.getTime() ?? (key.retiredAt?.getTime() ?? Infinity) + keep * 1000
      const left = rows(tenantId).filter((key) => key.id !== id || ends(key) > at().getTime())
      const gone = left.length < rows(tenantId).length
      set(tenantId, left)
      return gone ? 'destroyed' : 'needed'
    },
    samples: async () =>
      [...byTenant].flatMap(([tenantId, keys]) => keys.slice(0, 1).map((key) => ({ ...key, tenantId }))),
  }
  return { ...store, byTenant }
}
