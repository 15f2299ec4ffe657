import { temporarilyUnavailable } from '../oauth/errors.js'
import type { Tenant } from '../oauth/records.js'
import { createPageCache } from './page-cache.js'
import type { Sink } from './ports.js'
import { createSubscriber, type Patience } from './subscriber.js'
import { type FeedPorts, type FeedSettings, openTenantFeed, type TenantFeed } from './tenant-feed.js'
import { takeTurns } from './turns.js'

export type Subscription = {
  readonly tenant: Tenant
  /** Who subscribes, by a name of the tenant's. */
  readonly reader: string
  /** The cursor to go on from; undefined: everything. */
  readonly since: string | undefined
  /** Asked after every administrative change of the tenant: may who subscribed still read? */
  readonly allowed: () => Promise<boolean>
}

export type Feed = {
  /**
   * Prepares a stream; it begins when it is given where to write. `reset`: the cursor is too old, or none of ours.
   * Throws 503 when there is no place left, and what Postgres says when it can't be asked.
   */
  open(subscription: Subscription): Promise<((sink: Sink) => void) | 'reset'>
  /** Streams that are open. */
  subscribers(): number
  /** Ends every stream, and lets nobody in any more. */
  close(): Promise<void>
}

const MEGABYTE = 1_048_576

type Settings = FeedSettings &
  Patience & { share: number; maxSubscribers: number; maxOfReader: number; lifetime: number }

const SETTINGS: Settings = {
  heartbeat: 1_000,
  idle: 30_000,
  ring: { maxEvents: 1_000, maxBytes: 2 * MEGABYTE },
  buffer: MEGABYTE,
  drain: 10_000,
  // Bytes of pages in one turn of the event loop, a millisecond or two of work: after a restart all readers come back at once.
  share: MEGABYTE / 4,
  maxSubscribers: 2_000,
  // One that leaks connections, or whose secret was stolen, leaves places for the others.
  maxOfReader: 500,
  // Milliseconds of a stream, up to a sixth less by chance: those that came together do not come back together.
  lifetime: 3_600_000,
}

const PAGES = { maxAge: 5_000, maxBytes: 64 * MEGABYTE }
// Milliseconds: a reader that takes nothing does not hold up the end of the process.
const LAST_WORDS = 1_000

/** The live feed of this process: one reader of Postgres for each tenant that somebody subscribes to. `settings` is for tests. */
export function createFeed(ports: FeedPorts, settings: Partial<Settings> = {}): Feed {
  const own = { ...SETTINGS, ...settings }
  const pages = createPageCache(PAGES)
  const inTurn = takeTurns(own.share)
  const feeds = new Map<string, Promise<TenantFeed>>()
  const counts = new Map<string, number>()
  let count = 0
  let closed = false

  function feedOf(tenant: Tenant): Promise<TenantFeed> {
    const known = feeds.get(tenant.id)
    if (known) return known
    const ended = () => {
      if (feeds.get(tenant.id) === feed) feeds.delete(tenant.id)
    }
    const feed = openTenantFeed(tenant, ports, { ...own, pages, ended })
    feeds.set(tenant.id, feed)
    feed.catch(ended)
    return feed
  }

  /** Why there is no place for a reader. */
  function refusal(reader: string): 'stopping' | 'feed_full' | 'feed_full_of_reader' | undefined {
    if (closed) return 'stopping'
    if (count >= own.maxSubscribers) return 'feed_full'
    return (counts.get(reader) ?? 0) >= own.maxOfReader ? 'feed_full_of_reader' : undefined
  }

  function step(reader: string, by: 1 | -1): void {
    const of = (counts.get(reader) ?? 0) + by
    if (of > 0) counts.set(reader, of)
    else counts.delete(reader)
    count += by
  }

  return {
    async open({ tenant, reader: name, since, allowed }) {
      const openedAt = performance.now()
      const reader = `${tenant.id} ${name}`
      const reason = refusal(reader)
      if (reason) throw temporarilyUnavailable(reason, reason === 'stopping' ? 1 : 5 + 25 * Math.random())
      const feed = await feedOf(tenant)
      const start = await feed.start(since)
      if (start === 'reset') return 'reset'
      return (sink) => {
        if (sink.signal.aborted) return
        const subscriber = createSubscriber(sink, allowed, { ...own, inTurn })
        // Many may have asked for the last place at once.
        if (refusal(reader)) {
          subscriber.end()
          return
        }
        step(reader, 1)
        const lifetime = setTimeout(subscriber.end, own.lifetime * (1 - Math.random() / 6)).unref()
        sink.signal.addEventListener('abort', () => {
          step(reader, -1)
          clearTimeout(lifetime)
          feed.remove(subscriber)
        })
        feed.add(subscriber, start, openedAt)
      }
    },
    subscribers: () => count,
    async close() {
      closed = true
      for (const feed of feeds.values()) feed.then((one) => one.close(LAST_WORDS)).catch(() => {})
    },
  }
}
