import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '../../start-error.js'
import type { Binaries } from './binaries.js'
import type { Home } from './home.js'
import { processIdentity } from './process-identity.js'
import { syncFolder, writeOnce } from './write-once.js'

/** The database role, a superuser. */
export const ROLE = 'bulla'

function removeAbandoned(home: string): void {
  for (const name of readdirSync(home)) {
    const pid = /^init-(\d+)$/.exec(name)?.[1]
    if (pid && (Number(pid) === process.pid || !processIdentity(Number(pid)))) {
      rmSync(join(home, name), { recursive: true, force: true })
    }
  }
}

/** Environment and identity of a Postgres program: nothing of ours leaks into it. */
export function spawnOptions({ user }: Home): { env: NodeJS.ProcessEnv; cwd: string; uid?: number; gid?: number } {
  const env = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }
  return { env, cwd: '/', ...(user ? { uid: user.uid, gid: user.gid } : {}) }
}

type Draft = { folder: string; durable: boolean }

async function initdb(home: Home, program: string, { folder: draft, durable }: Draft): Promise<void> {
  const password = join(draft, 'password')
  const data = join(draft, 'data')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  writeFileSync(password, readFileSync(home.passwordFile), { mode: 0o600 })
  if (home.user) for (const path of [draft, data, password]) chownSync(path, home.user.uid, home.user.gid)
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8']
  // Whoever reaches the socket, root apart, still has to know the password.
  const access = [`--username=${ROLE}`, '--auth=scram-sha-256', `--pwfile=${password}`]
  await promisify(execFile)(
    program,
    [`--pgdata=${data}`, ...access, ...locale, ...(durable ? [] : ['--no-sync'])],
    spawnOptions(home),
  )
}

function explain(error: unknown, home: Home): StartError {
  const { code, stderr } = error as { code?: unknown; stderr?: string }
  const said = stderr?.trim().split('\n').slice(-6).join('\n') || (error as Error).message
  const advice =
    code === 'ENOENT' || code === 127
      ? 'Its programs need glibc, which this system seems to lack. Set DATABASE_URL to a Postgres 14 or newer.'
      : 'Free some space or mend what it names, or set DATA_DIR to another place, or set DATABASE_URL.'
  return new StartError(`The embedded Postgres could not be set up in ${home.home}: ${said}\n${advice}`)
}

function checkVersion({ data }: Home, { major }: Binaries): void {
  const version = readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
  if (version === major) return
  throw new StartError(
    `${data} was made by Postgres ${version}, but the embedded one is Postgres ${major}. ` +
      `Install the release of Bulla that made it and move the data by pg_dump, or set DATABASE_URL.`,
  )
}

/** Makes the database cluster unless it is there. It appears whole or not at all, whatever ends this half way. */
export async function initialise(home: Home, binaries: Binaries, durable: boolean): Promise<void> {
  if (existsSync(home.data)) return checkVersion(home, binaries)
  removeAbandoned(home.home)
  const draft = join(home.home, `init-${process.pid}`)
  try {
    writeOnce(home.passwordFile, randomBytes(24).toString('base64url'))
    await initdb(home, binaries.initdb, { folder: draft, durable })
    renameSync(join(draft, 'data'), home.data)
    syncFolder(home.home)
  } catch (error) {
    // Another process may have been faster.
    if (!existsSync(home.data)) throw explain(error, home)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}
