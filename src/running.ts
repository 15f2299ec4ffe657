import type { Log } from './http/log.js'

/** Milliseconds a request in flight may still take once the server is asked to stop. */
export const GRACE = 10_000

/** Milliseconds after which a worker that stops is given up: requests have had their grace, and what follows them as long again. */
export const STOP_LIMIT = 25_000

/** Milliseconds in which two signals are one: Ctrl-C under npm comes from the terminal, and again from npm, which passes it on. */
const SAME_SIGNAL = 1_000

/** In the order they are stopped: first requests that never end, then all others, then what they need, the database last. */
const PARTS = ['feed', 'http', 'metrics', 'jobs', 'deps', 'database'] as const

/** What was started so far and how to stop it. */
export type Running = { stopping: boolean; readonly stops: Map<(typeof PARTS)[number], () => Promise<void>> }

/** Before anything is started. */
export const nothingRunning = (): Running => ({ stopping: false, stops: new Map() })

/** Stops what runs when the process is asked to end, and ends it. */
export function stopOnSignals(running: Running, log: Log): void {
  let askedAt = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const sinceAsked = performance.now() - askedAt
      // Whoever asks twice does not want to wait.
      if (running.stopping && sinceAsked > SAME_SIGNAL) process.exit(1)
      if (running.stopping) return
      askedAt = performance.now()
      running.stopping = true
      log.info({ signal }, 'stopping')
      void stopAll(running).then(() => process.exit(0))
    })
  }
}

/** Stops what was started, in order. */
export async function stopAll({ stops }: Running): Promise<void> {
  // One that fails to stop keeps nothing else from it.
  for (const part of PARTS)
    await stops
      .get(part)?.()
      .catch(() => {})
}
