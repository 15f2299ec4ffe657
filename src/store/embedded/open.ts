import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Log } from '../log.js'
import { findBinaries, findPackage } from './binaries.js'
import { type Guard, guard } from './guard.js'
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
  const folder = findPackage()
  const home = openHome(options.dataDir)
  const me = register(home.users, { kind, ...(port === undefined ? {} : { port }) })
  // There while a server has it, and after one was killed: that one will come back.
  const kept = join(home.home, 'kept')

  let guarded: Guard | undefined

  async function leave(): Promise<void> {
    await guarded?.release()
    if (guarded) rmSync(kept, { force: true })
    me.leave()
    if (existsSync(kept)) return
    await me.stopIfUnused(() => stop(home, log))
  }

  try {
    while (me.isBeingStopped()) await wait(20)
    const binaries = findBinaries(folder, home)
    await initialise(home, binaries, durable)
    const { connection, here } = await start(home, binaries, { durable, log })
    if (here) rmSync(kept, { force: true })
    if (kind === 'server') {
      guarded = await guard(connection, {
        otherServers: () => me.others().filter((other) => other.kind === 'server'),
        restart: async (signal) => (await start(home, binaries, { durable, log, signal })).connection,
        log,
      })
      writeFileSync(kept, '')
    }
    const details = { folder: home.home, user: home.user?.name, started: here }
    log[kind === 'server' ? 'info' : 'debug'](details, 'the embedded Postgres runs')
    let closed: Promise<void> | undefined
    return {
      connection,
      url: connectionString(connection),
      close: () => {
        closed ??= leave()
        return closed
      },
    }
  } catch (error) {
    await leave().catch(() => {})
    throw error
  }
}
