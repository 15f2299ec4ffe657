import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { StartError } from '../../src/start-error.js'
import { silent } from '../../src/store/log.js'
import { startDatabase } from '../../src/store/start-database.js'
import { emptyDatabase, type TestDatabase } from '../support/database.js'

describe('startDatabase with a DATABASE_DIRECT_URL', () => {
  let [one, other]: TestDatabase[] = []

  beforeAll(async () => {
    one = await emptyDatabase()
    other = await emptyDatabase()
  })
  afterAll(() => Promise.all([one?.drop(), other?.drop()]))

  const start = (direct: TestDatabase | undefined) =>
    startDatabase(
      {
        databaseUrl: one?.url,
        databaseDirectUrl: direct?.url,
        databasePoolSize: 2,
        dataDir: '',
        port: 3000,
        autoMigrate: true,
      },
      { kind: 'script', log: silent },
    )

  it('changes nothing in another database that it leads to', async () => {
    const failing = start(other)
    await expect(failing).rejects.toThrow(StartError)
    await expect(failing).rejects.toThrow(/DATABASE_DIRECT_URL leads to another database/)
    const client = new pg.Client(other?.connection)
    await client.connect()
    const { rows } = await client.query("SELECT FROM pg_tables WHERE schemaname = 'public'")
    await client.end()
    expect(rows).toEqual([])
  })

  it('migrates where it leads to the same', async () => {
    const database = await start(one)
    await database.close()
    expect(database.migrated).not.toEqual([])
  })
})
