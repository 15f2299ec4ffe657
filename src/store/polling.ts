export type Polling = {
  /** A poll that begins after the call. Rejects when that one fails. */
  poll(): Promise<void>
  /** Polls soon, without waiting for the interval. */
  soon(): void
  close(): Promise<void>
}

/**
 * Calls `ask` every `interval` milliseconds and when told to, `gap` apart at the least. One at a time: an answer overtaken by a
 * later one would bring back what that one has replaced.
 */
export function createPolling(
  ask: (startedAt: number) => Promise<void>,
  { interval, gap }: { interval: number; gap: number },
): Polling {
  let startedAt = Number.NEGATIVE_INFINITY
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let due = 0
  let closed = false

  function poll(): Promise<void> {
    if (!running) {
      startedAt = performance.now()
      running = ask(startedAt).finally(() => {
        running = undefined
      })
      return running
    }
    following ??= running
      .catch(() => {})
      .then(() => {
        following = undefined
        return poll()
      })
    return following
  }

  function schedule(at: number): void {
    const next = Math.max(at, startedAt + gap)
    if (closed || (timer && due <= next)) return
    clearTimeout(timer)
    due = next
    const run = () => {
      timer = undefined
      poll()
        .catch(() => {})
        .finally(() => schedule(startedAt + interval))
    }
    // From Node 24 on, a negative delay is warned of on stderr.
    timer = setTimeout(run, Math.max(0, next - performance.now()))
    timer.unref()
  }

  schedule(0)
  return {
    poll,
    soon: () => schedule(0),
    async close() {
      closed = true
      clearTimeout(timer)
      await Promise.allSettled([running, following])
    },
  }
}
