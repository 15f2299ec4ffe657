import type { Client, Pool, QueryConfig } from 'pg'
import type { View } from '../oauth/ports.js'
import type { Poll, Watch } from '../revocation/ports.js'
import { createListener } from './listener.js'
import type { Log } from './log.js'
import { createPolling } from './polling.js'
import { createRecentlyUsed } from './recently-used.js'

const MAX_TENANTS = 2_000
// A hundred thousand clients that all ask: some 2 KB each.
const MAX_ENTRIES = 250_000

export type ViewStats = {
  /** Seconds since the start of the last successful poll; Infinity before the first. */
  readonly age: number
  /** Younger than the bound. */
  readonly fresh: boolean
  readonly tenants: number
  readonly entries: number
  /** Hears of changes at once, not by polling alone. */
  readonly listening: boolean
}

/** Names one remembered thing. `key` is unique within tenant and kind. */
export type Remembered = { readonly tenantId: string; readonly kind: string; readonly key: string }

export type RememberingView = View & {
  /**
   * What `load` found, remembered until something of the tenant changes; called every time while the view is not fresh. Only for
   * what is changed by a revocation of a client, API, key or tenant, or announced by `config_changed`: the state of a user, session
   * or grant is never remembered, and nor is undefined.
   */
  remember<T>(what: Remembered, load: () => Promise<T | undefined>): Promise<T | undefined>
  /** Resolves once what was committed before the call is known here. */
  catchUp(): Promise<void>
  /** Called after a tenant's revision or configuration has moved. Returns how to stop. */
  onChange(listener: (tenantId: string) => void): () => void
  /** The first call for a tenant is followed by a poll, and so is every change of it that is announced. */
  watch: Watch
  stats(): ViewStats
  close(): Promise<void>
}

type Row = { tenant_id: string; revision: string; wide_revision: string; config_revision: string }
/** What is known of a tenant. Another object whenever what is remembered no longer holds: each entry belongs to one. */
type Epoch = { known: Row | undefined; checkedAt: number }
type Entry = { readonly epoch: Epoch; readonly value: Promise<unknown> }
/** Who watches a tenant, and what was found last. Apart from the tenants in use: others never push them out. */
type Watched = { known: Row | undefined; readonly listeners: Set<(found: Poll | 'gone') => void> }

const REVISIONS: QueryConfig & { query_timeout: number } = {
  name: 'view_revisions',
  text: 'SELECT tenant_id, revision, wide_revision, config_revision FROM revisions WHERE tenant_id = ANY ($1::uuid[])',
  query_timeout: 2_000,
}

/**
 * What this process remembers of the tenants in use, and the revision up to which it is true. Postgres is asked every half second
 * and whenever a change is announced, and a tenant's state is forgotten before the revision that changed it is shown. Nothing is
 * used or remembered unless the last successful poll began less than `maxStaleness` seconds ago. `direct` makes connections on
 * which LISTEN works; without it changes are polled for alone, every `interval` milliseconds.
 */
