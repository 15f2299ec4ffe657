import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Home } from './home.js'
import { spawnOptions } from './initialise.js'
import { commandLine, processIdentity } from './process-identity.js'
import { canEnter } from './system-user.js'

/** What `postmaster.pid` says. Postgres removes that file when it ends, but not when it is killed. */
export type Postmaster = { pid: number; socketFolder: string; runs: boolean }

const PORT = 5432
// A socket's path may have 103 bytes on macOS and 107 on Linux, its name `/.s.PGSQL.5432` included.
const LONGEST_SOCKET_PATH = 100
const LARGEST_LOG = 10 * 1024 * 1024

/** The last known Postgres of a data directory, and whether that very process still runs. */
export function findPostmaster({ data }: Home): Postmaster | undefined {
  let lines: string[]
  try {
    lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
  } catch {
    return undefined
  }
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const runs = processIdentity(pid) !== undefined && commandLine(pid)?.includes(data) === true
  return { pid, socketFolder: lines[4] ?? '', runs }
}

/** Whether nobody else can enter a folder: who finds a socket in it talks to our own Postgres. */
export function isPrivate(path: string, { user }: Home): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isDirectory() === true && (stat.mode & 0o777) === 0o700 && stat.uid === (user?.uid ?? process.getuid?.())
}

function makePrivate(path: string, { user }: Home): string {
  if (user) chownSync(path, user.uid, user.gid)
  chmodSync(path, 0o700)
  return path
}

/** A folder that only the database's user can enter, its path short enough for a socket. */
function socketFolder(home: Home, last: string | undefined): string {
  const near = join(home.home, 'socket')
  if (Buffer.byteLength(`${near}/.s.PGSQL.${PORT}`) <= LONGEST_SOCKET_PATH) {
    mkdirSync(near, { recursive: true })
    return makePrivate(near, home)
  }
  if (last && isPrivate(last, home)) return last
  const short = Buffer.byteLength(tmpdir()) < 70 && (!home.user || canEnter(tmpdir(), home.user))
  return makePrivate(mkdtempSync(join(short ? tmpdir() : '/tmp', 'bulla-')), home)
}

function openLog({ log }: Home): number {
  if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > LARGEST_LOG) renameSync(log, `${log}.1`)
  return openSync(log, 'a', 0o600)
}

function settings(folder: string, durable: boolean): string[] {
  const values: Record<string, string> = {
    listen_addresses: '',
    port: String(PORT),
    unix_socket_directories: folder,
    unix_socket_permissions: '0700',
    // Else systemd removes its shared memory when the user who started it logs out.
    dynamic_shared_memory_type: 'mmap',
    logging_collector: 'off',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' }),
  }
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

export type Spawned = {
  pid: number | undefined
  hasEnded: () => boolean
  /** What it wrote to its log. */
  said: () => string
  /** Removes what one that could not start leaves. */
  discard: () => void
}

/** Starts Postgres in a process group of its own, so that neither our end nor a Ctrl-C in the terminal reaches it. */
export function spawnPostmaster(home: Home, program: string, durable: boolean): Spawned {
  const last = findPostmaster(home)
  const options = spawnOptions(home)
  // Postgres takes any process with the pid in a left lock file for itself, a stranger too. This exempts that pid from the
  // check, and leaves the one for processes that still use its shared memory.
  if (last && !last.runs) options.env['PG_GRANDPARENT_PID'] = String(last.pid)
  const log = openLog(home)
  const from = statSync(home.log).size
  const folder = socketFolder(home, last?.socketFolder)
  const args = ['-D', home.data, ...settings(folder, durable)]
  const child = spawn(program, args, { ...options, detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  child.unref()
  let failure: string | undefined
  child.once('error', (error) => {
    failure = error.message
  })
  return {
    pid: child.pid,
    hasEnded: () => failure !== undefined || child.exitCode !== null || child.signalCode !== null,
    said: () => failure ?? readFileSync(home.log).subarray(from).toString(),
    discard: () => {
      if (folder !== last?.socketFolder) removeSocketFolder(home, folder)
    },
  }
}

/** Asks a running Postgres to end now, without waiting for its clients, and losing nothing. */
export function interrupt({ pid }: Postmaster): void {
  process.kill(pid, 'SIGINT')
}

/** Removes the folder of a socket that is no more from the temporary directory. */
export function removeSocketFolder(home: Home, folder: string): void {
  if (folder.startsWith(home.home)) return
  try {
    rmdirSync(folder)
  } catch {
    // Somebody else uses it, or removed it.
  }
}
