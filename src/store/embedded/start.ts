import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../start-error.js'
import type { Log } from '../log.js'
import type { Binaries } from './binaries.js'
import type { Home } from './home.js'
import { ROLE } from './initialise.js'
import {
  findPostmaster,
  interrupt,
  isPrivate,
  type Postmaster,
  removeSocketFolder,
  type Spawned,
  spawnPostmaster,
} from './postmaster.js'

/** How to reach the embedded Postgres: `host` is the folder of its Unix socket. */
export type Connection = { host: string; port: number; user: string; password: string; database: string }

const LONGEST_START_MS = 5 * 60_000
// What passes has passed by then.
const LONGEST_RETRY_MS = 30_000
const LONGEST_STOP_MS = 60_000
const STEP_MS = 20

export type Options = { durable: boolean; log: Log; signal?: AbortSignal }

/** `here`: by this call, and not found running. */
export type Started = { connection: Connection; here: boolean }

/** Whether it takes connections: it may be absent, or starting, or ending. */
async function answers(connection: Connection): Promise<boolean> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    const code = (error as { code?: string }).code
    if (code === '28P01') throw new StartError('The embedded Postgres refuses the password kept beside its data.')
    // Too many connections, so it is there.
    return code === '53300'
  } finally {
    await client.end().catch(() => {})
  }
}

function connectionTo(home: Home, postmaster: Postmaster): Connection {
  const password = readFileSync(home.passwordFile, 'utf8')
  return { host: postmaster.socketFolder, port: 5432, user: ROLE, password, database: 'postgres' }
}

function couldNotStart(home: Home, said: string): StartError {
  const tail = said.trim().split('\n').slice(-8).join('\n')
  return new StartError(
    `The embedded Postgres of ${home.home} did not start:\n${tail}\n` +
      `Mend what it names (its log is ${home.log}), or set DATABASE_URL.`,
  )
}

/** Reasons to try again: another process was faster, by a little or by so little that its lock says nothing yet; or what a killed Postgres left is just ending. */
const PASSING = /lock file ".*" (?:already exists|is empty)|pre-existing shared memory block|is still in use/

/** Starts Postgres, or finds it running, and answers once it takes connections. */
export async function start(home: Home, binaries: Binaries, { durable, log, signal }: Options): Promise<Started> {
  const begun = Date.now()
  let spawned: Spawned | undefined
  for (let step = 1; Date.now() < begun + LONGEST_START_MS; step++) {
    const postmaster = findPostmaster(home)
    // The socket first: it tells the truth even between containers that share a volume, where a pid doesn't.
    if (postmaster && isPrivate(postmaster.socketFolder, home)) {
      const connection = connectionTo(home, postmaster)
      const here = spawned?.pid === postmaster.pid
      // One of ours that another process outran is about to end, and is awaited.
      if ((here || !spawned) && (await answers(connection))) return { connection, here }
    }
    if (spawned?.hasEnded()) {
      const said = spawned.said()
      spawned.discard()
      if (!PASSING.test(said) || Date.now() > begun + LONGEST_RETRY_MS) throw couldNotStart(home, said)
      spawned = undefined
    } else if (!spawned && !postmaster?.runs) {
      spawned = spawnPostmaster(home, binaries.postgres, durable)
    }
    if (step % 500 === 0) log.info({ log: home.log }, 'the embedded Postgres is still starting')
    await wait(STEP_MS, undefined, { signal })
  }
  throw couldNotStart(home, `It did not take connections within ${LONGEST_START_MS / 1000} s.`)
}

/** Stops Postgres if it runs, and waits for its end. */
export async function stop(home: Home, log: Log): Promise<void> {
  const postmaster = findPostmaster(home)
  if (!postmaster?.runs) return
  interrupt(postmaster)
  const deadline = Date.now() + LONGEST_STOP_MS
  while (findPostmaster(home)?.runs) {
    if (Date.now() > deadline) {
      log.warn(
        { pid: postmaster.pid, log: home.log },
        'the embedded Postgres takes long to stop; leaving it to its own',
      )
      return
    }
    await wait(STEP_MS)
  }
  removeSocketFolder(home, postmaster.socketFolder)
}

/** A connection string for programs that want one. */
export function connectionString({ host, port, user, password, database }: Connection): string {
  return `postgresql://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`
}
