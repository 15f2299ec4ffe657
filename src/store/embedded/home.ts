import { randomBytes } from 'node:crypto'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { StartError } from '../../start-error.js'
import { canEnter, postgresUser, type SystemUser } from './system-user.js'

/**
 * Where one embedded Postgres lives. `home` is DATA_DIR/postgres or what that symbolic link leads to; `data` is Postgres's
 * own directory in it; `users` names the processes that use it now; `copies` is where its programs may be copied.
 */
export type Home = {
  home: string
  data: string
  users: string
  log: string
  passwordFile: string
  copies: string
  user: SystemUser | undefined
}

// Outlives reboots, and every user can enter it: for what can't stay in a DATA_DIR that only root can enter.
const SHARED = '/var/lib/bulla'

/** Makes the data directory when it isn't there, and says why when it can't be used. */
export function ensureDataDir(dataDir: string): string {
  const path = resolve(dataDir)
  const isRoot = process.getuid?.() === 0
  try {
    // Root's must let the user that Postgres runs as pass; what others may not read has modes of its own.
    if (mkdirSync(path, { recursive: true, mode: isRoot ? 0o711 : 0o700 }) && isRoot) chmodSync(path, 0o711)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
    return realpathSync(path)
  } catch (error) {
    throw new StartError(
      `The data directory ${path} can't be used: ${(error as Error).message}. ` +
        'Make it writable for the user that starts Bulla, or set DATA_DIR to another place, or set DATABASE_URL.',
    )
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

function mustExist(link: string): string {
  try {
    return realpathSync(link)
  } catch {
    throw new StartError(
      `${link} leads to a database that is gone. Bring it back, or remove the data directory to begin anew.`,
    )
  }
}

function openDirectory(path: string): void {
  mkdirSync(path, { recursive: true })
  chmodSync(path, 0o755)
}

/** A place outside DATA_DIR, found again through a symbolic link in it. */
function placeElsewhere(link: string): string {
  const home = join(SHARED, randomBytes(8).toString('hex'))
  openDirectory(SHARED)
  openDirectory(home)
  try {
    symlinkSync(home, link)
    return home
  } catch (error) {
    rmSync(home, { recursive: true })
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return realpathSync(link)
    throw error
  }
}

function place(dataDir: string, user: SystemUser | undefined): string {
  const path = join(dataDir, 'postgres')
  if (isLink(path)) return mustExist(path)
  if (!existsSync(path) && user && !canEnter(dataDir, user)) return placeElsewhere(path)
  if (user) openDirectory(path)
  else mkdirSync(path, { recursive: true, mode: 0o700 })
  return path
}

/** The user that owns the data already, so that an earlier choice holds. */
function owner(data: string): SystemUser | undefined {
  const stat = statSync(data, { throwIfNoEntry: false })
  return stat && stat.uid !== 0 ? { name: `the owner of ${data}`, uid: stat.uid, gid: stat.gid } : undefined
}

/** Finds or makes the place of the embedded Postgres that belongs to a data directory. */
export function openHome(dataDir: string): Home {
  const base = ensureDataDir(dataDir)
  const isRoot = process.getuid?.() === 0
  const user = isRoot ? (owner(join(base, 'postgres', 'data')) ?? postgresUser()) : undefined
  try {
    const home = place(base, user)
    const users = join(home, 'users')
    mkdirSync(users, { recursive: true, mode: 0o700 })
    const [data, passwordFile] = [join(home, 'data'), join(home, 'password')]
    if (existsSync(data)) accessSync(passwordFile, constants.R_OK)
    return { home, data, users, log: join(base, 'postgres.log'), passwordFile, copies: user ? SHARED : base, user }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(
      `The embedded database of ${base} can't be used: ${(error as Error).message}. ` +
        'Start as the user that owns it, or set DATA_DIR to another place, or set DATABASE_URL.',
    )
  }
}