export function createView({
  pool,
  maxStaleness,
  log,
  direct,
  interval = 500,
}: {
  pool: Pool
  maxStaleness: number
  log: Pick<Log, 'info' | 'warn'>
  direct?: () => Promise<Client>
  interval?: number
}): RememberingView {
  const tenants = createRecentlyUsed<Epoch>(MAX_TENANTS)
  const entries = createRecentlyUsed<Entry>(MAX_ENTRIES)
  const listeners = new Set<(tenantId: string) => void>()
  const watched = new Map<string, Watched>()
  let polledAt = Number.NEGATIVE_INFINITY
  let failing = false

  const isYoung = (at: number) => performance.now() - at < maxStaleness * 1000

  function freshEpoch(tenantId: string): Epoch | undefined {
    const epoch = tenants.get(tenantId)
    if (!epoch) tenants.set(tenantId, { known: undefined, checkedAt: Number.NEGATIVE_INFINITY })
    if (!epoch?.known) polling.soon()
    return epoch && isYoung(epoch.checkedAt) ? epoch : undefined
  }

  function apply(tenantId: string, row: Row | undefined, at: number): void {
    const epoch = tenants.peek(tenantId)
    if (!epoch) return
    const { known } = epoch
    if (!row) {
      tenants.delete(tenantId)
    } else if (known?.wide_revision === row.wide_revision && known.config_revision === row.config_revision) {
      // A revocation of a token, grant, session or user touches nothing that is remembered.
      epoch.known = row
      epoch.checkedAt = at
    } else {
      // What was loaded under the old epoch, and what is still being loaded, belongs to nothing from here on.
      tenants.set(tenantId, { known: row, checkedAt: at })
    }
    if (known && (known.revision !== row?.revision || known.config_revision !== row.config_revision)) {
      for (const listener of listeners) listener(tenantId)
    }
  }

  function tell(tenantId: string, row: Row | undefined, startedAt: number): void {
    const watch = watched.get(tenantId)
    if (!watch) return
    watch.known = row
    const found = row && {
      startedAt,
      revision: Number(row.revision),
      configRevision: Number(row.config_revision),
    }
    for (const listener of watch.listeners) listener(found ?? 'gone')
  }

  async function ask(startedAt: number): Promise<void> {
    const asked = [...new Set([...tenants.keys(), ...watched.keys()])]
    try {
      const { rows } = await pool.query<Row>({ ...REVISIONS, values: [asked] })
      const found = new Map(rows.map((row) => [row.tenant_id, row]))
      for (const tenantId of asked) apply(tenantId, found.get(tenantId), startedAt)
      polledAt = startedAt
      // Once all is forgotten that no longer holds: who is told looks again.
      for (const tenantId of asked) tell(tenantId, found.get(tenantId), startedAt)
      if (failing) log.info({}, 'The revisions can be polled again')
      failing = false
    } catch (error) {
      if (!failing) log.warn({ err: error }, 'The revisions cannot be polled: soon every read will go to the database')
      failing = true
      throw error
    }
  }

  /** `tenant:revision`; only news of a tenant in use is worth a poll. */
  function heard(payload: string): void {
    const [tenantId = '', revision] = payload.split(':')
    const known = watched.get(tenantId)?.known ?? tenants.peek(tenantId)?.known
    if (known && known.revision !== revision && known.config_revision !== revision) polling.soon()
  }

  function load<T>(key: string, epoch: Epoch, read: () => Promise<T | undefined>): Promise<T | undefined> {
    const value = read()
    const entry: Entry = { epoch, value }
    entries.set(key, entry)
    const forget = () => {
      if (entries.peek(key) === entry) entries.delete(key)
    }
    value.then((found) => found === undefined && forget(), forget)
    return value
  }

  const polling = createPolling(ask, { interval, gap: 10 })
  const listener =
    direct &&
    createListener({ connect: direct, channel: 'bulla', log }, { onMessage: heard, onConnected: polling.soon })

  return {
    async judged(tenantId, within = maxStaleness) {
      const epoch = freshEpoch(tenantId)
      if (!epoch || performance.now() - epoch.checkedAt > within * 1000) await polling.poll()
      const known = tenants.get(tenantId)?.known
      return { rev: Number(known?.revision ?? 0), wide: Number(known?.wide_revision ?? 0) }
    },
    async remember<T>({ tenantId, kind, key }: Remembered, read: () => Promise<T | undefined>) {
      const epoch = freshEpoch(tenantId)
      if (!epoch) return read()
      const name = `${tenantId} ${kind} ${key}`
      const entry = entries.get(name)
      if (entry?.epoch !== epoch) return load(name, epoch, read)
      return entry.value as Promise<T | undefined>
    },
    catchUp: polling.poll,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    watch(tenantId, listener) {
      const watch = watched.get(tenantId) ?? { known: undefined, listeners: new Set() }
      watched.set(tenantId, watch)
      watch.listeners.add(listener)
      polling.soon()
      return () => {
        watch.listeners.delete(listener)
        if (watch.listeners.size === 0 && watched.get(tenantId) === watch) watched.delete(tenantId)
      }
    },
    stats: () => ({
      age: (performance.now() - polledAt) / 1000,
      fresh: isYoung(polledAt),
      tenants: tenants.size,
      entries: entries.size,
      listening: listener?.connected() ?? false,
    }),
    async close() {
      await Promise.all([listener?.close(), polling.close()])
    },
  }
}
