import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { silent } from '../../src/store/log.js'
import { createView, type RememberingView } from '../../src/store/view.js'
import { eventually } from '../support/eventually.js'
import { operator, type Stage, setStage } from '../support/fixtures.js'
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

/** A view as a process of its own would have it, with its own pool. */
function openView({
  maxStaleness = 5,
  listening = true,
  connection = stage.database.connection,
  interval = 500,
} = {}): RememberingView {
  const pool = new pg.Pool({ ...connection, max: 4, connectionTimeoutMillis: 500 })
  pool.on('error', () => {})
  const direct = async () => {
    const client = new pg.Client(connection)
    client.on('error', () => {})
    await client.connect()
    return client
  }
  const view = createView({ pool, maxStaleness, interval, log: silent, ...(listening && { direct }) })
  ended.push(() => pool.end(), view.close)
  return view
}

async function openProxy() {
  const proxy = await proxyTo(stage.database.connection)
  ended.push(proxy.close)
  return proxy
}

const revokeClient = async (world = stage.ours) => {
  const { rows } = await stage.pool.query('SELECT revoke_client($1, $2, $3, $4) AS r', [
    world.tenant.id,
    world.client.id,
    operator,
    'test',
  ])
  return Number(rows[0].r)
}

/** Counts how often the database would be read. */
function counter(view: RememberingView, tenantId: string) {
  let loads = 0
  const key = randomUUID()
  const read = () => view.remember({ tenantId, kind: 'test', key }, async () => ++loads)
  return { read, loads: () => loads }
}

async function warm(view: RememberingView, ...tenantIds: string[]): Promise<void> {
  for (const tenantId of tenantIds) await view.judged(tenantId)
}

