import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openEmbedded } from '../../src/store/embedded/open.js'
import type { Connection } from '../../src/store/embedded/start.js'
import { livingUsers } from '../../src/store/embedded/users.js'
import { silent } from '../../src/store/log.js'
import { migrate, readMigrations } from '../../src/store/migrate.js'

declare module 'vitest' {
  interface ProvidedContext {
    postgres: Connection
  }
}

const TEMPLATE = 'bulla_template'

async function using<T>(connection: Connection, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

const PREFIX = 'bulla-test-'

/** Stops and removes what runs left behind that were killed. */
async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((each) => each.startsWith(PREFIX))) {
    const dataDir = join(tmpdir(), name)
    try {
      const users = join(dataDir, 'postgres/users')
      // One that was just made has no users yet.
      if (Date.now() - statSync(users).ctimeMs < 60_000 || livingUsers(users).length > 0) continue
      await (await openEmbedded({ dataDir, kind: 'script', log: silent, durable: false })).close()
      rmSync(dataDir, { recursive: true, force: true })
    } catch {
      // Another run was faster, or it is another user's.
    }
  }
}

/** One Postgres for the whole run, with a migrated database to copy from. It forgets everything in a crash. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeAbandoned()
  const dataDir = mkdtempSync(join(tmpdir(), PREFIX))
  // Where the tests run as root, the user that Postgres runs as must be able to enter.
  chmodSync(dataDir, 0o711)
  const remove = () => rmSync(dataDir, { recursive: true, force: true })
  try {
    const embedded = await openEmbedded({ dataDir, kind: 'script', log: silent, durable: false })
    const { connection } = embedded
    await using(connection, (client) => client.query(`CREATE DATABASE ${TEMPLATE}`))
    await using({ ...connection, database: TEMPLATE }, (client) => migrate(client, readMigrations()))
    project.provide('postgres', connection)
    return async () => {
      await embedded.close()
      remove()
    }
  } catch (error) {
    remove()
    throw error
  }
}

export type TestDatabase = {
  connection: Connection
  /** The same as a connection string, for programs under test. */
  url: string
  /** Drops the database, whoever still uses it. */
  drop: () => Promise<void>
}

/** A pool that has ended is still saying goodbye: a connection killed meanwhile would end the test with an error. */
async function untilUnused(client: pg.Client, database: string): Promise<void> {
  const deadline = Date.now() + 20_000
  while (Date.now() < deadline) {
    const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE datname = $1', [database])
    if (rowCount === 0) return
  }
}

async function make(template: string): Promise<TestDatabase> {
  // Only inside of a test is there something to inject.
  const { inject } = await import('vitest')
  const admin = inject('postgres')
  const database = `test_${randomBytes(6).toString('hex')}`
  await using(admin, (client) => client.query(`CREATE DATABASE ${database} TEMPLATE ${template}`))
  const host = encodeURIComponent(admin.host)
  return {
    connection: { ...admin, database },
    url: `postgresql://${admin.user}:${admin.password}@localhost:${admin.port}/${database}?host=${host}`,
    drop: async () => {
      await using(admin, async (client) => {
        await untilUnused(client, database)
        await client.query(`DROP DATABASE ${database} WITH (FORCE)`)
      })
    },
  }
}

/** A migrated database of its own; make one per test file, in `beforeAll`, and drop it in `afterAll`. */
export const testDatabase = (): Promise<TestDatabase> => make(TEMPLATE)

/** A database without any table. */
export const emptyDatabase = (): Promise<TestDatabase> => make('template0')
