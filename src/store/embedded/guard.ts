import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../start-error.js'
import type { Log } from '../log.js'
import type { Connection } from './start.js'
import type { User } from './users.js'

// Any constant will do; the database is nobody else's.
const LOCK = '7381954512204017031'
const LONGEST_WAIT_MS = 10_000

export type Guarded = {
  /** Where the servers are that use the same data directory, this one left out. */
  otherServers: () => User[]
  /** Brings Postgres back. */
  restart: () => Promise<Connection>
  log: Log
}

function inUse({ pid, port }: Pick<User, 'pid' | 'port'>): StartError {
  return new StartError(
    `The data directory is in use by a running instance (pid ${pid}${port ? `, port ${port}` : ''}). ` +
      'Stop that one first, or give this one a DATA_DIR of its own.',
  )
}

/** A session that holds the lock of the one server. Its end, however it comes, gives the lock back. */
async function hold(connection: Connection, otherServers: () => User[]): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: `bulla server ${process.pid}` })
  client.on('error', () => {})
  await client.connect()
  const deadline = Date.now() + LONGEST_WAIT_MS
  for (;;) {
    const { rows } = await client.query(`SELECT pg_try_advisory_lock(${LOCK}) AS taken`)
    if (rows[0]?.taken === true) return client
    const [other] = otherServers()
    if (other || Date.now() > deadline) {
      await client.end()
      throw other ? inUse(other) : new StartError('The data directory is in use by another instance.')
    }
    // Its holder is dead, and Postgres is about to notice.
    await wait(50)
  }
}

/**
 * Makes this process the one server of its data directory, and brings Postgres back when it ends under us.
 * Throws StartError when another server runs there. `release` gives up both.
 */
export async function guard(connection: Connection, { otherServers, restart, log }: Guarded) {
  const closing = new AbortController()
  let client = await hold(connection, otherServers)
  let recovering = Promise.resolve()

  async function recover(): Promise<void> {
    log.error({}, 'the embedded Postgres went away; starting it again')
    for (let pause = 100; !closing.signal.aborted; pause = Math.min(2 * pause, 5_000)) {
      try {
        client = await hold(await restart(), otherServers)
        watch()
        log.info({}, 'the embedded Postgres is back')
        return
      } catch (error) {
        log.error({ err: error }, 'the embedded Postgres does not start')
        await wait(pause, undefined, { signal: closing.signal }).catch(() => {})
      }
    }
  }

  function watch(): void {
    client.once('end', () => {
      if (!closing.signal.aborted) recovering = recover()
    })
  }

  watch()
  return {
    release: async (): Promise<void> => {
      closing.abort()
      await recovering
      await client.end().catch(() => {})
    },
  }
}
