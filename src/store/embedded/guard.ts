import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../start-error.js'
import type { Log } from '../log.js'
import type { Connection } from './start.js'
import type { User } from './users.js'

// Any constant will do; the database is nobody else's.
const LOCK = '7381954512204017031'
const NAME = 'bulla server '
const LONGEST_WAIT_MS = 10_000

export type GuardOptions = {
  /** Where the servers are that use the same data directory, this one left out. */
  otherServers: () => User[]
  /** Brings Postgres back, unless the signal says that it is no longer wanted. */
  restart: (signal: AbortSignal) => Promise<Connection>
  log: Log
}

/** `release` gives up both: to be the one server, and to bring Postgres back. */
export type Guard = { release: () => Promise<void> }

function inUse({ pid, port }: Pick<User, 'pid' | 'port'>): StartError {
  return new StartError(
    `The data directory is in use by a running instance (pid ${pid}${port ? `, port ${port}` : ''}). ` +
      'Stop that one first, or give this one a DATA_DIR of its own.',
  )
}

async function holder(client: pg.Client): Promise<number | undefined> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT application_name AS name FROM pg_stat_activity JOIN pg_locks USING (pid)
      WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32) + objid::bigint = ${LOCK}`,
  )
  return rows[0] && Number(rows[0].name.slice(NAME.length))
}

async function take(client: pg.Client, otherServers: () => User[]): Promise<void> {
  const deadline = Date.now() + LONGEST_WAIT_MS
  while (Date.now() < deadline) {
    const { rows } = await client.query(`SELECT pg_try_advisory_lock(${LOCK}) AS taken`)
    if (rows[0]?.taken === true) return
    const pid = await holder(client)
    const living = otherServers().find((other) => other.pid === pid)
    if (living) throw inUse(living)
    // Its holder is dead, and Postgres is about to notice.
    await wait(50)
  }
  throw new StartError('The data directory is in use by another instance, perhaps one in another container.')
}

/** A session that holds the lock of the one server. Its end, however it comes, gives the lock back. */
async function hold(connection: Connection, otherServers: () => User[]): Promise<pg.Client> {
  const client = new pg.Client({ ...connection, application_name: `${NAME}${process.pid}` })
  client.on('error', () => {})
  try {
    await client.connect()
    await take(client, otherServers)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/**
 * Makes this process the one server of its data directory, and brings Postgres back when it ends under us.
 * Throws StartError when another server runs there.
 */
export async function guard(connection: Connection, { otherServers, restart, log }: GuardOptions): Promise<Guard> {
  const closing = new AbortController()
  let client = await hold(connection, otherServers)
  let recovering = Promise.resolve()

  async function recover(): Promise<void> {
    log.error({}, 'the embedded Postgres went away; starting it again')
    for (let pause = 100; !closing.signal.aborted; pause = Math.min(2 * pause, 5_000)) {
      try {
        client = await hold(await restart(closing.signal), otherServers)
        watch()
        log.info({}, 'the embedded Postgres is back')
        return
      } catch (error) {
        log.error({ reason: error instanceof Error ? error.message : error }, 'the embedded Postgres does not start')
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
