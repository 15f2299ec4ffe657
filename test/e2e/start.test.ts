import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyDatabase, type TestDatabase, testDatabase } from '../support/database.js'
import { removeData } from '../support/installation.js'
import { type DatabaseProxy, proxyTo } from '../support/proxy.js'
import {
  type Environment,
  embeddedInstallation,
  freePort,
  installation,
  type RunningServer,
  readiness,
  spawnServer,
  startServer,
  stopServers,
} from '../support/server.js'

let database: TestDatabase
let env: Environment
let folder: string

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  folder = mkdtempSync(join(tmpdir(), 'bulla-start-'))
})
afterAll(async () => {
  await stopServers()
  removeData(join(folder, 'data'))
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

async function query(text: string, { connection }: TestDatabase = database): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(connection)
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** What a server says that does not start. It is words for its operator, and nothing else. */
async function refusal(settings: Environment): Promise<string> {
  const server = await spawnServer(settings)
  expect(await server.ended).toBe(1)
  expect(server.stderr()).not.toMatch(/\n +at |Error/)
  expect(server.stdout()).not.toContain('"listening"')
  return server.stderr().trim()
}

/** An address as programs take it, of a connection over TCP. */
const urlOf = ({ user, password, port, database: name }: DatabaseProxy['connection']) =>
  `postgresql://${user}:${password}@127.0.0.1:${port}/${name}`

describe('a server ends with 1, says what to do, and damages nothing', () => {
  it('when its configuration is wrong, all of it said at once', async () => {
    const said = await refusal({
      PUBLIC_URL: 'http://login.example',
      DATABASE_URL: 'mysql://user:sesame@localhost/bulla',
      GRANT_LIFETIME: 'a month',
      MAX_STALENESS: '1',
      FETCH_ALLOW: '10.0.0.0/33',
      LOG_LEVEL: 'loud',
      DATA_DIR: join(folder, 'never'),
    })
    expect(said.split('\n').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      "The configuration can't",
      '- PUBLIC_URL must',
      '- DATABASE_URL must',
      '- GRANT_LIFETIME must',
      '- MAX_STALENESS must',
      '- FETCH_ALLOW must',
      '- LOG_LEVEL must',
      '- MASTER_KEY is',
    ])
    expect(said).not.toContain('sesame')
    expect(existsSync(join(folder, 'never'))).toBe(false)
  })

  it.each(['PORT', 'METRICS_PORT'])('when its %s is in use', async (setting) => {
    const stranger: Server = createServer()
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    const address = stranger.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const { DATABASE_URL: _, ...embedded } = env
    const dataDir = join(folder, 'never')
    // The one is taken before anything else is touched.
    const settings = setting === 'PORT' ? { ...embedded, DATA_DIR: dataDir } : env
    const said = await refusal({ ...settings, [setting]: String(port) })
    expect(said).toBe(
      `Port ${port} on 127.0.0.1 is in use by another program. Stop that, or set ${setting} to another one.`,
    )
    expect(existsSync(dataDir)).toBe(false)
    stranger.close()
  })

  it('when its data directory cannot be one', async () => {
    const file = join(folder, 'a-file')
    writeFileSync(file, 'mine')
    const said = await refusal(await embeddedInstallation(file))
    expect(said).toMatch(/^The data directory .*a-file can't be used: .*set DATA_DIR/)
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })

  it('when the database knows another password', async () => {
    const said = await refusal({ ...env, DATABASE_URL: env['DATABASE_URL']?.replace(/:[^:@/]+@/, ':wrong@') ?? '' })
    expect(said).toMatch(/^The database refuses us: .*authentication failed.*Check DATABASE_URL\.$/)
  })

  describe('when the database', () => {
    let odd: TestDatabase
    beforeAll(async () => {
      odd = await emptyDatabase()
    })
    afterAll(() => odd.drop())

    it('lacks migrations, and it may not apply them', async () => {
      const said = await refusal({ ...env, DATABASE_URL: odd.url, AUTO_MIGRATE: 'false' })
      expect(said).toMatch(/^The database lacks the migration \d+_\w+: run `npm run migrate`, or set AUTO_MIGRATE\.$/)
      expect(await query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", odd)).toEqual([])
    })

    it('is a Postgres that is too old', async () => {
      await query('CREATE SCHEMA odd', odd)
      await query(`ALTER DATABASE ${odd.connection.database} SET search_path = odd, pg_catalog`, odd)
      await query(
        `CREATE FUNCTION odd.current_setting(name text) RETURNS text LANGUAGE sql AS
           $$ SELECT CASE name WHEN 'server_version' THEN '13.22' ELSE '130022' END $$`,
        odd,
      )
      const said = await refusal({ ...env, DATABASE_URL: odd.url })
      expect(said).toBe('Postgres 13.22 is too old: point DATABASE_URL at a Postgres 14 or newer.')
    })
  })

  it('when its master key is not that of the database', async () => {
    const first = await startServer(env)
    const before = await query('SELECT * FROM keys ORDER BY tenant_id, id')
    expect(before.length).toBeGreaterThan(5)
    const said = await refusal(await installation(database.url))
    expect(said).toMatch(
      /^The keys in the database are sealed with the master key (\S+), and this one is (?!\1)\S+\. Nothing was changed\. Set MASTER_KEY/,
    )
    const { MASTER_KEY: _, ...without } = env
    expect(await refusal(without)).toMatch(/- MASTER_KEY is required with DATABASE_URL/)
    expect(await query('SELECT * FROM keys ORDER BY tenant_id, id')).toEqual(before)
    expect(await first.stop()).toBe(0)
  })
})

describe('a data directory', () => {
  let dataDir: string
  let its: Environment
  let server: RunningServer

  beforeAll(async () => {
    dataDir = join(folder, 'data')
    its = await embeddedInstallation(dataDir)
    server = await startServer(its)
  })

  it('is one server’s alone: a second is told which', async () => {
    const said = await refusal(its)
    const { port } = new URL(server.url)
    expect(said).toBe(
      `The data directory is in use by a running instance (pid ${server.process.pid}, port ${port}). ` +
        'Stop that one first, or give this one a DATA_DIR of its own.',
    )
    expect((await readiness(server))?.status).toBe(200)
  })

  it('whose master key is gone gets no other: with the old one back the server starts', async () => {
    expect(await server.stop()).toBe(0)
    const key = join(dataDir, 'master.key')
    renameSync(key, `${key}.away`)
    const before = readdirSync(dataDir)
    expect(await refusal(its)).toMatch(/^The master key .*master\.key is missing, .*Restore the file from a backup/)
    expect(readdirSync(dataDir)).toEqual(before)
    renameSync(`${key}.away`, key)
    server = await startServer(its)
    expect(await server.stop()).toBe(0)
  })
})

describe('while the database is away', () => {
  let proxy: DatabaseProxy
  let itsEnv: Environment

  beforeAll(async () => {
    proxy = await proxyTo(database.connection)
    itsEnv = { ...env, DATABASE_URL: urlOf(proxy.connection), MAX_STALENESS: '2', PORT: String(await freePort()) }
  })
  afterAll(() => proxy.close())

  const token = ({ url }: RunningServer) => fetch(`${url}/oauth2/token`, { method: 'POST' })

  it('a server that starts says so on its port, waits, and is ready once it comes', async () => {
    proxy.cut()
    const server = await spawnServer(itsEnv)
    await expect.poll(async () => (await readiness(server))?.body.reason).toMatch(/^waiting for the database: /)
    expect((await readiness(server))?.status).toBe(503)
    const answer = await token(server)
    expect(answer.status).toBe(503)
    expect(answer.headers.get('retry-after')).toBe('1')
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
    proxy.mend()
    await expect.poll(async () => (await readiness(server))?.status).toBe(200)
    expect(await server.stop()).toBe(0)
  })

  it('a server that waits for it ends when asked to', async () => {
    proxy.cut()
    const server = await spawnServer(itsEnv)
    await expect.poll(() => server.stdout()).toContain('"waiting for the database"')
    expect(await server.stop()).toBe(0)
    proxy.mend()
  })

  it('a running server says why it cannot serve, and goes on by itself when it is back', async () => {
    const server = await startServer(itsEnv)
    const status = async () => (await readiness(server))?.status
    proxy.cut()
    await expect.poll(status).toBe(503)
    expect((await readiness(server))?.body.reason).toMatch(/^The database can't be used: \S/)
    const answer = await fetch(`${server.url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'somebody', client_secret: 'x' }),
    })
    // Not 401: it would log everybody out.
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${server.url}/health/live`)).status).toBe(200)
    proxy.mend()
    await expect.poll(status).toBe(200)
    expect((await fetch(`${server.url}/jwks`)).status).toBe(200)
    expect(await server.stop()).toBe(0)
  })
})
