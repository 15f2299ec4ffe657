import type pg from 'pg'
import type { Config } from '../config.js'
import { StartError } from '../start-error.js'
import { type Database, openDatabase, reason } from './database.js'
import { type Embedded, openEmbedded } from './embedded/open.js'
import type { Log } from './log.js'
import { migrate, pendingMigrations, readMigrations } from './migrate.js'

export type StartOptions = {
  /** A server keeps an embedded Postgres to itself; a script shares it and leaves it as it found it. */
  kind: 'server' | 'script'
  log: Log
  /** Instead of AUTO_MIGRATE. */
  migrate?: boolean
  /** Milliseconds a database that can't be reached is waited for, instead of the default. */
  patience?: number
}

export type StartedDatabase = Database & {
  /** The same as a connection string, for programs that want one. */
  url: string
  /** Whether it is the embedded one: then a master key may be generated. */
  isEmbedded: boolean
  /** The names of the migrations just applied. */
  migrated: string[]
}

type Settings = Pick<
  Config,
  'databaseUrl' | 'databaseDirectUrl' | 'databasePoolSize' | 'dataDir' | 'port' | 'autoMigrate'
>

/** The database that a connection leads to, and its running Postgres. */
async function destination(connection: Pick<pg.Client, 'query'>): Promise<string> {
  const { rows } = await connection.query<{ name: string; started: string }>(
    'SELECT current_database() AS name, extract(epoch FROM pg_postmaster_start_time())::text AS started',
  )
  return `${rows[0]?.name} ${rows[0]?.started}`
}

/** Migrations in a database that nobody meant could not be taken back. */
async function refuseAnother(direct: pg.Client, { pool }: Database): Promise<void> {
  if ((await destination(direct)) === (await destination(pool))) return
  throw new StartError('DATABASE_DIRECT_URL leads to another database than DATABASE_URL. Nothing was changed there.')
}

type Update = { apply: boolean; pastPooler: boolean }

async function bringUpToDate(database: Database, { apply, pastPooler }: Update): Promise<string[]> {
  const migrations = readMigrations()
  const client = await database.direct().catch((error: unknown) => {
    throw new StartError(
      `The database can't be reached for migrations: ${reason(error)}. Check DATABASE_DIRECT_URL, or else DATABASE_URL.`,
      { cause: error },
    )
  })
  try {
    if (pastPooler) await refuseAnother(client, database)
    if (apply) return await migrate(client, migrations)
    const [missing] = await pendingMigrations(client, migrations)
    if (!missing) return []
    throw new StartError(
      `The database lacks the migration ${missing.name}: run \`npm run migrate\`, or set AUTO_MIGRATE.`,
    )
  } finally {
    await client.end().catch(() => {})
  }
}

function open(config: Settings, address: pg.ClientConfig, { kind, log }: Pick<StartOptions, 'kind' | 'log'>): Database {
  return openDatabase({
    address,
    ...(config.databaseDirectUrl ? { directAddress: { connectionString: config.databaseDirectUrl } } : {}),
    poolSize: config.databasePoolSize,
    name: `bulla ${kind}`,
    log,
  })
}

/**
 * The database of a configuration, ready to use: the embedded one started unless DATABASE_URL says another, waited for, and
 * migrated. `close` drains the pool before it gives up the embedded one. Throws StartError when it can't be had.
 */
export async function startDatabase(config: Settings, options: StartOptions): Promise<StartedDatabase> {
  const { kind, log, migrate, patience } = options
  const embedded: Embedded | undefined = config.databaseUrl
    ? undefined
    : await openEmbedded({ dataDir: config.dataDir, kind, port: config.port, log })
  const database = open(config, embedded?.connection ?? { connectionString: config.databaseUrl }, options)
  const close = async (): Promise<void> => {
    await database.close()
    await embedded?.close()
  }
  try {
    await database.untilReady(patience)
    const migrated = await bringUpToDate(database, {
      apply: migrate ?? config.autoMigrate,
      pastPooler: config.databaseDirectUrl !== undefined,
    })
    return {
      ...database,
      close,
      migrated,
      isEmbedded: embedded !== undefined,
      url: embedded?.url ?? config.databaseUrl ?? '',
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The same for a process beside the one that started it and keeps it. Waits for it, too. */
export async function joinDatabase(
  config: Settings,
  { url, isEmbedded }: Pick<StartedDatabase, 'url' | 'isEmbedded'>,
  log: Log,
): Promise<StartedDatabase> {
  const database = open(config, { connectionString: url }, { kind: 'server', log })
  try {
    await database.untilReady()
    return { ...database, url, isEmbedded, migrated: [] }
  } catch (error) {
    await database.close()
    throw error
  }
}
