import { userInfo } from 'node:os'
import { type Config, loadConfig, readEnvironment } from '#bulla/config.js'
import type { Actor } from '#bulla/oauth/records.js'
import { readPublicUrl } from '#bulla/store/installation.js'
import type { Log } from '#bulla/store/log.js'
import { createApiRegistry } from '#bulla/store/registry/apis.js'
import { createAuditTrail } from '#bulla/store/registry/audit-events.js'
import { createClientRegistry } from '#bulla/store/registry/clients.js'
import { createGrantRegistry } from '#bulla/store/registry/grants.js'
import { createOperatorRevocations } from '#bulla/store/registry/revocations.js'
import { createSessionRegistry } from '#bulla/store/registry/sessions.js'
import { createTenantRegistry, type TenantRecord } from '#bulla/store/registry/tenants.js'
import { createUserRegistry } from '#bulla/store/registry/users.js'
import { type StartedDatabase, startDatabase } from '#bulla/store/start-database.js'
import { DEFAULT_SLUG, issuerOf } from '#bulla/store/tenants.js'
import { RefusedError } from './errors.js'
import { harmless } from './output.js'

/** A script that waits a minute for its database looks as if it hung. */
const PATIENCE_MS = 10_000

export type AdminTenant = TenantRecord & { readonly issuer: string }

/** What a command works with. */
export type Context = ReturnType<typeof registries> & {
  readonly config: Config
  readonly database: StartedDatabase
  readonly log: Log
  /** Who is at the keyboard, for the audit trail. */
  readonly by: Actor
  /** The one of `--tenant`. Throws RefusedError when there is none. */
  readonly tenant: () => Promise<AdminTenant>
  readonly issuerOf: (slug: string) => string
}

/** Opens the database of the environment for one command, and closes it again. */
export async function withContext<T>(slug: string | undefined, work: (context: Context) => Promise<T>): Promise<T> {
  // A command that opens private keys asks for the master key itself.
  const config = loadConfig(readEnvironment(), { masterKeyUnused: true })
  const log = scriptLog(config)
  const database = await startDatabase(config, { kind: 'script', log, migrate: false, patience: PATIENCE_MS })
  try {
    // The server's own word counts, whatever this shell's environment says.
    const publicUrl = (await readPublicUrl(database.pool)) ?? config.publicUrl
    const issuer = (of: string) => issuerOf(publicUrl, of)
    const stores = registries(database)
    const tenant = async () => {
      const found = await stores.tenants.find(slug ?? DEFAULT_SLUG)
      if (found) return { ...found, issuer: issuer(found.slug) }
      throw new RefusedError(
        slug === undefined || slug === DEFAULT_SLUG
          ? 'There is no default tenant yet. Start the server once, with `npm start`: it makes it.'
          : `There is no tenant ${slug}. \`admin tenant list\` names those there are.`,
      )
    }
    return await work({ ...stores, config, database, log, by: operator(), tenant, issuerOf: issuer })
  } finally {
    await database.close()
  }
}

function registries({ prisma }: StartedDatabase) {
  return {
    tenants: createTenantRegistry(prisma),
    users: createUserRegistry(prisma),
    clients: createClientRegistry(prisma),
    apis: createApiRegistry(prisma),
    grants: createGrantRegistry(prisma),
    sessions: createSessionRegistry(prisma),
    trail: createAuditTrail(prisma),
    revocations: createOperatorRevocations(prisma),
  }
}

function operator(): Actor {
  try {
    return { kind: 'operator', id: userInfo().username }
  } catch {
    // A container's user has a number and often no name.
    return { kind: 'operator', id: `uid ${process.getuid?.() ?? 'unknown'}` }
  }
}

function scriptLog({ logLevel }: Config): Log {
  const say = (details: object, message: string): void => {
    process.stderr.write(`${harmless(message)} ${JSON.stringify(details)}\n`)
  }
  const nothing = () => {}
  const isVerbose = logLevel === 'debug' || logLevel === 'trace'
  return { debug: isVerbose ? say : nothing, info: isVerbose ? say : nothing, warn: say, error: say }
}
