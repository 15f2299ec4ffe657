import { setTimeout as wait } from 'node:timers/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { StartError } from '../start-error.js'
import { PrismaClient } from './generated/client.js'
import type { Log } from './log.js'

export type DatabaseOptions = {
  /** How to reach it: `connectionString`, or `host` and the rest. */
  address: pg.ClientConfig
  /** The same database past its transaction pooler; set only if there is one. */
  directAddress?: pg.ClientConfig
  /** Most connections of this process, `direct` ones apart. */
  poolSize: number
  /** What the database's own lists call us. */
  name: string
  log: Log
}

/** One pool for everything: Prisma and hand-written statements share it. int8 columns come as strings, pg's default. */
export type Database = {
  pool: pg.Pool
  prisma: PrismaClient
  /** A connection with a session of its own and no time limits, for LISTEN and migrations. The caller ends it. */
  direct: () => Promise<pg.Client>
  /** Why the database can't be used now, in words for the log and readiness; undefined if it can. */
  problem: () => Promise<string | undefined>
  /** Waits until it can be used, backing off. Throws StartError when that would not help, or takes longer than `patience` ms. */
  untilReady: (patience?: number) => Promise<void>
  /** Lets queries in flight finish, then closes every pooled connection. */
  close: () => Promise<void>
}

const OLDEST = 14
const PATIENCE_MS = 60_000
// Of what waits, the shortest gives up first: a lock, the statement, then the client, for a network that swallows answers.
const LIMITS = {
  lock_timeout: 5_000,
  statement_timeout: 15_000,
  idle_in_transaction_session_timeout: 15_000,
}
const QUERY_LIMIT_MS = 20_000
const CONNECT_LIMIT_MS = 5_000
const GOODBYE_LIMIT_MS = 2_000
// Connections move to a new primary or a new address within this, also where nobody ends the old ones.
const CONNECTION_LIFETIME_S = 1_800

// Wrong name, password or certificate: no waiting changes it. SQLSTATE classes 28 and 3D; Node's names for certificates.
const HOPELESS = /^(28|3D)|CERT|^ERR_TLS|^ERR_SSL|^UNABLE_TO_(GET|VERIFY)/

function isHopeless(error: unknown): boolean {
  const { code, message } = error as { code?: string; message?: string }
  return HOPELESS.test(code ?? '') || /does not support SSL|SASL/.test(message ?? '')
}

/** A pooler that takes no settings in the start of a connection: nobody told us that it is one. */
const isPooler = (error: unknown): boolean => /unsupported startup parameter/.test(reason(error))

/** What an error of the database says, for people. */
export function reason(error: unknown): string {
  // A host with several addresses fails with one error for each, and no message of its own.
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors.map((each) => (each instanceof Error ? each.message : String(each))).join('; ')
}

/** Behind a transaction pooler the next statement may meet another session, which knows no statement by that name. */
function unnamed(client: pg.PoolClient): void {
  const query = client.query
  const strip = (first: unknown) =>
    typeof first === 'object' && first !== null && 'name' in first && !('submit' in first)
      ? { ...first, name: '' }
      : first
  client.query = ((first: unknown, ...rest: unknown[]) =>
    Reflect.apply(query, client, [strip(first), ...rest])) as typeof client.query
}

/** The connections of a pool that are open: it forgets them before they have ended. */
function track(pool: pg.Pool): Set<Promise<unknown>> {
  const open = new Set<Promise<unknown>>()
  pool.on('connect', (client) => {
    const ended: Promise<unknown> = new Promise((resolve) => client.once('end', resolve)).then(() => open.delete(ended))
    open.add(ended)
  })
  return open
}

function openPool({ address, directAddress, poolSize, name, log }: DatabaseOptions): pg.Pool {
  const pool = new pg.Pool({
    ...address,
    // A pooler refuses settings in the start of a connection; there they belong to the role.
    ...(directAddress ? {} : LIMITS),
    query_timeout: QUERY_LIMIT_MS,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    idleTimeoutMillis: 30_000,
    maxLifetimeSeconds: CONNECTION_LIFETIME_S,
    keepAlive: true,
    max: poolSize,
    application_name: name,
  })
  // Without listeners, a connection that breaks would end the process: the pool's are for idle ones alone.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', (error) => log.warn({ reason: error.message }, 'a database connection broke'))
    if (directAddress) unnamed(client)
  })
  return pool
}

async function state(pool: pg.Pool): Promise<{ version: string; major: number; standby: boolean }> {
  const { rows } = await pool.query<{ version: string; number: string; standby: boolean }>(
    `SELECT current_setting('server_version') AS version, current_setting('server_version_num') AS number,
            pg_is_in_recovery() AS standby`,
  )
  const { version = '', number = '0', standby = false } = rows[0] ?? {}
  return { version, major: Math.floor(Number(number) / 10_000), standby }
}

/** Opens a pool of connections. Nothing is connected before the first query. */
export function openDatabase(options: DatabaseOptions): Database {
  const { address, directAddress = address, name, log } = options
  const pool = openPool(options)
  const open = track(pool)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })

  async function attempt(): Promise<string | undefined> {
    const { version, major, standby } = await state(pool)
    if (major < OLDEST) {
      throw new StartError(`Postgres ${version} is too old: point DATABASE_URL at a Postgres ${OLDEST} or newer.`)
    }
    return standby ? 'it is a read-only standby' : undefined
  }

  async function problem(): Promise<string | undefined> {
    try {
      return await attempt()
    } catch (error) {
      return reason(error)
    }
  }

  async function untilReady(patience = PATIENCE_MS): Promise<void> {
    const deadline = Date.now() + patience
    for (let pause = 100; ; pause = Math.min(2 * pause, 5_000)) {
      const why = await attempt().catch((error: unknown) => {
        if (error instanceof StartError) throw error
        if (isPooler(error)) {
          throw new StartError(
            `DATABASE_URL leads to a connection pooler (${reason(error)}): set DATABASE_DIRECT_URL to the same database past it.`,
            { cause: error },
          )
        }
        if (isHopeless(error)) {
          throw new StartError(`The database refuses us: ${reason(error)}. Check DATABASE_URL.`, { cause: error })
        }
        return reason(error)
      })
      if (why === undefined) return
      const left = deadline - Date.now()
      if (left <= 0) {
        throw new StartError(
          `The database can't be used, tried for ${patience / 1000} s: ${why}. Start it, or check DATABASE_URL.`,
        )
      }
      // The last try is at the end of the patience, not before.
      const next = Math.min(pause, left)
      log.warn({ reason: why, again_in_ms: next }, 'waiting for the database')
      await wait(next)
    }
  }

  async function direct(): Promise<pg.Client> {
    const client = new pg.Client({
      ...directAddress,
      application_name: `${name} direct`,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      keepAlive: true,
    })
    // Its end comes as `end` too; without a listener the error would end the process.
    client.on('error', (error) => log.warn({ reason: error.message }, 'a direct database connection broke'))
    await client.connect()
    return client
  }

  async function close(): Promise<void> {
    await prisma.$disconnect()
    await pool.end()
    // A network that is gone does not keep us.
    await Promise.race([Promise.all(open), wait(GOODBYE_LIMIT_MS, undefined, { ref: false })])
  }

  let closed: Promise<void> | undefined
  return {
    pool,
    prisma,
    direct,
    problem,
    untilReady,
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
