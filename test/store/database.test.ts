import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { StartError } from '../../src/start-error.js'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/store/database.js'
import { silent } from '../../src/store/log.js'
import { emptyDatabase, type TestDatabase } from '../support/database.js'

describe('openDatabase', () => {
  let test: TestDatabase
  const opened: Database[] = []

  beforeAll(async () => {
    test = await emptyDatabase()
  })
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close()
  })
  afterAll(() => test.drop())

  function open(options: Partial<DatabaseOptions> = {}): Database {
    const address = { connectionString: test.url }
    const database = openDatabase({ address, poolSize: 4, name: 'a test', log: silent, ...options })
    opened.push(database)
    return database
  }

  async function one(database: Pick<pg.Pool, 'query'>, text: string): Promise<Record<string, unknown>> {
    return (await database.query(text)).rows[0]
  }

  const named = { name: 'seven', text: 'SELECT $1::int + 1 AS n', values: [6] }
  const prepared = `SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name = 'seven'`

  it('lets Prisma and hand-written statements share one pool', async () => {
    const { prisma, pool } = open({ poolSize: 2 })
    await Promise.all(Array.from({ length: 8 }, () => [prisma.$queryRaw`SELECT 1`, pool.query('SELECT 1')]).flat())
    const { n } = await one(pool, `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database()`)
    expect(n).toBeLessThanOrEqual(2)
  })

  it('keeps named statements prepared', async () => {
    const { pool } = open({ poolSize: 1 })
    expect((await pool.query(named)).rows).toEqual([{ n: 7 }])
    expect(await one(pool, prepared)).toEqual({ n: 1 })
  })

  it('prepares nothing behind a transaction pooler, where the next statement may meet another session', async () => {
    const { pool } = open({ poolSize: 1, directAddress: { connectionString: test.url } })
    expect((await pool.query(named)).rows).toEqual([{ n: 7 }])
    expect(await one(pool, prepared)).toEqual({ n: 0 })
  })

  it('limits how long a pooled statement and a lock may take, and a direct connection not', async () => {
    const settings = `SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
      current_setting('idle_in_transaction_session_timeout') AS idle`
    const database = open()
    expect(await one(database.pool, settings)).toEqual({ statement: '15s', lock: '5s', idle: '15s' })
    const direct = await database.direct()
    expect(await one(direct, settings)).toEqual({ statement: '0', lock: '0', idle: '0' })
    await direct.end()
  })

  it('asks a pooler for no settings, which it would refuse', async () => {
    const { pool } = open({ directAddress: { connectionString: test.url } })
    expect(await one(pool, 'SHOW statement_timeout')).toEqual({ statement_timeout: '0' })
  })

  it('answers int8 as text, so that none is rounded', async () => {
    expect(await one(open().pool, 'SELECT 9007199254740993::int8 AS n')).toEqual({ n: '9007199254740993' })
  })

  it('goes on after all its connections were cut', async () => {
    const database = open()
    await database.pool.query('SELECT 1')
    const direct = await database.direct()
    const ended = new Promise((resolve) => direct.once('end', resolve))
    const admin = new pg.Client(test.connection)
    await admin.connect()
    await admin.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    )
    await admin.end()
    await ended
    await expect.poll(() => database.problem()).toBeUndefined()
  })

  it('goes on when a connection breaks that somebody holds without asking it anything', async () => {
    const said: string[] = []
    const { pool } = open({ poolSize: 1, log: { ...silent, warn: (_, message) => void said.push(message) } })
    const held = await pool.connect()
    const { rows } = await held.query('SELECT pg_backend_pid() AS pid')
    await open().pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
    await expect.poll(() => said).toContain('a database connection broke')
    held.release()
    expect(await one(pool, 'SELECT 1 AS n')).toEqual({ n: 1 })
  })

  it('lets what is in flight finish before it closes', async () => {
    const database = open()
    const slow = database.pool.query('SELECT pg_sleep(0.3), 1 AS n')
    await expect.poll(() => database.pool.totalCount - database.pool.idleCount).toBe(1)
    await database.close()
    expect((await slow).rows).toMatchObject([{ n: 1 }])
    await expect(database.pool.query('SELECT 1')).rejects.toThrow()
  })

  it('is closed only when the other side has ended every connection too', async () => {
    let ended = 0
    const slow = createServer({ allowHalfOpen: true }, (socket) => {
      const upstream = connect(`${test.connection.host}/.s.PGSQL.5432`)
      upstream.pipe(socket, { end: false })
      socket.pipe(upstream)
      upstream.on('end', async () => {
        await wait(100)
        ended += 1
        socket.end()
      })
    })
    slow.listen(0, '127.0.0.1')
    await once(slow, 'listening')
    const { port } = slow.address() as { port: number }
    const database = open({ address: { ...test.connection, host: '127.0.0.1', port } })
    await Promise.all([1, 2, 3].map(() => database.pool.query('SELECT pg_sleep(0.1)')))
    await database.close()
    expect(ended).toBe(3)
    slow.close()
  })

  it.each([
    ['password', (url: string) => url.replace(/:[^:@/]+@/, ':wrong@')],
    ['database', (url: string) => url.replace(/\/test_\w+/, '/nowhere')],
  ])('gives up at once over a wrong %s', async (_, change) => {
    const database = open({ address: { connectionString: change(test.url) } })
    await expect(database.untilReady(60_000)).rejects.toThrow(
      /refuses us: .*(authentication failed|does not exist).*DATABASE_URL/,
    )
    expect(await database.problem()).toMatch(/authentication failed|does not exist/)
  })

  it('asks at once for the address past a pooler that nobody said is one', async () => {
    const said = 'SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0'
    const length = Buffer.alloc(4)
    length.writeInt32BE(length.length + said.length)
    const pooler = createServer((socket) => {
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from('E'), length, Buffer.from(said)])))
    })
    pooler.listen(0, '127.0.0.1')
    await once(pooler, 'listening')
    const { port } = pooler.address() as { port: number }
    const database = open({ address: { ...test.connection, host: '127.0.0.1', port } })
    await expect(database.untilReady(60_000)).rejects.toThrow(/pooler \(unsupported.*set DATABASE_DIRECT_URL/)
    pooler.close()
  })

  describe('while the database is away', () => {
    let proxy: Server
    let port: number
    const sockets = new Set<Socket>()

    beforeAll(async () => {
      proxy = createServer((socket) => {
        const { host } = test.connection
        const upstream = connect(`${host}/.s.PGSQL.5432`)
        for (const each of [socket, upstream]) {
          sockets.add(each)
          each.on('error', () => {}).on('close', () => sockets.delete(each))
        }
        socket.pipe(upstream).pipe(socket)
      })
      proxy.listen(0, '127.0.0.1')
      await once(proxy, 'listening')
      port = (proxy.address() as { port: number }).port
      await away()
    })
    afterAll(() => away())

    async function away(): Promise<void> {
      if (!proxy.listening) return
      const closed = once(proxy, 'close')
      proxy.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }

    const address = () => ({ ...test.connection, host: '127.0.0.1', port })

    it('waits for it, saying why', async () => {
      const said: string[] = []
      const log = { ...silent, warn: (details: object) => void said.push(JSON.stringify(details)) }
      const database = open({ address: address(), log })
      const ready = database.untilReady(60_000)
      await expect.poll(() => said.join()).toContain('ECONNREFUSED')
      expect(await database.problem()).toContain('ECONNREFUSED')
      proxy.listen(port, '127.0.0.1')
      await ready
      expect(await database.problem()).toBeUndefined()
      await away()
      await expect.poll(() => database.problem()).toContain('ECONNREFUSED')
    })

    it('gives up when its patience is over, and not before', async () => {
      const database = open({ address: address() })
      const begun = performance.now()
      await expect(database.untilReady(500)).rejects.toThrow(/tried for 0\.5 s: .*ECONNREFUSED.*DATABASE_URL/)
      expect(performance.now() - begun).toBeGreaterThan(490)
    })
  })

  describe('on a database that says something else of itself', () => {
    let odd: TestDatabase

    beforeAll(async () => {
      odd = await emptyDatabase()
      const client = new pg.Client(odd.connection)
      await client.connect()
      await client.query('CREATE SCHEMA odd')
      await client.query(`ALTER DATABASE ${odd.connection.database} SET search_path = odd, pg_catalog`)
      await client.end()
    })
    afterAll(() => odd.drop())

    async function pretend(body: string): Promise<void> {
      const client = new pg.Client(odd.connection)
      await client.connect()
      await client.query(`DROP SCHEMA odd CASCADE; CREATE SCHEMA odd; CREATE FUNCTION odd.${body}`)
      await client.end()
    }

    it('refuses a Postgres that is too old', async () => {
      await pretend(`current_setting(name text) RETURNS text LANGUAGE sql AS
        $$ SELECT CASE name WHEN 'server_version' THEN '13.22' ELSE '130022' END $$`)
      const database = open({ address: odd.connection })
      await expect(database.untilReady(60_000)).rejects.toThrow(StartError)
      await expect(database.untilReady(60_000)).rejects.toThrow(/Postgres 13\.22 is too old.*14 or newer/)
    })

    it('waits for a standby to become the primary', async () => {
      await pretend('pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS $$ SELECT true $$')
      const database = open({ address: odd.connection })
      expect(await database.problem()).toMatch(/read-only standby/)
      const ready = database.untilReady(60_000)
      await pretend('pg_is_in_recovery() RETURNS boolean LANGUAGE sql AS $$ SELECT false $$')
      await ready
    })
  })
})
