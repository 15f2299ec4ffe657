import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Tenant } from '../../src/oauth/records.js'
import { createFeed } from '../../src/revocation/feed.js'
import { readInstallation } from '../../src/store/installation.js'
import { silent } from '../../src/store/log.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createView } from '../../src/store/view.js'
import { entryDigest } from '../../src/wire/revocation-list.js'
import { knownAfter, type MemorySink, memorySink } from '../support/events.js'
import { eventually } from '../support/eventually.js'
import { makeTenant, type Stage, setStage } from '../support/fixtures.js'
import { proxyTo } from '../support/proxy.js'

let stage: Stage
const ended: (() => Promise<unknown>)[] = []
beforeAll(async () => {
  stage = await setStage()
})
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end()
})
afterAll(() => stage.close())

type Settings = Parameters<typeof createFeed>[1]

/** The feed as a process of its own has it: with its own pool, view and memory. Nothing is sealed here. */
async function openProcess(settings: Settings = {}, connection = stage.database.connection) {
  const pool = new pg.Pool({ ...connection, max: 4, connectionTimeoutMillis: 500 })
  pool.on('error', () => {})
  const direct = async () => {
    const client = new pg.Client(connection)
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const view = createView({ pool, maxStaleness: 5, log: silent, direct })
  const lags: number[] = []
  const feed = createFeed(
    {
      revocations: createRevocations({ pool, installation: await readInstallation(pool) }),
      jwtSigner: {
        keyId: async () => 'key-1',
        sign: async (_tenant, _header, payload) =>
          `e30.${Buffer.from(payload as Uint8Array).toString('base64url')}.c2ln`,
      },
      policy: { accessTokenLifetime: 300, grantLifetime: 1, grantIdleLifetime: 1, maxStaleness: 5 },
      now: () => Date.now() / 1000,
      watch: view.watch,
      log: silent,
      observeLag: (seconds) => void lags.push(seconds),
    },
    settings,
  )
  ended.push(() => pool.end(), view.close, feed.close)
  return {
    view,
    lags,
    async subscribe(tenant: Tenant, since?: string): Promise<MemorySink> {
      const opened = await feed.open({ tenant, reader: 'api_1', since, allowed: async () => true })
      if (opened === 'reset') throw new Error('reset')
      const sink = memorySink()
      opened(sink)
      return sink
    },
  }
}

async function aTenant(): Promise<Tenant> {
  const { id, slug } = await makeTenant(stage.pool)
  return {
    id,
    slug,
    name: slug,
    branding: {},
    issuer: `https://id.example.com/t/${slug}`,
    maxTokenLifetime: 3600,
    disabled: false,
  }
}

/** Appends an entry in a transaction that takes its time, before it has its place in the order and after. */
async function slowly(tenantId: string, value: string): Promise<string> {
  const client = await stage.pool.connect()
  try {
    await client.query('BEGIN')
    await client.query('SELECT pg_sleep(random() / 200)')
    await client.query(`SELECT append_revocation($1, 'jti', $2)`, [tenantId, value])
    await client.query('SELECT pg_sleep(random() / 200)')
    await client.query('COMMIT')
  } finally {
    client.release()
  }
  return entryDigest('jti', value)
}

const known = (sink: MemorySink) => knownAfter(sink.events()).digests

test('tells in one process what was revoked in another, well within a second, and to its own tenant alone', async () => {
  const [one, two] = [await openProcess(), await openProcess()]
  const [ours, theirs] = [await aTenant(), await aTenant()]
  const sinks = [await one.subscribe(ours), await two.subscribe(ours)]
  const other = await two.subscribe(theirs)
  await eventually(() => expect([one.view.stats().listening, two.view.stats().listening]).toEqual([true, true]))
  // The first poll of a tenant makes it one that announcements are heard of.
  await eventually(() => {
    for (const sink of [...sinks, other]) expect(sink.events().map(({ event }) => event)).toContain('heartbeat')
  })
  const digest = await slowly(ours.id, 'a')
  await eventually(() => {
    for (const sink of sinks) expect(known(sink)).toEqual(new Set([digest]))
  })
  expect(Math.max(...one.lags, ...two.lags)).toBeLessThan(1)
  await slowly(theirs.id, 'b')
  await eventually(() => expect(known(other).size).toBe(1))
  for (const sink of sinks) expect(known(sink)).toEqual(new Set([digest]))
})

test('misses nothing and leaves no gap, with ten at once revoking, each taking its time to commit, and readers that come and go', async () => {
  // A memory of little, so that every way to go on is taken.
  const ring = { maxEvents: 4, maxBytes: 1_000_000 }
  const processes = [await openProcess({ ring }), await openProcess({ ring })] as const
  const tenant = await aTenant()
  const written = new Set<string>()
  let writing = true
  const writer = async () => {
    for (let i = 0; i < 15; i++) written.add(await slowly(tenant.id, randomUUID()))
  }
  /** Knows what it has been told over all its connections, and goes from one process to the other. */
  const reader = async (turn: number) => {
    let knows = { revision: -1, digests: new Set<string>() }
    let cursor: string | undefined
    let sink: MemorySink | undefined
    for (let i = turn; writing; i++) {
      sink = await processes[i % 2 === 0 ? 0 : 1].subscribe(tenant, cursor)
      const mine = sink
      await eventually(() => expect(mine.events().length > 0 || !writing).toBe(true))
      for (let pause = 0; pause < 5 && writing; pause++) await new Promise((resolve) => setTimeout(resolve, 5))
      if (!writing) break
      sink.hangUp()
      knows = knownAfter(sink.events(), knows)
      cursor = sink.events().at(-1)?.id ?? cursor
    }
    return () => knownAfter(sink?.events() ?? [], knows).digests
  }
  const readers = Promise.all(Array.from({ length: 8 }, (_, turn) => reader(turn)))
  const staying = await Promise.all(processes.map(({ subscribe }) => subscribe(tenant)))
  await Promise.all(Array.from({ length: 10 }, writer))
  writing = false
  const knowing = [...(await readers), ...staying.map((sink) => () => known(sink))]
  expect(written.size).toBe(150)
  await eventually(() => {
    for (const knows of knowing) expect(knows()).toEqual(written)
  })
})

test('is silent while it is cut off from Postgres, then tells what it missed and beats again', async () => {
  const proxy = await proxyTo(stage.database.connection)
  ended.push(proxy.close)
  const cutOff = await openProcess({ heartbeat: 20 }, proxy.connection)
  const tenant = await aTenant()
  const sink = await cutOff.subscribe(tenant)
  const beats = () => sink.events().flatMap(({ told }) => told.polled_at ?? [])
  await eventually(() => expect(beats().length).toBeGreaterThan(1))
  proxy.cut()
  const cutAt = (performance.timeOrigin + performance.now()) / 1000
  const digest = await slowly(tenant.id, 'unheard')
  await eventually(() => expect(cutOff.view.stats().age).toBeGreaterThan(1.5))
  expect(Math.max(...beats())).toBeLessThanOrEqual(cutAt)
  expect(known(sink).size).toBe(0)
  proxy.mend()
  await eventually(() => expect(known(sink)).toEqual(new Set([digest])))
  await eventually(() => expect(Math.max(...beats())).toBeGreaterThan(cutAt))
  expect(sink.state()).toBe('open')
})

test('sends its readers for a snapshot when the database has lost what they know', async () => {
  const { subscribe, view } = await openProcess()
  const tenant = await aTenant()
  await slowly(tenant.id, 'kept')
  const { rows } = await stage.pool.query('SELECT revision FROM revisions WHERE tenant_id = $1', [tenant.id])
  await slowly(tenant.id, 'lost')
  const sink = await subscribe(tenant)
  await eventually(() => expect(known(sink).size).toBe(2))
  await view.catchUp()
  await stage.pool.query('DELETE FROM revocations WHERE tenant_id = $1 AND revision > $2', [
    tenant.id,
    rows[0].revision,
  ])
  await stage.pool.query('UPDATE revisions SET revision = $2 WHERE tenant_id = $1', [tenant.id, rows[0].revision])
  await eventually(() => expect(sink.state()).toBe('ended'))
  expect(sink.events().at(-1)?.event).toBe('reset')
  expect(known(await subscribe(tenant)).size).toBe(1)
})
