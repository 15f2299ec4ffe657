import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { processIdentity } from './process-identity.js'

/** A process that uses the embedded Postgres of a data directory. `port` is where a server listens. */
export type User = { pid: number; identity: string; kind: 'server' | 'script'; port?: number }

function write(folder: string, name: string, content: object): string {
  const path = join(folder, name)
  const draft = join(folder, `.${randomBytes(6).toString('hex')}`)
  writeFileSync(draft, JSON.stringify(content), { mode: 0o600 })
  renameSync(draft, path)
  return path
}

/** The living processes that wrote a file with this ending into the folder; what the dead left is removed. */
function living(folder: string, ending: string): { path: string; user: User }[] {
  const found: { path: string; user: User }[] = []
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(ending)) continue
    const path = join(folder, name)
    try {
      const user = JSON.parse(readFileSync(path, 'utf8')) as User
      if (processIdentity(user.pid) === user.identity) found.push({ path, user })
      else rmSync(path, { force: true })
    } catch {
      // Removed by its writer in between.
    }
  }
  return found
}

/** The processes that use an embedded Postgres, by the folder where they say so. */
export const livingUsers = (folder: string): User[] => living(folder, '.user').map(({ user }) => user)

/**
 * Who uses an embedded Postgres, and who is about to stop it, as files that count while their writer lives.
 *
 * A newcomer says that it uses it and then looks whether somebody stops it; who stops it says so and then looks for users.
 * Each writes before it reads, so at least one of two sees the other, and it is never stopped under somebody.
 */
export function register(folder: string, me: Pick<User, 'kind' | 'port'>) {
  const self: User = { ...me, pid: process.pid, identity: processIdentity(process.pid) ?? '' }
  const name = `${process.pid}-${randomBytes(4).toString('hex')}`
  const mine = write(folder, `${name}.user`, self)
  return {
    others: (): User[] => living(folder, '.user').flatMap(({ path, user }) => (path === mine ? [] : [user])),
    isBeingStopped: (): boolean => living(folder, '.stopping').length > 0,
    leave: (): void => rmSync(mine, { force: true }),
    /** Runs `stop` unless somebody else uses it; afterwards newcomers go on. */
    stopIfUnused: async (stop: () => Promise<void>): Promise<boolean> => {
      const marker = write(folder, `${name}.stopping`, self)
      try {
        if (livingUsers(folder).length > 0) return false
        await stop()
        return true
      } finally {
        rmSync(marker, { force: true })
      }
    },
  }
}
