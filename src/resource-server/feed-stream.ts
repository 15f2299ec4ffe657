import { clearTimeout, setTimeout } from 'node:timers'
import { type End, type FeedPorts, followStream } from './feed-reading.js'
import { longestSilence } from './staleness.js'

/** Milliseconds. */
export type Pauses = {
  /** Before another try: at least, and at most after many. */
  readonly leastPause: number
  readonly mostPause: number
  /** A stream that went on for so long was a good one. */
  readonly goodStream: number
}

export type FeedStream = {
  /** It tells what comes: something came of it lately. */
  isActive(): boolean
  /** Breaks it off where it has been silent for too long. */
  look(): void
}

export type StreamKeeping = {
  /** Ends it all. */
  readonly signal: AbortSignal
  readonly pauses: Pauses
  /** The first thing of a stream has come, signed. */
  readonly onActive: () => void
  readonly onJoined: () => void
  /** A stream has ended, or there was none. Milliseconds to wait before the next, or undefined for longer with each failure. */
  readonly onEnd: (end: End | Silent) => number | undefined
}

type Silent = { readonly reason: 'unreachable'; readonly why: 'silent' }

/** Has a stream, and another one when it ends. */
export function keepStream(ports: FeedPorts, { signal, pauses, onActive, onJoined, onEnd }: StreamKeeping): FeedStream {
  const { monotonic, state } = ports
  let current = new AbortController()
  let silent = false
  let active = false
  /** When something came last, or the stream began; undefined until it has. */
  let heardAt: number | undefined
  let proceed = () => {}
  const stop = () => {
    current.abort()
    proceed()
  }
  signal.addEventListener('abort', stop, { once: true })

  async function follow(): Promise<End | Silent> {
    current = new AbortController()
    ;[silent, active, heardAt] = [false, false, undefined]
    const end = await followStream(ports, current.signal, {
      begun() {
        heardAt = monotonic()
      },
      heard() {
        heardAt = monotonic()
        if (!active) onActive()
        active = true
      },
      joined: onJoined,
    })
    ;[active, heardAt] = [false, undefined]
    // Whatever is left of it.
    current.abort()
    return silent ? { reason: 'unreachable', why: 'silent' } : end
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => proceed(), milliseconds)
      timer.unref()
      proceed = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  function backoff(failures: number): number {
    const { leastPause, mostPause } = pauses
    const most = Math.min(mostPause, leastPause * 2 ** Math.min(failures + 1, 16))
    return leastPause + Math.random() * (most - leastPause)
  }

  async function keep(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      const begunAt = monotonic()
      const end = await follow()
      if (signal.aborted) return
      failures = (monotonic() - begunAt) * 1_000 > pauses.goodStream ? 0 : failures + 1
      await pause(onEnd(end) ?? backoff(failures))
    }
  }

  void keep()
  const quiet = () => heardAt !== undefined && monotonic() - heardAt > longestSilence(state.bound())
  return {
    isActive: () => active && !quiet(),
    look() {
      if (!quiet()) return
      silent = true
      current.abort()
    },
  }
}
