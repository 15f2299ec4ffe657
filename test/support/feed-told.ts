import { expect } from 'vitest'
import { DEFAULT_TENANT } from './app.js'
import { isGreeting, knownAfter, type MemorySink } from './events.js'
import type { createRevocationStore } from './revocation-store.js'

/** What its reader knows by now. */
export const known = (sink: MemorySink) => knownAfter(sink.events())

/** Without what a stream is greeted with when it has joined: that is of one stream, and comes when it is signed. */
export const events = (sink: MemorySink) => sink.events().filter((event) => !isGreeting(event))

export const names = (sink: MemorySink) => events(sink).map(({ event }) => event)

export const last = (sink: MemorySink) => events(sink).at(-1) ?? expect.fail('nothing was told')

/** So many revocations; answers their revisions. */
export const append = (
  store: ReturnType<typeof createRevocationStore>,
  count: number,
  tenantId = DEFAULT_TENANT.id,
): number[] => Array.from({ length: count }, (_, index) => store.append(tenantId, `${tenantId}-${index}`))
