import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { type FeedEvent, feedEvent, type Position } from './event.js'
import type { Poll } from './ports.js'
import { signPage } from './revocation-list.js'
import { createRing } from './ring.js'

export type TailPorts = Pick<Ports, 'revocations' | 'jwtSigner' | 'policy' | 'now'> & {
  readonly ring: Parameters<typeof createRing>[1]
  /** Called with each event in its order. */
  readonly send: (event: FeedEvent) => void
  /** Told of every delta: seconds from the first of its revocations until it was sent. */
  readonly observeLag?: ((seconds: number) => void) | undefined
}

export type Tail = {
  /** Hears what a poll has found. `behind`: there is something to be read. */
  hear(poll: Poll): 'behind' | 'even'
  /** Reads, signs and sends what has come; once for all who ask before it begins. `reset`: Postgres does not know this tail any more. */
  catchUp(): Promise<'even' | 'reset'>
  /** Signs and sends that there is nothing new, if Postgres has said so since the last time. */
  beat(): Promise<void>
  /**
   * A heartbeat for one stream, which has been told everything, with the moment by `performance.now()` at which that was asked for.
   * It says what is true now, in whichever moment it comes to be sent.
   */
  greeting(openedAt: number): Promise<FeedEvent>
  /** Where a cursor stands; undefined when it is no place of this list, or one that has not been read yet. */
  locate(cursor: string): Position | undefined
  /** The first event past a revision, `end` when there is none, undefined when it is no longer remembered. */
  next(revision: number): FeedEvent | 'end' | undefined
}

// Milliseconds. A cursor says when it was read: one that is never renewed would grow too old in the hands of those who hold it.
const LONGEST_READ_AGE = 60_000

/** Seconds of a clock that never jumps, and that no other process has. */
const told = (moment: number) => (performance.timeOrigin + moment) / 1000

/** Follows the end of one tenant's list: what came is read once, signed once, sent, and remembered for a while. */
export async function openTail(tenant: Tenant, { ring: size, send, observeLag, ...ports }: TailPorts): Promise<Tail> {
  const { revocations } = ports
  // Moments by performance.now(): what was committed before has been told; when it was asked; what the last heartbeat said.
  let confirmedAt = performance.now()
  let readAt = confirmedAt
  let beatenAt = Number.NEGATIVE_INFINITY
  let position: Position = await revocations.head(tenant.id)
  const ring = createRing(position.revision, size)

  let last: Promise<unknown> = Promise.resolve()
  /** One after the other, so that what is sent is in order. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }

  async function readOn(): Promise<'even' | 'reset'> {
    for (;;) {
      const startedAt = performance.now()
      const since = position.cursor
      const page = await revocations.since(tenant.id, since)
      if (page === 'reset') return 'reset'
      const isNew = page.revision > position.revision
      const event = isNew && feedEvent('revocations', page, await signPage(tenant, { ...page, since }, ports))
      // In one step: who joins finds the event in the ring or is sent it, and never neither.
      position = { cursor: page.cursor, revision: page.revision }
      if (event) {
        ring.push(event)
        send(event)
        if (page.first !== undefined) observeLag?.(Math.max(0, ports.now() - page.first / 1e6))
      }
      if (page.more) continue
      readAt = confirmedAt = startedAt
      return 'even'
    }
  }

  async function heartbeat(openedAt?: number): Promise<FeedEvent> {
    const { cursor, revision } = position
    const page = { cursor, since: cursor, revision, after: revision, more: false, entries: '[]' }
    const jws = await signPage(
      tenant,
      { ...page, polledAt: told(confirmedAt), openedAt: openedAt === undefined ? undefined : told(openedAt) },
      ports,
    )
    return feedEvent('heartbeat', page, jws)
  }

  let coming: ReturnType<typeof readOn> | undefined
  return {
    hear({ revision, startedAt }) {
      if (revision === position.revision) confirmedAt = Math.max(confirmedAt, startedAt)
      return revision !== position.revision || performance.now() - readAt > LONGEST_READ_AGE ? 'behind' : 'even'
    },
    catchUp() {
      coming ??= inTurn(() => {
        coming = undefined
        return readOn()
      })
      return coming
    },
    beat: () =>
      inTurn(async () => {
        const startedAt = confirmedAt
        if (startedAt <= beatenAt) return
        const event = await heartbeat()
        beatenAt = startedAt
        send(event)
      }),
    greeting: heartbeat,
    locate(cursor) {
      const revision = revocations.locate(cursor, position.cursor)
      return revision !== undefined && revision <= position.revision ? { cursor, revision } : undefined
    },
    next: ring.next,
  }
}
