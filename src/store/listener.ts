import pg from 'pg'
import type { Log } from './log.js'

const FIRST_DELAY = 100
const LONGEST_DELAY = 5_000

export type Listener = {
  connected(): boolean
  close(): Promise<void>
}

/**
 * Listens to a channel on a connection of its own, from `connect`, and makes a new one whenever that is lost: after 0.1 s at
 * first and every 5 s at last. `onConnected` is called each time, for what was said before has been missed.
 */
export function createListener(
  { connect, channel, log }: { connect: () => Promise<pg.Client>; channel: string; log: Pick<Log, 'info' | 'warn'> },
  { onMessage, onConnected }: { onMessage: (payload: string) => void; onConnected: () => void },
): Listener {
  let client: pg.Client | undefined
  let closed = false
  let delay = FIRST_DELAY
  let timer: NodeJS.Timeout | undefined

  function retry(error: unknown): void {
    if (closed) return
    log.warn({ err: error, again_in_ms: delay }, 'Changes are not announced here, only polled for')
    timer = setTimeout(() => void listen(), delay)
    timer.unref()
    delay = Math.min(delay * 2, LONGEST_DELAY)
  }

  async function listen(): Promise<void> {
    let mine: pg.Client
    try {
      mine = await connect()
    } catch (error) {
      return retry(error)
    }
    // Its end follows and is what counts; without a listener the error would end the process.
    mine.on('error', () => {})
    mine.on('notification', ({ payload }) => onMessage(payload ?? ''))
    mine.once('end', () => {
      if (client === mine) client = undefined
      retry(new Error('The connection has ended'))
    })
    try {
      await mine.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      if (closed) throw new Error('Closed meanwhile')
      client = mine
      delay = FIRST_DELAY
      onConnected()
    } catch {
      await mine.end().catch(() => {})
    }
  }

  void listen()
  return {
    connected: () => client !== undefined,
    async close() {
      closed = true
      clearTimeout(timer)
      const last = client
      client = undefined
      await last?.end().catch(() => {})
    },
  }
}
