import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Migration, migrate, pendingMigrations, readMigrations } from '../../src/store/migrate.js'
import { emptyDatabase, type TestDatabase, testDatabase } from '../support/database.js'

const migration = (name: string, sql: string): Migration => ({
  name,
  sql,
  checksum: createHash('sha256').update(sql).digest('hex'),
})
const users = migration('20260101000000_users', 'CREATE TABLE users (id int); INSERT INTO users VALUES (1);')
const clients = migration('20260102000000_clients', 'CREATE TABLE clients (id int);')

describe('migrate', () => {
  let database: TestDatabase
  let client: pg.Client
  const clientsMade: pg.Client[] = []

  async function connect(): Promise<pg.Client> {
    const made = new pg.Client(database.connection)
    clientsMade.push(made)
    await made.connect()
    return made
  }

  beforeEach(async () => {
    database = await emptyDatabase()
    client = await connect()
    return async () => {
      for (const made of clientsMade.splice(0)) await made.end()
      await database.drop()
    }
  })

  const records = async () => (await client.query('SELECT * FROM _prisma_migrations ORDER BY migration_name')).rows

  it('applies what is missing, in order, once', async () => {
    expect(await migrate(client, [users])).toEqual([users.name])
    expect(await migrate(client, [users, clients])).toEqual([clients.name])
    expect(await migrate(client, [users, clients])).toEqual([])
    expect((await client.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 1 }])
  })

  it('records a migration as Prisma does', async () => {
    await migrate(client, [users])
    expect(await records()).toEqual([
      {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        checksum: users.checksum,
        finished_at: expect.any(Date),
        migration_name: users.name,
        logs: null,
        rolled_back_at: null,
        started_at: expect.any(Date),
        applied_steps_count: 1,
      },
    ])
  })

  it('leaves nothing of a migration that fails, and keeps those before it', async () => {
    const broken = migration('20260103000000_broken', 'CREATE TABLE half (id int); SELECT 1 / 0;')
    await expect(migrate(client, [users, broken])).rejects.toThrow(/20260103000000_broken failed .* division by zero/)
    expect((await client.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }])
    expect(await pendingMigrations(client, [users, broken])).toEqual([broken])
    expect(await migrate(await connect(), [users, clients])).toEqual([clients.name])
  })

  it('leaves nothing of a migration that it can not record', async () => {
    await migrate(client, [users])
    const odd = migration('20260103000000_odd', 'CREATE TABLE half (id int);')
    // Longer than its column.
    await expect(migrate(client, [users, { ...odd, checksum: 'x'.repeat(65) }])).rejects.toThrow(
      /20260103000000_odd failed .* too long/,
    )
    expect((await client.query("SELECT to_regclass('half') AS half")).rows).toEqual([{ half: null }])
  })

  it('refuses a migration that was changed after it was applied', async () => {
    await migrate(client, [users])
    const changed = migration(users.name, 'CREATE TABLE users (id bigint);')
    await expect(migrate(client, [changed])).rejects.toThrow(/changed after it was applied/)
  })

  it('refuses a database that is newer than the release', async () => {
    await migrate(client, [users, clients])
    await expect(migrate(client, [users])).rejects.toThrow(/newer than this release.*20260102000000_clients/)
  })

  it('refuses to go on after a migration that failed under Prisma, until it is marked as rolled back', async () => {
    await migrate(client, [users])
    await client.query('UPDATE _prisma_migrations SET finished_at = NULL')
    await expect(migrate(client, [users])).rejects.toThrow(/prisma migrate resolve/)
    await client.query('UPDATE _prisma_migrations SET rolled_back_at = now()')
    expect(await pendingMigrations(client, [users])).toEqual([users])
  })

  it('lets one of several processes apply while the others wait', async () => {
    const several = await Promise.all([connect(), connect(), connect(), connect()])
    const slow = migration(users.name, `SELECT pg_sleep(0.2); ${users.sql}`)
    const applied = await Promise.all(several.map((each) => migrate(each, [slow, clients])))
    expect(applied.flat()).toEqual([slow.name, clients.name])
    expect(await records()).toHaveLength(2)
  })

  it('names what is missing without writing anything', async () => {
    expect(await pendingMigrations(client, [users])).toEqual([users])
    expect((await client.query("SELECT to_regclass('_prisma_migrations') AS made")).rows).toEqual([{ made: null }])
  })
})

describe('readMigrations', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'bulla-migrations-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('reads the folders in the order of their names, and no file beside them', () => {
    for (const { name, sql } of [clients, users]) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'migration.sql'), sql)
    }
    writeFileSync(join(folder, 'migration_lock.toml'), 'provider = "postgresql"')
    expect(readMigrations(folder)).toEqual([users, clients])
  })

  it('finds none in a folder that is not there', () => {
    expect(readMigrations(join(folder, 'none'))).toEqual([])
  })
})

describe('the database of a test', () => {
  it('has the migrations of this release', async () => {
    const database = await testDatabase()
    const client = new pg.Client(database.connection)
    await client.connect()
    expect(await pendingMigrations(client, readMigrations())).toEqual([])
    await client.end()
    await database.drop()
  })
})
