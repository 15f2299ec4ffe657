import { type FeedEvent, OPENING, RESET } from './event.js'
import type { Sink } from './ports.js'

/** Bytes that may wait for one reader, and milliseconds it may take to read them when they are too many. */
export type Patience = { readonly buffer: number; readonly drain: number }

/** Waits until so many bytes may be written, where many readers want pages at the same moment. */
export type InTurn = (bytes: number) => Promise<void>

export type Subscriber = {
  /** Has been told everything up to now, so that what comes next follows. */
  joined: boolean
  /** Is the reader still who may read? */
  readonly allowed: () => Promise<boolean>
  readonly over: () => boolean
  /** Sends what is live. A reader that is too far behind gets no more, and once it has read what waits is sent for a snapshot. */
  send(event: FeedEvent): void
  /** Sends what was asked for when its turn has come, and waits while too much waits. */
  deliver(event: FeedEvent): Promise<void>
  /** Says that a snapshot must be taken, and ends. */
  reset(): void
  /** Ends after what waits, which the reader has so many milliseconds to read. */
  end(within?: number): void
}

/** One reader of a feed. It can hold up itself alone: what waits for it is bounded, and so is how long. */
export function createSubscriber(
  sink: Sink,
  allowed: () => Promise<boolean>,
  { inTurn, ...patience }: Patience & { readonly inTurn: InTurn },
): Subscriber {
  let behind = false
  let ended = false
  let deadline: NodeJS.Timeout | undefined
  let proceed = () => {}
  sink.write(OPENING)
  sink.signal.addEventListener(
    'abort',
    () => {
      clearTimeout(deadline)
      proceed()
    },
    { once: true },
  )

  function allow(milliseconds: number): void {
    clearTimeout(deadline)
    if (!sink.signal.aborted) deadline = setTimeout(() => sink.destroy(), milliseconds).unref()
  }

  function drained(): Promise<void> {
    return new Promise((resolve) => {
      proceed = resolve
      allow(patience.drain)
      sink.onDrain(() => {
        if (!ended) clearTimeout(deadline)
        resolve()
      })
    })
  }

  function end(within = patience.drain): void {
    ended = true
    sink.end()
    allow(within)
  }

  function reset(): void {
    if (!ended) sink.write(RESET)
    end()
  }

  return {
    joined: false,
    allowed,
    over: () => ended || sink.signal.aborted,
    send(event) {
      if (behind || ended) return
      if (sink.buffered() <= patience.buffer) {
        sink.write(event.bytes)
        return
      }
      behind = true
      void drained().then(reset)
    },
    async deliver(event) {
      await inTurn(event.bytes.length)
      if (ended) return
      sink.write(event.bytes)
      if (sink.buffered() > patience.buffer) await drained()
    },
    reset,
    end,
  }
}
