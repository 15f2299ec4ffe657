import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { StartError } from '../../start-error.js'

export type SystemUser = { name: string; uid: number; gid: number }

function id(option: '-u' | '-g', name: string): number {
  return Number(execFileSync('id', [option, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

function find(name: string): SystemUser | undefined {
  try {
    return { name, uid: id('-u', name), gid: id('-g', name) }
  } catch {
    return undefined
  }
}

function create(name: string): SystemUser | undefined {
  const options = ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent']
  try {
    execFileSync('useradd', [...options, '--shell', '/usr/sbin/nologin', name], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  return find(name)
}

/**
 * The user that Postgres runs as when this process is root, which Postgres refuses; undefined when it isn't root.
 * `nobody` comes last: it is shared with whatever else runs as nobody.
 */
export function postgresUser(): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined
  const user = find('bulla') ?? find('postgres') ?? create('bulla') ?? find('nobody')
  if (user) return user
  throw new StartError(
    'Postgres does not run as root, and there is no user to run it as: none of bulla, postgres and nobody exists, and ' +
      'useradd failed. Add one of them, or start as another user, or set DATABASE_URL.',
  )
}

/** Whether a user can enter a directory: every directory above it, and itself, lets them pass. */
export function canEnter(path: string, user: SystemUser): boolean {
  for (let at = resolve(path); ; at = dirname(at)) {
    const { mode, uid, gid } = statSync(at)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return false
    if (at === dirname(at)) return true
  }
}
