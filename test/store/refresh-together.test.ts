import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grants, NewGrant } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { makeGrant, makeSession, operator, type Stage, setStage } from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

// Refreshes of one process that come in the same moment: one statement rotates all that it can, each of the rest has its own.

let stage: Stage
let grants: Grants
/** What was sent to Postgres: the statement's name, and for how many. */
let sent: [name: string, count: number][] = []
beforeAll(async () => {
  stage = await setStage({ connections: 10 })
  grants = createGrants({ pool: counting(stage.pool) })
})
afterAll(() => stage.close())

type Query = pg.QueryConfig & { name: string; values: unknown[] }

function counting(pool: pg.Pool): pg.Pool {
  const query = (statement: Query) => {
    const [first] = statement.values
    sent.push([statement.name, Array.isArray(first) ? first.length : 1])
    return pool.query(statement)
  }
  return { query } as unknown as pg.Pool
}

async function during<T>(work: () => Promise<T>): Promise<{ answer: T; statements: typeof sent }> {
  sent = []
  const answer = await work()
  return { answer, statements: sent }
}

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const rowOf = async ({ id }: Grant) => (await sql('SELECT * FROM grants WHERE id = $1', id))[0]
const make = (overrides?: Partial<NewGrant>) => makeGrant(grants, stage.ours, overrides)
const several = (count: number, overrides?: Partial<NewGrant>) =>
  Promise.all(Array.from({ length: count }, () => make(overrides)))

/** `known`: the generation of the row when the grant was found, that of the token unless told. */
type Presented = { generation: number; known: number; grace: number; place: bigint }

const refresh = (
  grant: Pick<Grant, 'tenantId' | 'id'>,
  { generation = 0, known = generation, grace = 10, place = newPlace() }: Partial<Presented> = {},
) => grants.refresh({ ...grant, generation: known }, { generation, grace, place }, operator)
const together = (all: Grant[]) => during(() => Promise.all(all.map((grant) => refresh(grant))))

test('several grants are found by one statement, each tenant’s its own', async () => {
  const [one, other] = [await make(), await makeGrant(grants, stage.theirs)]
  const { answer, statements } = await during(() =>
    Promise.all([
      grants.find(one.tenantId, one.id),
      grants.find(one.tenantId, other.id),
      grants.find(other.tenantId, other.id),
      grants.find(one.tenantId, one.id),
      grants.find(one.tenantId, 'no-uuid'),
    ]),
  )
  expect(answer.map((grant) => grant?.id)).toEqual([one.id, undefined, other.id, one.id, undefined])
  expect(answer.map((grant) => grant?.tenantId)).toEqual([
    one.tenantId,
    undefined,
    other.tenantId,
    one.tenantId,
    undefined,
  ])
  expect(statements).toEqual([['grants_find', 4]])
})

test('several grants are refreshed by one statement', async () => {
  const all = await several(20)
  const { answer, statements } = await together(all)
  expect(answer).toEqual(all.map(() => ({ result: 'rotated', generation: 1, sessionId: undefined })))
  expect(statements).toEqual([['grants_rotate', 20]])
})

describe.each([
  { kind: 'a grant that rotates', overrides: {} },
  { kind: 'a grant that does not', overrides: { rotate: false } },
])('of $kind', ({ overrides }) => {
  test('the row says the same as after a refresh of its own, and the same is answered', async () => {
    const [alone, accompanied] = [await make(overrides), await make(overrides)]
    const places = [newPlace(), newPlace()]
    for (const place of places) {
      const generation = (await rowOf(alone)).generation
      const [own] = await sql(
        `SELECT * FROM refresh_grant($1, $2, $3, gen_random_uuid(), '10 s', $4, '{}')`,
        alone.tenantId,
        alone.id,
        generation,
        place,
      )
      const { answer, statements } = await during(() => refresh(accompanied, { generation, place }))
      expect(statements).toEqual([['grants_rotate', 1]])
      expect(answer).toEqual({ result: own.result, generation: own.generation, sessionId: own.session ?? undefined })
    }
    const comparable = (row: Awaited<ReturnType<typeof rowOf>>) => ({
      generation: row.generation,
      spent: row.spent_at.length,
      // Of the first access token no two are the same.
      live: row.live.slice(1),
      revoked: row.revoked_at,
      ends: row.expires_at - row.created_at,
      known: row.refresh_id !== null,
      refreshed: row.refreshed_at > row.created_at,
      newest: row.spent_at.length === 0 || row.spent_at[0].getTime() === row.refreshed_at.getTime(),
    })
    expect(comparable(await rowOf(accompanied))).toEqual(comparable(await rowOf(alone)))
    expect((await rowOf(accompanied)).live).toHaveLength(3)
  })
})

