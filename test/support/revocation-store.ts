import type { RevocationPage, Revocations } from '../../src/oauth/ports.js'
import type { Poll, Watch } from '../../src/revocation/ports.js'

type Line = { readonly revision: number; readonly text: string }
type Paged = Pick<Revocations, 'snapshot' | 'since' | 'head' | 'locate'>

export type RevocationStore = Paged & {
  readonly watch: Watch
  /** Commits an entry and answers its revision. */
  append(tenantId: string, value?: string): number
  /** What a poll finds that begins now, told to those who watch the tenant. */
  poll(tenantId: string): void
  /** A poll of an earlier moment, told late. */
  tell(tenantId: string, found: Poll): void
  /** As if an operator had changed something; told with the next poll. */
  configure(tenantId: string): void
  /** Another database or timeline from here on: no cursor given out is of any use. */
  failOver(): void
  /** Takes back what came after a revision, as a database does that was restored; told with the next poll. */
  lose(tenantId: string, after: number): void
  /** No such tenant any more; told with the next poll. */
  remove(tenantId: string): void
  /** While set, whatever is asked fails. */
  broken: boolean
  /** While set, asking for a page takes until it resolves. */
  held: Promise<unknown> | undefined
  /** How often a page or an end was asked for. */
  readonly asked: () => number
  readonly watchers: (tenantId: string) => number
}

/** The list of revocations in memory, in pages of so many entries, and the polls of a view when a test says so. */
export function createRevocationStore(pageSize = 5_000): RevocationStore {
  const lines = new Map<string, Line[]>()
  const heads = new Map<string, number>()
  const configs = new Map<string, number>()
  const removed = new Set<string>()
  const listeners = new Map<string, Set<(found: Poll | 'gone') => void>>()
  const state = { timeline: 1, asked: 0 }
  const headOf = (tenantId: string) => heads.get(tenantId) ?? 1_000
  const cursorOf = (tenantId: string, revision: number) => `${state.timeline}.${tenantId}.${revision}`
  const parse = (cursor: string) => /^(.+)\.(\d+)$/.exec(cursor)?.slice(1) ?? []

  async function read(tenantId: string, after: number | undefined): Promise<RevocationPage> {
    state.asked += 1
    await store.held
    if (store.broken) throw Object.assign(new Error('The database is away.'), { code: 'ECONNREFUSED' })
    const all = (lines.get(tenantId) ?? []).filter(({ revision }) => revision > (after ?? -1))
    const found = all.slice(0, pageSize)
    const more = all.length > pageSize
    const revision = (more ? found.at(-1)?.revision : undefined) ?? headOf(tenantId)
    const entries = `[${found.map(({ text }) => text)}]`
    const at = 1_999_999_000
    return { revision, cursor: cursorOf(tenantId, revision), after, at, more, first: found[0]?.revision, entries }
  }

  const store: RevocationStore = {
    broken: false,
    held: undefined,
    asked: () => state.asked,
    watchers: (tenantId) => listeners.get(tenantId)?.size ?? 0,
    append(tenantId, value = 'something') {
      const revision = headOf(tenantId) + 1
      heads.set(tenantId, revision)
      const line = { revision, text: JSON.stringify({ k: 'jti', d: value, exp: 2_000_000_000 }) }
      lines.set(tenantId, [...(lines.get(tenantId) ?? []), line])
      return revision
    },
    configure: (tenantId) => void configs.set(tenantId, (configs.get(tenantId) ?? 0) + 1),
    remove: (tenantId) => void removed.add(tenantId),
    failOver: () => {
      state.timeline += 1
    },
    lose(tenantId, after) {
      heads.set(tenantId, after)
      lines.set(
        tenantId,
        (lines.get(tenantId) ?? []).filter(({ revision }) => revision <= after),
      )
    },
    poll(tenantId) {
      const found = {
        startedAt: performance.now(),
        revision: headOf(tenantId),
        configRevision: configs.get(tenantId) ?? 0,
      }
      for (const listener of listeners.get(tenantId) ?? []) listener(removed.has(tenantId) ? 'gone' : found)
    },
    tell(tenantId, found) {
      for (const listener of listeners.get(tenantId) ?? []) listener(found)
    },
    watch(tenantId, listener) {
      const all = listeners.get(tenantId) ?? new Set()
      listeners.set(tenantId, all.add(listener))
      return () => all.delete(listener)
    },
    snapshot: (tenantId) => read(tenantId, undefined),
    head: (tenantId) => read(tenantId, Number.MAX_SAFE_INTEGER),
    async since(tenantId, cursor) {
      const [history, revision] = parse(cursor)
      if (history !== `${state.timeline}.${tenantId}` || Number(revision) > headOf(tenantId)) return 'reset'
      return read(tenantId, Number(revision))
    },
    locate(cursor, known) {
      const [history, revision] = parse(cursor)
      return history !== undefined && history === parse(known)[0] ? Number(revision) : undefined
    },
  }
  return store
}
