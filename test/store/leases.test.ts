import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Leases } from '../../src/revocation/ports.js'
import { createLeases } from '../../src/store/leases.js'
import { makeWorld, operator, type Stage, setStage, type World } from '../support/fixtures.js'

let stage: Stage
let second: pg.Pool
let leases: Leases
let others: Leases
beforeAll(async () => {
  stage = await setStage()
  // As another process would.
  second = new pg.Pool({ ...stage.database.connection, max: 10 })
  leases = createLeases(stage)
  others = createLeases({ pool: second })
})
afterAll(async () => {
  await second.end()
  await stage.close()
})

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const owner = (name = 'c') => ({ clientId: name, apiId: 'a', kid: 'k' })
const slotNow = async () => (await sql('SELECT slot_of(now()) AS slot'))[0].slot as number
const overlaps = (ranges: { list: number; first: number; size: number }[]) =>
  ranges.filter((a, at) =>
    ranges.some(
      (b, other) => at < other && a.list === b.list && a.first < b.first + b.size && b.first < a.first + a.size,
    ),
  )

describe('positions', () => {
  test('are leased once, whatever two processes ask for at the same time', async () => {
    const requests = fc.array(fc.record({ mine: fc.boolean(), size: fc.constantFrom(16, 64, 4096) }), { maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(requests, async (asked) => {
        const { tenant } = await makeWorld(stage.pool)
        const slot = await slotNow()
        const taken = await Promise.all(
          asked.map(({ mine, size }, at) =>
            (mine ? leases : others).take(tenant.id, slot, { ...owner(`c${at}`), size }),
          ),
        )
        expect(overlaps(taken)).toEqual([])
        expect(new Set(taken.map(({ listId }) => listId)).size).toBe(asked.length > 0 ? 1 : 0)
      }),
      { numRuns: 10 },
    )
  })

  test('go on in a new list, of another id, where one is full; its last range is as long as there is room', async () => {
    const { tenant } = await makeWorld(stage.pool)
    const slot = await slotNow()
    const first = await leases.take(tenant.id, slot, { ...owner(), size: 16 })
    await sql('UPDATE lists SET next = 1048576 - 10 WHERE tenant_id = $1', tenant.id)
    const taken = await Promise.all(
      Array.from({ length: 6 }, () => leases.take(tenant.id, slot, { ...owner(), size: 4096 })),
    )
    expect(overlaps([first, ...taken])).toEqual([])
    expect(taken.filter(({ list }) => list === 0)).toEqual([
      { listId: first.listId, list: 0, first: 1048566, size: 10, wide: 0 },
    ])
    expect(new Set(taken.map(({ list }) => list))).toEqual(new Set([0, 1]))
    expect(new Set(taken.map(({ listId }) => listId)).size).toBe(2)
    for (const { listId } of taken) expect(listId).toMatch(/^[\w-]{22}$/)
  })

  test('are of a list of their tenant and hour', async () => {
    const slot = await slotNow()
    const [a, b, c] = await Promise.all([
      leases.take(stage.ours.tenant.id, slot, { ...owner(), size: 16 }),
      leases.take(stage.theirs.tenant.id, slot, { ...owner(), size: 16 }),
      leases.take(stage.ours.tenant.id, slot + 1, { ...owner(), size: 16 }),
    ])
    expect(new Set([a.listId, b.listId, c.listId]).size).toBe(3)
    expect([a.first, b.first, c.first]).toEqual([0, 0, 0])
  })

  test('are not had for a tenant that is not there', async () => {
    await expect(leases.take(randomUUID(), await slotNow(), { ...owner(), size: 16 })).rejects.toThrow()
  })
})

type Wide = { readonly name: string; readonly call: string; readonly args: (world: World) => unknown[] }
const wides: readonly Wide[] = [
  { name: 'a client', call: 'revoke_client($1, $2, $3, $4)', args: ({ client }) => [client.id, operator, 'test'] },
  { name: 'an API', call: 'revoke_api($1, $2, $3, $4)', args: ({ api }) => [api.id, operator, 'test'] },
  { name: 'the tenant', call: 'revoke_tenant($1, $2, $3, $4)', args: () => ['https://i.example', operator, 'test'] },
]

describe.each(wides)('the revocation of $name', ({ call, args }) => {
  test('flips every lease it concerns, or is known to those that come after it', async () => {
    let after = 0
    let flipped = 0
    for (let round = 0; round < 30; round++) {
      const world = await makeWorld(stage.pool)
      const { id: tenantId } = world.tenant
      const slot = await slotNow()
      const about = { clientId: world.client.id, apiId: world.api.id, kid: 'k', size: 16 }
      const take = (from: Leases) => from.take(tenantId, slot, about)
      const [, , { revision }, ...taken] = await Promise.all([
        take(leases),
        take(others),
        sql(`SELECT ${call} AS revision`, tenantId, ...args(world)).then(([row]) => row as { revision: string }),
        take(leases),
        take(others),
        take(leases),
      ])
      const rows = await sql('SELECT first, flipped_revision FROM leases WHERE tenant_id = $1', tenantId)
      expect(rows).toHaveLength(5)
      for (const lease of taken) {
        const row = rows.find(({ first }) => first === lease.first)
        const isFlipped = row.flipped_revision === revision
        // Never both, never neither.
        expect(isFlipped).toBe(lease.wide < Number(revision))
        if (isFlipped) flipped++
        else after++
      }
    }
    // Otherwise nothing was raced.
    expect(after).toBeGreaterThan(0)
    expect(flipped).toBeGreaterThan(0)
  })

  test('flips no lease of another', async () => {
    const [ours, theirs] = [await makeWorld(stage.pool), await makeWorld(stage.pool)]
    const slot = await slotNow()
    await leases.take(ours.tenant.id, slot, { clientId: 'other', apiId: 'other', kid: 'k', size: 16 })
    await leases.take(theirs.tenant.id, slot, { clientId: ours.client.id, apiId: ours.api.id, kid: 'k', size: 16 })
    await sql(`SELECT ${call}`, ours.tenant.id, ...args(ours))
    const flipped = await sql(
      'SELECT tenant_id FROM leases WHERE tenant_id = ANY ($1) AND flipped_revision IS NOT NULL',
      [ours.tenant.id, theirs.tenant.id],
    )
    expect(flipped).toHaveLength(call.startsWith('revoke_tenant') ? 1 : 0)
  })
})

describe('what was revoked between two revisions', () => {
  test('is found by any of the values, within the revisions and the tenant', async () => {
    const { tenant, client, api } = await makeWorld(stage.pool)
    const values = { client: client.id, aud: api.identifier, kid: 'k', tenant: 'https://i.example' }
    const [{ r }] = await sql('SELECT revoke_client($1, $2, $3, $4) AS r', tenant.id, client.id, operator, 'test')
    const revision = Number(r)
    const was = (after: number, upTo: number, of = values, in_ = tenant.id) =>
      leases.wasRevoked(in_, of, { after, upTo })
    expect(await was(0, revision)).toBe(true)
    expect(await was(revision - 1, revision)).toBe(true)
    expect(await was(revision, revision + 1)).toBe(false)
    expect(await was(0, revision - 1)).toBe(false)
    expect(await was(0, revision, { ...values, client: 'other' })).toBe(false)
    expect(await was(0, revision, values, stage.theirs.tenant.id)).toBe(false)
    const [{ a }] = await sql('SELECT revoke_api($1, $2, $3, $4) AS a', tenant.id, api.id, operator, 'test')
    expect(await was(revision, Number(a))).toBe(true)
  })
})