test('the last eight spent generations are remembered', async () => {
  const grant = await make()
  for (let generation = 0; generation < 10; generation++) await refresh(grant, { generation })
  const { spent_at } = await rowOf(grant)
  expect(spent_at).toHaveLength(8)
  expect(spent_at).toEqual([...spent_at].sort((a, b) => b - a))
})

test('access tokens that are over are forgotten', async () => {
  const grant = await make()
  const now = newPlace()
  const over = now - (1_000_000n << 30n)
  await sql('UPDATE grants SET live = ARRAY[$2, $3]::bigint[] WHERE id = $1', grant.id, over, now)
  const place = newPlace()
  const { statements } = await during(() => refresh(grant, { place }))
  expect(statements).toEqual([['grants_rotate', 1]])
  expect((await rowOf(grant)).live).toEqual([String(now), String(place)])
})

test('the grant’s session is answered', async () => {
  const sessionId = await makeSession(stage.pool, stage.ours)
  const { answer, statements } = await together([await make({ sessionId }), await make()])
  expect(answer.map((outcome) => 'generation' in outcome && outcome.sessionId)).toEqual([sessionId, undefined])
  expect(statements).toEqual([['grants_rotate', 2]])
})

describe('who is left out has a statement of its own', () => {
  const dead = [
    { why: 'revoked', change: 'revoked_at = now()' },
    { why: 'expired', change: `expires_at = now() - interval '1 s'` },
    { why: 'expired', change: 'refreshed_at = now() - make_interval(secs => idle + 1)' },
  ]
  test.each(dead)('$why after $change, and only that one', async ({ why, change }) => {
    const all = await several(3)
    await sql(`UPDATE grants SET ${change} WHERE id = $1`, all[1]?.id)
    const before = await rowOf(all[1] as Grant)
    const { answer, statements } = await together(all)
    expect(answer.map(({ result }) => result)).toEqual(['rotated', why, 'rotated'])
    expect(statements.map(([name]) => name)).toEqual(['grants_rotate', 'grants_refresh', 'grants_why_not'])
    expect(await rowOf(all[1] as Grant)).toEqual(before)
  })

  test('a grant with 64 live access tokens is crowded, and one with 64 of which one is over is not', async () => {
    const all = await several(3)
    const now = newPlace()
    const over = now - (1_000_000n << 30n)
    await sql('UPDATE grants SET live = array_fill($2::bigint, ARRAY[64]) WHERE id = $1', all[0]?.id, now)
    const crowd = 'UPDATE grants SET live = $2::bigint || array_fill($3::bigint, ARRAY[63]) WHERE id = $1'
    await sql(crowd, all[1]?.id, over, now)
    const { answer } = await together(all)
    expect(answer.map(({ result }) => result)).toEqual(['crowded', 'rotated', 'rotated'])
  })

  test('a spent token within its grace is replayed, and one past it ends the grant and no other', async () => {
    const all = await several(3)
    await together(all)
    await sql(`UPDATE grants SET spent_at = ARRAY[now() - interval '11 s'] WHERE id = $1`, all[2]?.id)
    const { answer } = await during(() =>
      Promise.all([refresh(all[0] as Grant, { generation: 1 }), refresh(all[1] as Grant), refresh(all[2] as Grant)]),
    )
    expect(answer.map(({ result }) => result)).toEqual(['rotated', 'replayed', 'reused'])
    const states = await Promise.all(all.map(async ({ tenantId, id }) => (await grants.find(tenantId, id))?.state))
    expect(states).toEqual(['live', 'live', 'revoked'])
  })

  test.each([3, 2 ** 31 - 2])('a generation ahead of the row goes on from there: %d', async (generation) => {
    const all = await several(2)
    const { answer, statements } = await during(() =>
      Promise.all([refresh(all[0] as Grant, { generation, known: 0 }), refresh(all[1] as Grant)]),
    )
    expect(answer.map((outcome) => 'generation' in outcome && outcome.generation)).toEqual([generation + 1, 1])
    expect(new Set(statements.map(([name]) => name))).toEqual(new Set(['grants_rotate', 'grants_refresh']))
  })

  test('a token known to be spent waits for nobody who is refreshed', async () => {
    const all = await several(2)
    await together(all)
    const { answer, statements } = await during(() =>
      Promise.all([refresh(all[0] as Grant, { generation: 0, known: 1 }), refresh(all[1] as Grant, { generation: 1 })]),
    )
    expect(answer.map(({ result }) => result)).toEqual(['replayed', 'rotated'])
    expect(statements.toSorted()).toEqual([
      ['grants_refresh', 1],
      ['grants_rotate', 1],
    ])
  })

  test('the last generation that a row can hold fails alone', async () => {
    const all = await several(2)
    const last = 2 ** 31 - 1
    await sql('UPDATE grants SET generation = $2 WHERE id = $1', all[0]?.id, last)
    const outcomes = await Promise.allSettled([
      refresh(all[0] as Grant, { generation: last }),
      refresh(all[1] as Grant),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })

  test('another tenant’s grant is none, and lives on', async () => {
    const grant = await make()
    const { answer } = await during(() =>
      Promise.all([refresh({ ...grant, tenantId: stage.theirs.tenant.id }), refresh(grant)]),
    )
    expect(answer.map(({ result }) => result)).toEqual(['revoked', 'rotated'])
  })

  test('the same token twice in one moment rotates once, and both get one successor', async () => {
    const grant = await make()
    const { answer, statements } = await together([grant, grant, grant])
    expect(answer.map(({ result }) => result).sort()).toEqual(['replayed', 'replayed', 'rotated'])
    expect(answer.map((outcome) => 'generation' in outcome && outcome.generation)).toEqual([1, 1, 1])
    expect(statements).toEqual([
      ['grants_rotate', 3],
      ['grants_refresh', 1],
      ['grants_refresh', 1],
    ])
  })
})

describe('of a grant that somebody holds', () => {
  test('the refresh waits, and those that came with it do not', async () => {
    const all = await several(3)
    const holder = await stage.pool.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT FROM grants WHERE id = $1 FOR UPDATE', [all[1]?.id])
    const held = { done: false }
    const [first, second, third] = all.map((grant) => refresh(grant))
    void second?.then(() => {
      held.done = true
    })
    expect(await first).toMatchObject({ result: 'rotated' })
    expect(await third).toMatchObject({ result: 'rotated' })
    expect(held.done).toBe(false)
    await holder.query('COMMIT')
    holder.release()
    expect(await second).toMatchObject({ result: 'rotated', generation: 1 })
  })

  test('two processes that refresh the same grants in opposite order never wait for each other', async () => {
    const pools = [1, 2].map(
      () => new pg.Pool({ ...stage.database.connection, options: '-c deadlock_timeout=10s -c lock_timeout=5s' }),
    )
    const stores = pools.map((pool) => createGrants({ pool }))
    const all = await several(30)
    const generations = new Map(all.map(({ id }) => [id, 0]))
    try {
      for (let round = 0; round < 20; round++) {
        const results = new Map<string, string[]>()
        const of = async (store: Grants, grant: Grant) => {
          const attempt = { generation: generations.get(grant.id) ?? 0, grace: 10, place: newPlace() }
          const outcome = await store.refresh({ ...grant, generation: attempt.generation }, attempt, operator)
          results.set(grant.id, [...(results.get(grant.id) ?? []), outcome.result])
          if ('generation' in outcome) generations.set(grant.id, outcome.generation)
        }
        await Promise.all(
          stores.flatMap((store, place) => (place === 0 ? all : all.toReversed()).map((grant) => of(store, grant))),
        )
        for (const each of results.values()) expect(each.toSorted()).toEqual(['replayed', 'rotated'])
      }
      expect(new Set(generations.values())).toEqual(new Set([20]))
    } finally {
      await Promise.all(pools.map((pool) => pool.end()))
    }
  })

  test('a revocation under way is waited for, and wins', async () => {
    const all = await several(2)
    const holder = await stage.pool.connect()
    await holder.query('BEGIN')
    await holder.query('UPDATE grants SET revoked_at = now() WHERE id = $1', [all[0]?.id])
    const refreshed = all.map((grant) => refresh(grant))
    expect(await refreshed[1]).toMatchObject({ result: 'rotated' })
    await holder.query('COMMIT')
    holder.release()
    expect(await refreshed[0]).toEqual({ result: 'revoked' })
  })
})

test('when Postgres fails, all that went together fail, and nothing is spent', async () => {
  const all = await several(3)
  const broken = createGrants({ pool: { query: () => Promise.reject(new Error('down')) } as unknown as pg.Pool })
  const failed = await Promise.allSettled(
    all.map((grant) => broken.refresh(grant, { generation: 0, grace: 10, place: newPlace() }, operator)),
  )
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
  expect((await together(all)).answer.map(({ result }) => result)).toEqual(['rotated', 'rotated', 'rotated'])
})

describe('the plans', () => {
  const settings = [
    'plan_cache_mode=force_generic_plan',
    'enable_hashjoin=off',
    'enable_mergejoin=off',
    'enable_seqscan=off',
  ]
  test.each(['find_grants', 'rotate_grants'])('of %s are kept, and find each grant by its key', async (name) => {
    const [{ proconfig }] = await sql('SELECT proconfig FROM pg_proc WHERE proname = $1', name)
    expect(proconfig).toEqual(settings)
  })
})
