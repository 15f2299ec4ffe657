import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grants } from '../../src/oauth/ports.js'
import { packPlace } from '../../src/revocation/place.js'
import type { FlipPosition, Flips, StatusListStore } from '../../src/revocation/ports.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createLeases } from '../../src/store/leases.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createStatusListStore } from '../../src/store/status-lists.js'
import { LIST_LENGTH } from '../../src/wire/status-list.js'
import { makeGrant, makeSession, makeWorld, operator, type Stage, setStage, type World } from '../support/fixtures.js'

let stage: Stage
let store: StatusListStore
let grants: Grants
beforeAll(async () => {
  stage = await setStage()
  store = createStatusListStore(stage)
  grants = createGrants(stage)
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const START: FlipPosition = { revision: -1, index: LIST_LENGTH }
const exp = Math.floor(Date.now() / 1000) + 300
const NAME = { slot: Math.floor(exp / 3600), list: 0 }
const place = (index: number) => packPlace({ exp, list: 0, index })
const indicesOf = ({ indices }: Flips) =>
  Array.from({ length: indices.length / 4 }, (_, at) => indices.readUInt32BE(4 * at))
const flipsOf = async ({ tenant }: World) => indicesOf(await store.flips(tenant.id, NAME, START)).sort((a, b) => a - b)

async function worldWithTokens() {
  const world = await makeWorld(stage.pool)
  const session = await makeSession(stage.pool, world)
  const one = await makeGrant(grants, world, { place: place(1), sessionId: session })
  const two = await makeGrant(grants, world, { place: place(2) })
  await grants.refresh(one, { generation: 0, grace: 10, place: place(11) }, operator)
  await grants.refresh(one, { generation: 0, grace: 10, place: place(12) }, operator)
  return { ...world, session, one, two }
}
type Tokens = Awaited<ReturnType<typeof worldWithTokens>>

type Case = { readonly what: string; readonly end: (tokens: Tokens) => Promise<unknown>; readonly flips: number[] }
const cases: readonly Case[] = [
  {
    what: 'a grant: its login’s token and each refresh’s, a retry’s too',
    end: ({ tenant, one }) => sql('SELECT revoke_grant($1, $2, $3, $4)', tenant.id, one.id, operator, 'test'),
    flips: [1, 11, 12],
  },
  {
    what: 'a session: those of its grants',
    end: ({ tenant, session }) => sql('SELECT revoke_session($1, $2, $3, $4)', tenant.id, session, operator, 'test'),
    flips: [1, 11, 12],
  },
  {
    what: 'a user: those of all grants',
    end: ({ tenant, user }) => sql('SELECT revoke_user($1, $2, $3, $4)', tenant.id, user.id, operator, 'test'),
    flips: [1, 2, 11, 12],
  },
  {
    what: 'a stolen refresh token: those of its grant, the thief’s too',
    end: ({ one }) => grants.refresh(one, { generation: 0, grace: 0, place: place(13) }, operator),
    flips: [1, 11, 12],
  },
  {
    what: 'one token: its own alone',
    end: ({ tenant }) => sql('SELECT revoke_token($1, $2, $3, $4, NULL, $5)', tenant.id, 'j', operator, {}, place(11)),
    flips: [11],
  },
]

describe.each(cases)('the end of $what', ({ end, flips }) => {
  test('flips them and no others, in its own tenant', async () => {
    const tokens = await worldWithTokens()
    const other = await worldWithTokens()
    expect(await flipsOf(tokens)).toEqual([])
    await end(tokens)
    expect(await flipsOf(tokens)).toEqual(flips)
    expect(await flipsOf(other)).toEqual([])
  })
})

test('a token revoked by an issuer of old, without a place, flips nothing', async () => {
  const { tenant, ...world } = await makeWorld(stage.pool)
  const revocations = createRevocations({ ...stage, installation: await readInstallation(stage.pool) })
  const claims = { iss: 'i', sub: 's', aud: 'a', client_id: 'c', iat: exp - 300, exp, jti: 'j', rev: 0 }
  await revocations.revokeToken(tenant.id, { claims, place: undefined }, operator)
  expect(await flipsOf({ tenant, ...world })).toEqual([])
  await revocations.revokeToken(tenant.id, { claims, place: place(5) }, operator)
  expect(await flipsOf({ tenant, ...world })).toEqual([5])
})

test('what has expired is not flipped: its list may be gone', async () => {
  const { tenant, ...world } = await makeWorld(stage.pool)
  const over = packPlace({ exp: Math.floor(Date.now() / 1000) - 200, list: 0, index: 1 })
  const grant = await makeGrant(grants, { tenant, ...world }, { place: over })
  await sql('SELECT revoke_grant($1, $2, $3, $4)', tenant.id, grant.id, operator, 'test')
  expect(await sql('SELECT FROM flips WHERE tenant_id = $1', tenant.id)).toEqual([])
})

describe('the tokens alive of a grant', () => {
  const live = async (id: string) => (await sql('SELECT live FROM grants WHERE id = $1', id))[0].live as string[]

  test('are those that may not have expired: a refresh forgets the others', async () => {
    const world = await makeWorld(stage.pool)
    const over = packPlace({ exp: Math.floor(Date.now() / 1000) - 200, list: 0, index: 1 })
    const grant = await makeGrant(grants, world, { place: over })
    await grants.refresh(grant, { generation: 0, grace: 10, place: place(7) }, operator)
    expect(await live(grant.id)).toEqual([String(place(7))])
  })

  test('are 64 at most: one more is refused with the time until one is gone, and nothing is written', async () => {
    const world = await makeWorld(stage.pool)
    const grant = await makeGrant(grants, world, { place: place(0) })
    for (let generation = 0; generation < 63; generation++) {
      const outcome = await grants.refresh(grant, { generation, grace: 10, place: place(generation + 1) }, operator)
      expect(outcome.result).toBe('rotated')
    }
    const before = await sql('SELECT * FROM grants WHERE id = $1', grant.id)
    const refused = await grants.refresh(grant, { generation: 63, grace: 10, place: place(99) }, operator)
    expect(refused).toEqual({ result: 'crowded', retryAfter: expect.any(Number) })
    const { retryAfter } = refused as { retryAfter: number }
    expect(retryAfter).toBeGreaterThan(0)
    expect(retryAfter).toBeLessThanOrEqual(300 + 121)
    expect(await sql('SELECT * FROM grants WHERE id = $1', grant.id)).toEqual(before)

    // Once one has expired there is room again, for the same refresh token.
    const over = packPlace({ exp: Math.floor(Date.now() / 1000) - 200, list: 0, index: 1 })
    await sql('UPDATE grants SET live[1] = $2 WHERE id = $1', grant.id, over)
    const outcome = await grants.refresh(grant, { generation: 63, grace: 10, place: place(99) }, operator)
    expect(outcome).toEqual({ result: 'rotated', generation: 64 })
    expect(await live(grant.id)).toHaveLength(64)
  })

  test('do not hide a theft when they are too many', async () => {
    const world = await makeWorld(stage.pool)
    const grant = await makeGrant(grants, world, { place: place(0) })
    for (let generation = 0; generation < 63; generation++) {
      await grants.refresh(grant, { generation, grace: 10, place: place(generation + 1) }, operator)
    }
    const outcome = await grants.refresh(grant, { generation: 3, grace: 0, place: place(99) }, operator)
    expect(outcome).toMatchObject({ result: 'reused' })
    expect(await flipsOf(world)).toHaveLength(64)
  })
})

describe('a list', () => {
  test('is found by its id in its tenant, until five minutes after its hour', async () => {
    const leases = createLeases(stage)
    const { tenant } = await makeWorld(stage.pool)
    const [{ slot }] = await sql('SELECT slot_of(now()) AS slot')
    const [{ past }] = await sql(`SELECT slot_of(now() - interval '5 minutes') - 1 AS past`)
    const owner = { clientId: 'c', apiId: 'a', kid: 'k', size: 16 }
    const { listId } = await leases.take(tenant.id, slot, owner)
    const { listId: retired } = await leases.take(tenant.id, past, owner)
    expect(await store.find(tenant.id, listId)).toEqual({ slot, list: 0 })
    expect(await store.find(stage.theirs.tenant.id, listId)).toBeUndefined()
    expect(await store.find(tenant.id, retired)).toBeUndefined()
    expect(await store.find(tenant.id, '\0')).toBeUndefined()
    expect(await store.list(tenant.id)).toEqual([listId])
    expect(await store.list(stage.theirs.tenant.id)).toEqual([])
  })

  test('is read on from a revision, in pieces where there is much, and nothing of it twice or never', async () => {
    const { tenant } = await makeWorld(stage.pool)
    await sql(
      `INSERT INTO flips SELECT $1, $2, 0, n, 1 + n / 70000 FROM generate_series(0, 139999) AS n`,
      tenant.id,
      NAME.slot,
    )
    await sql('INSERT INTO flips VALUES ($1, $2, 1, 5, 1)', tenant.id, NAME.slot)
    const seen: number[] = []
    let from: FlipPosition | undefined = START
    let answers = 0
    while (from) {
      const flips: Flips = await store.flips(tenant.id, NAME, from)
      seen.push(...indicesOf(flips))
      from = flips.rest
      answers++
    }
    expect(answers).toBe(3)
    expect(seen).toHaveLength(140_000)
    expect(new Set(seen).size).toBe(140_000)
    // From a revision on: those of the second alone.
    const later = await store.flips(tenant.id, NAME, { revision: 1, index: LIST_LENGTH })
    expect(indicesOf(later)[0]).toBe(70_000)
  })

  test('is told of the leases that flipped since a revision', async () => {
    const { tenant, client, api } = await makeWorld(stage.pool)
    const leases = createLeases(stage)
    const owner = { clientId: client.id, apiId: api.id, kid: 'k', size: 16 }
    const lease = await leases.take(tenant.id, NAME.slot, owner)
    await leases.take(tenant.id, NAME.slot, { ...owner, clientId: 'other' })
    const [{ r }] = await sql('SELECT revoke_client($1, $2, $3, $4) AS r', tenant.id, client.id, operator, 'test')
    const flips = await store.flips(tenant.id, NAME, START)
    expect(flips).toMatchObject({ leases: [[lease.first, lease.size]], revision: Number(r), rest: undefined })
    expect((await store.flips(tenant.id, NAME, { revision: Number(r), index: LIST_LENGTH })).leases).toEqual([])
    expect((await store.flips(tenant.id, { ...NAME, list: 1 }, START)).leases).toEqual([])
  })
})
