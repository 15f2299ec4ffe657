import type { FeedEvent } from './event.js'

export type Ring = {
  /** Takes an event that follows the last one. */
  push(event: FeedEvent): void
  /** The first event past a revision, `end` when there is none, undefined when what followed the revision is no longer all here. */
  next(revision: number): FeedEvent | 'end' | undefined
}

/** The most recent events after the revision `from`: as many as fit. */
export function createRing(from: number, { maxEvents, maxBytes }: { maxEvents: number; maxBytes: number }): Ring {
  const events: FeedEvent[] = []
  let floor = from
  let bytes = 0

  return {
    push(event) {
      events.push(event)
      bytes += event.bytes.length
      while (events.length > maxEvents || bytes > maxBytes) {
        const oldest = events.shift()
        if (!oldest) return
        floor = oldest.revision
        bytes -= oldest.bytes.length
      }
    },
    next(revision) {
      if (revision < floor) return undefined
      // Readers are near the end, most of them at it.
      const last = events.findLastIndex((event) => event.revision <= revision)
      return events[last + 1] ?? 'end'
    },
  }
}
