import { setTimeout as wait } from 'node:timers/promises'
import type { Ports } from '../oauth/ports.js'
import { createEntries, type Entries } from './entries.js'
import type { Poll, Watch } from './ports.js'

export type FollowerPorts = {
  readonly revocations: Pick<Ports['revocations'], 'snapshot' | 'since'>
  readonly watch: Watch
  readonly log: Pick<Ports['log'], 'warn'>
  /** Asked with how many entries are held more, or fewer. False: there is no room. */
  readonly hold: (more: number) => boolean
  /** Asked with every poll: does anybody want to know? */
  readonly wanted: () => boolean
  /** Called once, when it follows no more. */
  readonly ended: (why: 'gone' | 'full' | 'unwanted' | 'stopped') => void
}

export type Follower = {
  /** All that is revoked, if that is known of everything committed up to so many milliseconds ago. */
  known(within: number): Entries | undefined
  /** Resolves when what was committed before the call is known, or nothing counts as known until it is. Never rejects. */
  caughtUp(): Promise<void>
  stop(): void
}

/** Milliseconds. What has ended has ended: its answer does not wait for a database that hangs. */
const LONGEST_WAIT = 1_000

/** What a follower begins with, and goes back to when Postgres has another history than the one it read. */
const nothing = () => ({
  entries: createEntries(),
  cursor: undefined as string | undefined,
  revision: -1,
  whole: false,
})

/**
 * Follows the revocations of one tenant: reads all that are live, then what came whenever a poll finds the revision moved. What is known
 * is as old as the last poll that found nothing else, or after which the rest was read.
 */
export function follow(tenantId: string, { revocations, watch, log, hold, wanted, ended }: FollowerPorts): Follower {
  let state = nothing()
  // Moments by performance.now(). Only a poll that began later than `notBefore` says what is known.
  let confirmedAt = Number.NEGATIVE_INFINITY
  let notBefore = Number.NEGATIVE_INFINITY
  let heardAt = Number.NEGATIVE_INFINITY
  let failing = false
  let over = false

  function confirm(startedAt: number): void {
    if (startedAt > notBefore) confirmedAt = Math.max(confirmedAt, startedAt)
  }

  function distrust(before: number): void {
    notBefore = before
    confirmedAt = Number.NEGATIVE_INFINITY
  }

  function beginAnew(): void {
    distrust(performance.now())
    hold(-state.entries.size())
    state = nothing()
    goOn()
  }

  /** Reads to the end of the list. A page at a time, and other work in between: one has thousands of entries. */
  async function read(): Promise<void> {
    for (;;) {
      if (over) return
      const [askedAt, polledAt] = [performance.now(), heardAt]
      const { cursor } = state
      const page = await (cursor === undefined ? revocations.snapshot(tenantId) : revocations.since(tenantId, cursor))
      if (over) return
      failing = false
      if (page === 'reset') {
        beginAnew()
        return
      }
      if (!hold(state.entries.take(page, askedAt / 1000))) {
        finish('full')
        return
      }
      state.cursor = page.cursor
      state.revision = page.revision
      if (page.more) continue
      state.whole = true
      confirm(polledAt)
      return
    }
  }

  let last: Promise<unknown> = Promise.resolve()
  let coming: Promise<void> | undefined
  /** A read that begins after the call: one for all who ask before it does. */
  function readOn(): Promise<void> {
    coming ??= last.then(() => {
      coming = undefined
      return read()
    })
    last = coming.catch(() => {})
    return coming
  }

  function goOn(): void {
    readOn().catch((error: unknown) => {
      if (!failing && !over) log.warn({ err: error, tenant: tenantId }, 'the revocations cannot be read')
      failing = true
    })
  }

  function onPoll(found: Poll | 'gone'): void {
    if (found === 'gone' || !wanted()) {
      finish(found === 'gone' ? 'gone' : 'unwanted')
      return
    }
    heardAt = found.startedAt
    if (state.whole && found.revision === state.revision) confirm(found.startedAt)
    else goOn()
    const { entries } = state
    hold(-entries.forget(performance.now() / 1000, 100 + entries.size() / 100))
  }

  function finish(why: Parameters<typeof ended>[0]): void {
    if (over) return
    over = true
    distrust(performance.now())
    stopWatching()
    hold(-state.entries.size())
    state = nothing()
    ended(why)
  }

  const stopWatching = watch(tenantId, onPoll)
  goOn()

  return {
    known: (within) => (performance.now() - confirmedAt <= within ? state.entries : undefined),
    async caughtUp() {
      const calledAt = performance.now()
      // To read everything takes long. Nobody waits for it: what is known afterwards is what a later poll has found.
      if (!state.whole) return distrust(calledAt)
      const read = readOn().then(
        () => true,
        () => false,
      )
      if (!(await Promise.race([read, wait(LONGEST_WAIT, false, { ref: false })]))) distrust(calledAt)
    },
    stop: () => finish('stopped'),
  }
}
