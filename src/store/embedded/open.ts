import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../log.js'
import { findBinaries } from './binaries.js'
import { guard } from './guard.js'
import { openHome } from './home.js'
import { initialise } from './initialise.js'
import { type Connection, connectionString, start, stop } from './start.js'
import { register } from './users.js'

export type EmbeddedOptions = {
  /** Where its data lives, absolute or relative to the working directory. Made when it isn't there. */
  dataDir: string
  /** A server is the only one on its data directory and keeps Postgres running; scripts come and go. */
  kind: 'server' | 'script'
  /** Where the server listens, for the message to a second one. */
  port?: number
  log: Log
  /** False for tests that lose nothing in a crash. */
  durable?: boolean
}

export type Embedded = {
  connection: Connection
  /** The same as a connection string. */
  url: string
  /** Call it after the last connection is closed. Postgres goes on when another process uses it. */
  close: () => Promise<void>
}

/**
 * The Postgres of a data directory: made at the first use, started unless it runs, reached over its Unix socket alone.
 * A Postgres that a killed server left running is taken over. Throws StartError when it can't be had, or when
 * another server has it.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { kind, port, log, durable = true } = options
  const home = openHome(options.dataDir)
  const me = register(home.users, { kind, ...(port === undefined ? {} : { port }) })
  const startedBy = join(home.home, 'started-by')

  async function leave(): Promise<void> {
    me.leave()
    // A script leaves what a server started, also one that was killed and will come back.
    if (kind === 'script' && readFileSync(startedBy, 'utf8') === 'server') return
    await me.stopIfUnused(() => stop(home, log))
  }

  try {
    while (me.isBeingStopped()) await wait(20)
    const binaries = findBinaries(home.copies, home.user)
    await initialise(home, binaries)
    const { connection, here } = await start(home, binaries, { durable, log })
    if (here || kind === 'server') writeFileSync(startedBy, kind)
    const guarded =
      kind === 'server'
        ? await guard(connection, {
            otherServers: () => me.others().filter((other) => other.kind === 'server'),
            restart: async () => (await start(home, binaries, { durable, log })).connection,
            log,
          })
        : undefined
    log.debug({ home: home.home, user: home.user?.name, started: here }, 'the embedded Postgres runs')
    let closed: Promise<void> | undefined
    const close = async (): Promise<void> => {
      await guarded?.release()
      await leave()
    }
    return {
      connection,
      url: connectionString(connection),
      close: () => {
        closed ??= close()
        return closed
      },
    }
  } catch (error) {
    await leave().catch(() => {})
    throw error
  }
}
