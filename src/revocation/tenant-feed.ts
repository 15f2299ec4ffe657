import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { type FeedEvent, feedEvent, type Position } from './event.js'
import type { PageCache } from './page-cache.js'
import type { Poll, Watch } from './ports.js'
import { signPage } from './revocation-list.js'
import type { Subscriber } from './subscriber.js'
import { openTail, type TailPorts } from './tail.js'

export type FeedPorts = Omit<TailPorts, 'ring' | 'send'> & {
  readonly watch: Watch
  readonly log: Pick<Ports['log'], 'warn'>
}

export type FeedSettings = Pick<TailPorts, 'ring'> & {
  /** Milliseconds between heartbeats. */
  readonly heartbeat: number
  /** Milliseconds a feed without subscribers goes on, for those who come back. */
  readonly idle: number
}

type PageName = 'snapshot' | 'revocations'

/** Where a stream begins: after a position, or with a page that was read for it. */
export type Start = { readonly at: Position } | { readonly page: FeedEvent; readonly name: PageName }

export type TenantFeed = {
  /** Where a stream after that cursor, or one of everything, begins. Throws when Postgres can't be asked. */
  start(since: string | undefined): Promise<Start | 'reset'>
  /** Tells a subscriber everything from its start on, until it is over. `openedAt`: when it asked, by `performance.now()`. */
  add(subscriber: Subscriber, start: Start, openedAt: number): void
  remove(subscriber: Subscriber): void
  /** Ends every stream; a reader has so many milliseconds for what waits. */
  close(within: number): void
}

/**
 * The revocations of one tenant, told to all its subscribers: what is new in the same bytes, what is older in pages that they share.
 * `ended` is called when nothing more comes of it: the tenant or the database has gone, or nobody came for a while.
 */
export async function openTenantFeed(
  tenant: Tenant,
  { watch, log, ...ports }: FeedPorts,
  { pages, ended, ...settings }: FeedSettings & { readonly pages: PageCache; readonly ended: () => void },
): Promise<TenantFeed> {
  const { revocations } = ports
  const subscribers = new Set<Subscriber>()
  let over = false
  let failing = false
  let configRevision: number | undefined
  let beating: NodeJS.Timeout | undefined
  let idling: NodeJS.Timeout | undefined

  const tail = await openTail(tenant, {
    ...ports,
    ring: settings.ring,
    send(event) {
      for (const subscriber of subscribers) if (subscriber.joined) subscriber.send(event)
    },
  })
  // Of this feed alone: another one of the tenant may be of another database.
  const named = `${tenant.id} ${performance.now()}`

  function failed(error: unknown): void {
    if (!failing) log.warn({ err: error, tenant: tenant.slug }, 'The revocations cannot be told')
    failing = true
  }

  async function catchUp(): Promise<void> {
    const outcome = await tail.catchUp()
    failing = false
    if (outcome === 'reset') finish((subscriber) => subscriber.reset())
  }

  function onPoll(found: Poll | 'gone'): void {
    if (found === 'gone') {
      finish((subscriber) => subscriber.end())
      return
    }
    if (found.configRevision !== configRevision) {
      configRevision = found.configRevision
      for (const subscriber of subscribers) void check(subscriber)
    }
    if (tail.hear(found) === 'behind') catchUp().catch(failed)
  }

  /** Ends the stream of who may not read any more. Who can't be judged now is judged after the next poll. */
  async function check(subscriber: Subscriber): Promise<void> {
    try {
      if (!(await subscriber.allowed())) subscriber.end()
    } catch {
      configRevision = undefined
    }
  }

  function pageAfter(name: PageName, at: Position | undefined): Promise<FeedEvent | 'reset'> {
    const key = `${named} ${name} ${at?.revision ?? 'all'}`
    return pages.get(key, async () => {
      const page = await (at ? revocations.since(tenant.id, at.cursor) : revocations.snapshot(tenant.id))
      // Asked only where something has been told since: a database that knows of nothing has lost it.
      if (page === 'reset' || page.revision === at?.revision) return 'reset'
      return feedEvent(name, page, await signPage(tenant, { ...page, since: at?.cursor }, ports))
    })
  }

  /** Pages until there is no more, then what has come since, then whatever comes: no step leaves a gap to the one before. */
  async function bring(subscriber: Subscriber, start: Start): Promise<'joined' | 'over'> {
    let name: PageName = 'page' in start ? start.name : 'revocations'
    let at: Position = 'page' in start ? start.page : start.at
    let more = 'page' in start && start.page.more
    if ('page' in start) await subscriber.deliver(start.page)
    while (!over && !subscriber.over()) {
      if (!more) name = 'revocations'
      const next = (more ? undefined : tail.next(at.revision)) ?? (await pageAfter(name, at))
      if (next === 'reset') break
      if (next === 'end') {
        // In one step with having found nothing: from here on it is sent what the ring is given.
        subscriber.joined = true
        return 'joined'
      }
      at = next
      more = next.more
      await subscriber.deliver(next)
    }
    // One that was told to end has its own time for what waits.
    if (!subscriber.over()) subscriber.reset()
    return 'over'
  }

  /** From now on it is told everything; when it asked, it must hear to know how old that is. */
  async function welcome(subscriber: Subscriber, start: Start, openedAt: number): Promise<void> {
    if ((await bring(subscriber, start)) === 'joined') subscriber.send(await tail.greeting(openedAt))
  }

  function rest(): void {
    clearTimeout(idling)
    clearInterval(beating)
    beating = undefined
    if (over) return
    if (subscribers.size === 0) idling = setTimeout(() => finish(() => {}), settings.idle).unref()
    else beating = setInterval(() => tail.beat().catch(failed), settings.heartbeat).unref()
  }

  function finish(say: (subscriber: Subscriber) => void): void {
    if (over) return
    over = true
    stopWatching()
    rest()
    ended()
    for (const subscriber of subscribers) say(subscriber)
  }

  const stopWatching = watch(tenant.id, onPoll)
  rest()

  return {
    async start(since) {
      if (subscribers.size === 0) rest()
      if (since === undefined) {
        const page = await pageAfter('snapshot', undefined)
        return page === 'reset' ? 'reset' : { page, name: 'snapshot' }
      }
      // Another process may have told it what this one has not read yet.
      const at = tail.locate(since) ?? (await catchUp().then(() => tail.locate(since)))
      if (!at) return 'reset'
      if (tail.next(at.revision)) return { at }
      const page = await pageAfter('revocations', at)
      return page === 'reset' ? 'reset' : { page, name: 'revocations' }
    },
    add(subscriber, start, openedAt) {
      if (over) {
        subscriber.reset()
        return
      }
      subscribers.add(subscriber)
      if (!beating) rest()
      // Whatever has changed since it was let in: from here on every change is looked at.
      void check(subscriber)
      welcome(subscriber, start, openedAt).catch((error: unknown) => {
        failed(error)
        subscriber.end()
      })
    },
    remove(subscriber) {
      subscribers.delete(subscriber)
      if (subscribers.size === 0) rest()
    },
    close: (within) => finish((subscriber) => subscriber.end(within)),
  }
}