describe('what is remembered', () => {
  test('is read once and forgotten when a client of the tenant is revoked, and only then', async () => {
    const view = openView()
    const [ours, theirs] = [counter(view, stage.ours.tenant.id), counter(view, stage.theirs.tenant.id)]
    await warm(view, stage.ours.tenant.id, stage.theirs.tenant.id)
    for (let i = 0; i < 3; i++) await Promise.all([ours.read(), theirs.read()])
    expect([ours.loads(), theirs.loads()]).toEqual([1, 1])

    await revokeClient()
    await view.catchUp()
    await Promise.all([ours.read(), theirs.read()])
    expect([ours.loads(), theirs.loads()]).toEqual([2, 1])
  })

  test('is forgotten when an operator changes something', async () => {
    const view = openView()
    const { read, loads } = counter(view, stage.ours.tenant.id)
    await warm(view, stage.ours.tenant.id)
    await read()
    await stage.pool.query('SELECT config_changed($1)', [stage.ours.tenant.id])
    await view.catchUp()
    await read()
    expect(loads()).toBe(2)
  })

  test('outlives the revocation of a token, while the revision moves on', async () => {
    const view = openView()
    const { read, loads } = counter(view, stage.ours.tenant.id)
    await warm(view, stage.ours.tenant.id)
    await read()
    const { rows } = await stage.pool.query('SELECT revoke_token($1, $2, $3, $4) AS r', [
      stage.ours.tenant.id,
      randomUUID(),
      operator,
      {},
    ])
    await view.catchUp()
    expect((await view.judged(stage.ours.tenant.id)).rev).toBe(Number(rows[0].r))
    await read()
    expect(loads()).toBe(1)
  })

  test('is not what a load found that began before the change', async () => {
    const view = openView()
    const tenantId = stage.ours.tenant.id
    await warm(view, tenantId)
    const what = { tenantId, kind: 'test', key: randomUUID() }
    let finish = (_: string) => {}
    const old = view.remember(what, () => new Promise<string>((resolve) => (finish = resolve)))
    await revokeClient()
    await view.catchUp()
    expect(await view.remember(what, async () => 'new')).toBe('new')
    finish('old')
    expect(await old).toBe('old')
    expect(await view.remember(what, async () => 'unread')).toBe('new')
  })

  test('is read by one of many who ask at once', async () => {
    const view = openView()
    const { read, loads } = counter(view, stage.ours.tenant.id)
    await warm(view, stage.ours.tenant.id)
    expect(await Promise.all(Array.from({ length: 20 }, read))).toEqual(Array(20).fill(1))
    expect(loads()).toBe(1)
  })

  test('is neither what was not found nor what could not be read', async () => {
    const view = openView()
    const tenantId = stage.ours.tenant.id
    await warm(view, tenantId)
    const what = { tenantId, kind: 'test', key: randomUUID() }
    await expect(view.remember(what, () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    expect(await view.remember(what, async () => undefined)).toBeUndefined()
    expect(await view.remember(what, async () => 'found')).toBe('found')
  })

  test('has a limit, the least recently used going first', async () => {
    const view = openView()
    const tenantId = stage.ours.tenant.id
    await warm(view, tenantId)
    const kept = counter(view, tenantId)
    for (let i = 0; i < 260_000; i++) {
      if (i % 100_000 === 0) await kept.read()
      await view.remember({ tenantId, kind: 'flood', key: String(i) }, async () => i)
    }
    await kept.read()
    expect(kept.loads()).toBe(1)
    expect(view.stats().entries).toBeLessThanOrEqual(250_000)
  })
})

describe('two processes', () => {
  test('see each other’s revocation at once where it is announced', async () => {
    const [one, other] = [openView(), openView()]
    await warm(one, stage.ours.tenant.id)
    await warm(other, stage.ours.tenant.id)
    await eventually(() => expect([one.stats().listening, other.stats().listening]).toEqual([true, true]))
    const heard: string[] = []
    other.onChange((tenantId) => heard.push(tenantId))
    const revision = await revokeClient()
    await eventually(() => expect(heard).toEqual([stage.ours.tenant.id]))
    expect((await other.judged(stage.ours.tenant.id)).rev).toBe(revision)
  })

  test('see each other’s revocation by polling where nothing is announced', async () => {
    const view = openView({ listening: false })
    await warm(view, stage.ours.tenant.id)
    const revision = await revokeClient()
    await eventually(async () => expect((await view.judged(stage.ours.tenant.id)).rev).toBe(revision))
    expect(view.stats().listening).toBe(false)
  })

  test('are told of nothing in tenants they do not use, nor twice of one change', async () => {
    const view = openView()
    await warm(view, stage.ours.tenant.id)
    const heard: string[] = []
    const stop = view.onChange((tenantId) => heard.push(tenantId))
    await revokeClient(stage.theirs)
    await view.catchUp()
    expect(heard).toEqual([])
    await revokeClient()
    await view.catchUp()
    await view.catchUp()
    expect(heard).toEqual([stage.ours.tenant.id])
    stop()
    await revokeClient()
    await view.catchUp()
    expect(heard).toHaveLength(1)
  })
})

test('what a token is judged by is asked of Postgres when it is known, but older than is wanted', async () => {
  const view = openView({ listening: false, interval: 3_600_000, maxStaleness: 3_600 })
  await warm(view, stage.ours.tenant.id)
  const before = await view.judged(stage.ours.tenant.id)
  const revision = await revokeClient()
  expect(await view.judged(stage.ours.tenant.id)).toEqual(before)
  expect(await view.judged(stage.ours.tenant.id, 3_600)).toEqual(before)
  expect(await view.judged(stage.ours.tenant.id, 0)).toEqual({ rev: revision, wide: revision })
})

describe('who watches a tenant', () => {
  const configChanged = async (tenantId: string) => {
    const { rows } = await stage.pool.query('SELECT config_changed($1) AS r', [tenantId])
    return Number(rows[0].r)
  }
  type Found = Parameters<Parameters<RememberingView['watch']>[1]>[0]
  const watching = (view: RememberingView, tenantId: string) => {
    const found: Found[] = []
    return { found, stop: view.watch(tenantId, (one) => found.push(one)) }
  }

  test('is told of every poll, with its start and what it found, and of no other tenant', async () => {
    const view = openView({ listening: false })
    const { found, stop } = watching(view, stage.ours.tenant.id)
    await eventually(() => expect(found.length).toBeGreaterThan(0))
    await revokeClient(stage.theirs)
    const [configRevision, revision] = [await configChanged(stage.ours.tenant.id), await revokeClient()]
    const before = performance.now()
    await view.catchUp()
    expect(found.at(-1)).toEqual({ startedAt: expect.any(Number), revision, configRevision })
    expect(found.at(-1)).toMatchObject({ startedAt: expect.closeTo(before, -3) })
    await view.catchUp()
    expect(found.at(-1)).toMatchObject({ revision })
    stop()
    const count = found.length
    await view.catchUp()
    expect(found).toHaveLength(count)
  })

  test('is told at once of what is announced, though nobody else uses the tenant', async () => {
    // Polled for too seldom to be heard of in any other way.
    const view = openView({ interval: 3_600_000 })
    const { found } = watching(view, stage.ours.tenant.id)
    await eventually(() => expect([view.stats().listening, found.length > 0]).toEqual([true, true]))
    const revision = await revokeClient()
    await eventually(() => expect(found.at(-1)).toMatchObject({ revision }))
  })

  test('goes on being told, however many other tenants are used', async () => {
    const view = openView({ listening: false })
    const { found } = watching(view, stage.ours.tenant.id)
    await eventually(() => expect(found.length).toBeGreaterThan(0))
    for (let i = 0; i < 2_100; i++) {
      await view.remember({ tenantId: randomUUID(), kind: 'flood', key: '' }, async () => i)
    }
    const revision = await revokeClient()
    await view.catchUp()
    expect(found.at(-1)).toMatchObject({ revision })
  })

  test('is told once all is forgotten that no longer holds', async () => {
    const view = openView({ listening: false })
    const tenantId = stage.ours.tenant.id
    const { read, loads } = counter(view, tenantId)
    await warm(view, tenantId)
    await read()
    const config = await configChanged(tenantId)
    const reread = new Promise((resolve) => {
      view.watch(tenantId, (found) => {
        if (found !== 'gone' && found.configRevision === config) resolve(read())
      })
    })
    await view.catchUp()
    await reread
    expect(loads()).toBe(2)
  })

  test('hears that there is no such tenant, and nothing of a poll that fails', async () => {
    const proxy = await openProxy()
    const view = openView({ connection: proxy.connection, listening: false })
    const [nobody, ours] = [watching(view, randomUUID()), watching(view, stage.ours.tenant.id)]
    await view.catchUp()
    expect(nobody.found.at(-1)).toBe('gone')
    proxy.cut()
    const count = ours.found.length
    await expect(view.catchUp()).rejects.toThrow()
    expect(ours.found).toHaveLength(count)
    proxy.mend()
    await eventually(() => expect(ours.found.length).toBeGreaterThan(count))
  })
})

describe('a view that is cut off', () => {
  test.each(['cut', 'stall'] as const)(
    'uses nothing it remembers past the bound, and goes on by itself (%s)',
    async (how) => {
      const proxy = await openProxy()
      const view = openView({ maxStaleness: 2, connection: proxy.connection })
      const tenantId = stage.ours.tenant.id
      const { read, loads } = counter(view, tenantId)
      await warm(view, tenantId)
      await read()
      expect(view.stats().fresh).toBe(true)

      proxy[how]()
      await read()
      expect(loads(), 'within the bound').toBe(1)
      await eventually(() => expect(view.stats().fresh).toBe(false))
      await Promise.all([read(), read()])
      expect(loads(), 'past the bound').toBe(3)
      await expect(view.judged(tenantId)).rejects.toThrow()

      const revision = await revokeClient()
      proxy.mend()
      await eventually(() => expect(view.stats().fresh && view.stats().listening).toBe(true))
      expect((await view.judged(tenantId)).rev).toBe(revision)
    },
  )

  test('counts from the start of a poll, not from its answer', async () => {
    const view = openView({ maxStaleness: 0.5, listening: false })
    const { read, loads } = counter(view, stage.ours.tenant.id)
    await warm(view, stage.ours.tenant.id)
    const blocker = await stage.pool.connect()
    await blocker.query('BEGIN; LOCK TABLE revisions IN ACCESS EXCLUSIVE MODE')
    await eventually(async () => {
      const { rows } = await blocker.query('SELECT 1 FROM pg_locks WHERE relation = $1::regclass AND NOT granted', [
        'revisions',
      ])
      expect(rows).toHaveLength(1)
    })
    const blockedAt = performance.now()
    await eventually(() => expect(performance.now() - blockedAt).toBeGreaterThan(600))
    const answered = new Promise((resolve) => {
      view.onChange(() => resolve(Promise.all([read(), read()])))
    })
    await blocker.query('SELECT config_changed($1)', [stage.ours.tenant.id])
    await blocker.query('COMMIT')
    blocker.release()
    await answered
    expect(loads()).toBe(2)
  })
})

test('asks for the revision before it answers for a tenant it has not met', async () => {
  const revision = await revokeClient()
  expect((await openView().judged(stage.ours.tenant.id)).rev).toBe(revision)
  expect((await openView().judged(randomUUID())).rev).toBe(0)
})
