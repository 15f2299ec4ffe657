import { createHash, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import { StartError } from '../start-error.js'

/** One folder of prisma/migrations. `checksum` is the SHA-256 of its SQL in hex, as Prisma computes it. */
export type Migration = { name: string; sql: string; checksum: string }

type Client = Pick<pg.ClientBase, 'query'>
type Row = { migration_name: string; checksum: string; finished_at: Date | null }

// The number Prisma locks, so that `prisma migrate deploy` and we exclude each other.
const LOCK = 72707369

// As long as this, a table's lock is waited for: everybody else who wants that table waits behind us.
const LOCK_TIMEOUT = '30s'

const TABLE = `
  CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`

// The same from src/store and dist/store.
const FOLDER = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/** The migrations of a folder in the order they are applied, those of this release by default. */
export function readMigrations(folder = FOLDER): Migration[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
}

function judge(migrations: Migration[], applied: Row[]): Migration[] {
  const known = new Map(migrations.map((migration) => [migration.name, migration]))
  for (const { migration_name: name, checksum, finished_at } of applied) {
    const migration = known.get(name)
    if (!finished_at) {
      throw new StartError(
        `The migration ${name} failed half way under Prisma. Mend it with \`prisma migrate resolve\`.`,
      )
    }
    if (!migration) {
      throw new StartError(
        `The database is newer than this release: it has the migration ${name}, which this release doesn't know. ` +
          'Start the newer release, or restore the database from before its upgrade.',
      )
    }
    if (migration.checksum !== checksum) {
      throw new StartError(
        `The migration ${name} was changed after it was applied. Restore its migration.sql; changes belong in a new one.`,
      )
    }
  }
  const done = new Set(applied.map((row) => row.migration_name))
  return migrations.filter(({ name }) => !done.has(name))
}

/**
 * The migrations that a database still lacks. Throws StartError when the two don't fit: the database is newer, an applied
 * migration was changed, or one of Prisma's failed.
 */
export async function pendingMigrations(client: Client, migrations: Migration[]): Promise<Migration[]> {
  const { rows: tables } = await client.query("SELECT to_regclass('_prisma_migrations') AS found")
  if (tables[0]?.found === null) return migrations
  const { rows } = await client.query<Row>(
    'SELECT migration_name, checksum, finished_at FROM _prisma_migrations WHERE rolled_back_at IS NULL',
  )
  return judge(migrations, rows)
}

async function apply(client: Client, { name, sql, checksum }: Migration): Promise<void> {
  const startedAt = new Date()
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`)
    await client.query(sql)
    await client.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name, startedAt],
    )
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {})
    throw new StartError(
      `The migration ${name} failed and left nothing behind: ${(error as Error).message}. ` +
        'Check the rights of the database role and what else holds locks there, then start again.',
      { cause: error },
    )
  }
}

/**
 * Brings a database up to date, each migration in a transaction of its own, and records them as `prisma migrate deploy`
 * would. Of several processes one applies and the others wait. Needs a session of its own, not a transaction pooler's.
 * Returns the names of what it applied; throws StartError when database and migrations don't fit.
 */
export async function migrate(client: Client, migrations: Migration[]): Promise<string[]> {
  await client.query('SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0')
  await client.query(`SELECT pg_advisory_lock(${LOCK})`)
  try {
    const pending = await pendingMigrations(client, migrations)
    if (pending.length > 0) await client.query(TABLE)
    for (const migration of pending) await apply(client, migration)
    return pending.map(({ name }) => name)
  } finally {
    await client.query(`SELECT pg_advisory_unlock(${LOCK})`)
  }
}
