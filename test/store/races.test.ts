import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Grants, Revocations } from '../../src/oauth/ports.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createUsers } from '../../src/store/users.js'
import { entryDigest } from '../../src/wire/revocation-list.js'
import { eventually } from '../support/eventually.js'
import {
  makeGrant,
  makeKey,
  makeSession,
  makeUser,
  makeWorld,
  newGrant,
  operator,
  reading,
  type Stage,
  setStage,
  type World,
} from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

let stage: Stage
let grants: Grants
let revocations: Revocations
beforeAll(async () => {
  stage = await setStage({ connections: 30 })
  grants = createGrants(stage)
  revocations = createRevocations({ pool: stage.pool, installation: await readInstallation(stage.pool) })
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows

async function worldOfNewUser(of: World = stage.ours): Promise<World> {
  return { ...of, user: await makeUser(stage.pool, of.tenant.id) }
}

/** A sign-in as the protocol does it: what it is judged by is read first, and the grant is made on that. */
async function signIn(world: World, sessionId?: string) {
  const { tenant, user, client } = world
  const { user: seen, rev } = await createUsers(stage).forSignIn(tenant.id, user.username, {
    clientId: client.id,
    apis: [],
  })
  const overrides = {
    rev,
    credentialVersion: seen?.credentialVersion ?? 0,
    ...(sessionId !== undefined && { sessionId }),
  }
  return grants.make(newGrant(world, overrides), operator)
}

/** A refresh whose access token has a place in a status list: it is flipped when the grant ends. */
async function refreshWithPlace(id: string, given: bigint[]): Promise<void> {
  const place = newPlace()
  const grant = { tenantId: stage.ours.tenant.id, id, generation: 0 }
  const { result } = await grants.refresh(grant, { generation: 0, grace: 10, place }, operator)
  if (result === 'rotated' || result === 'replayed') given.push(place)
}

/** A sign-in that saw the first version of the user's credentials, and gives its token a place. */
async function makeWithPlace(world: World, given: bigint[]): Promise<void> {
  const place = newPlace()
  const { result } = await grants.make(newGrant(world, { credentialVersion: 1, rev: 0, place }), operator)
  if (result === 'made') given.push(place)
}

test('no grant survives a change of password, and every place given to its tokens is flipped', async () => {
  for (let round = 0; round < 50; round++) {
    const world = await worldOfNewUser()
    const { id: tenantId } = world.tenant
    const given: bigint[] = []
    const before = await Promise.all([makeGrant(grants, world), makeGrant(grants, world)])
    const attempts = await Promise.all([
      ...before.map(({ id }) => refreshWithPlace(id, given)),
      makeWithPlace(world, given),
      sql('SELECT revoke_user($1, $2, $3, $4)', tenantId, world.user.id, operator, 'password'),
      makeWithPlace(world, given),
      ...before.map(({ id }) => refreshWithPlace(id, given)),
      makeWithPlace(world, given),
    ])
    expect(attempts).toHaveLength(8)
    const alive = await sql('SELECT id FROM grants WHERE user_id = $1 AND revoked_at IS NULL', world.user.id)
    expect(alive).toEqual([])
    const unflipped = await sql(
      `SELECT p FROM unnest($2::bigint[]) AS p WHERE NOT EXISTS (
         SELECT FROM flips WHERE tenant_id = $1 AND slot = place_slot(p) AND list = place_list(p) AND index = place_index(p))`,
      tenantId,
      given,
    )
    expect(unflipped).toEqual([])
  }
})

test('no grant survives the end of the session it was made under', async () => {
  let made = 0
  for (let round = 0; round < 50; round++) {
    const world = await worldOfNewUser()
    const session = await makeSession(stage.pool, world)
    const signIns = Array.from({ length: 4 }, () => signIn(world, session))
    const end = sql('SELECT revoke_session($1, $2, $3, $4)', world.tenant.id, session, operator, 'logout')
    const outcomes = await Promise.all(signIns)
    await end
    made += outcomes.filter(({ result }) => result === 'made').length
    expect(await sql('SELECT id FROM grants WHERE session_id = $1 AND revoked_at IS NULL', session)).toEqual([])
  }
  // Otherwise nothing was raced.
  expect(made).toBeGreaterThan(0)
})

test('a sign-in that waits for a change of password comes to nothing', async () => {
  const world = await worldOfNewUser()
  const change = await stage.pool.connect()
  await change.query('BEGIN')
  await change.query('SELECT revoke_user($1, $2, $3, $4)', [world.tenant.id, world.user.id, operator, 'password'])
  const waiting = signIn(world)
  await eventually(async () => expect(await sql('SELECT FROM pg_locks WHERE NOT granted')).toHaveLength(1))
  await change.query('COMMIT')
  change.release()
  expect(await waiting).toEqual({ result: 'superseded' })
  expect(await signIn(world)).toMatchObject({ result: 'made' })
})

test('a client revoked between what a sign-in saw and the grant it makes: the grant is dead', async () => {
  const world = await worldOfNewUser(stage.theirs)
  const { rev } = await createUsers(stage).forSignIn(world.tenant.id, world.user.username, {
    clientId: world.client.id,
    apis: [],
  })
  await sql('SELECT revoke_client($1, $2, $3, $4)', world.tenant.id, world.client.id, operator, 'test')
  const grant = await makeGrant(grants, world, { rev })
  expect((await grants.find(grant.tenantId, grant.id))?.state).toBe('revoked')
})

test('revocations of everything at once, refreshes, sign-ins and new partitions never deadlock', async () => {
  const { tenant, client, api } = stage.ours
  const times = { activates_at: new Date(), activated_at: new Date(), retired_at: new Date() }
  const keyIds: string[] = []
  for (let n = 0; n < 20; n++) {
    const { id } = await makeKey(stage.pool, tenant.id, { status: 'retired', ...times })
    keyIds.push(id)
  }
  const [{ last }] = await sql(
    'SELECT max(substring(relname FROM $1)::int) AS last FROM pg_class',
    '^revocations_s([0-9]+)$',
  )
  const maintenance = new pg.Pool({ ...stage.database.connection, options: '-c lock_timeout=300ms' })
  const revoke = (name: string, id: string) =>
    sql(`SELECT revoke_${name}($1, $2, $3, $4)`, tenant.id, id, operator, 'race')
  for (let round = 0; round < 20; round++) {
    const world = await worldOfNewUser()
    const session = await makeSession(stage.pool, world)
    const [one, two, three] = [
      await makeGrant(grants, world, { sessionId: session }),
      await makeGrant(grants, world, { sessionId: session }),
      await makeGrant(grants, world),
    ]
    const reuse = async (grant: typeof one) => {
      await grants.refresh(grant, { generation: 0, grace: 0, place: newPlace() }, operator)
      await grants.refresh(grant, { generation: 0, grace: 0, place: newPlace() }, operator)
    }
    const partition = async (table: string, kind: string, first: number): Promise<void> => {
      try {
        await maintenance.query('SELECT maintain_table($1, $2, $3, $3, 0, $4)', [table, kind, first, ''])
      } catch (error) {
        // Gives way and tries again, as maintain_partitions does: it may wait long, and nobody may be ended for it.
        if (!['BU409', '55P03'].includes((error as { code: string }).code)) throw error
        await partition(table, kind, first)
      }
    }
    const outcomes = await Promise.allSettled([
      revoke('user', world.user.id),
      revoke('session', session),
      reuse(two),
      revocations.revokeGrant(tenant.id, one.id, { reason: 'race', by: operator }),
      signIn(world, session),
      revoke('client', client.id),
      revoke('api', api.id),
      revoke('tenant', 'https://id.example.com'),
      sql(`SELECT revoke_key($1, $2, '1 day', $3, 'race')`, tenant.id, keyIds[round], operator),
      reuse(three),
      sql('SELECT config_changed($1)', tenant.id),
      partition('revocations', 's', last + 1 + round),
      partition('grants', 'm', 900 + round),
      partition('audit_events', 'm', 900 + round),
      sql(`SELECT remove_tombstones('1 day', 10)`),
      revoke('user', world.user.id),
      revocations.snapshot(tenant.id),
    ])
    expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.message] : []))).toEqual([])
  }
  await maintenance.end()
})

test('a revocation whose connection is killed half way has not happened, and the next one is not in its way', async () => {
  const world = await makeWorld(stage.pool)
  const { id: tenantId } = world.tenant
  const grant = await makeGrant(grants, world)
  const before = await revocations.snapshot(tenantId)
  const client = new pg.Client(stage.database.connection)
  client.on('error', () => {})
  await client.connect()
  await client.query('BEGIN')
  await client.query('SELECT revoke_user($1, $2, $3, $4)', [tenantId, world.user.id, operator, 'test'])
  const [{ pid }] = (await client.query('SELECT pg_backend_pid() AS pid')).rows
  await sql('SELECT pg_terminate_backend($1, 10000)', pid)
  expect((await grants.find(tenantId, grant.id))?.state).toBe('live')
  expect((await revocations.snapshot(tenantId)).revision).toBe(before.revision)
  expect(await revocations.revokeGrant(tenantId, grant.id, { reason: 'test', by: operator })).toBe('revoked')
})

test('what was acknowledged is there, with connections being killed all the while', async () => {
  const { id: tenantId } = stage.theirs.tenant
  const pool = new pg.Pool({ ...stage.database.connection, max: 8, application_name: 'victim' })
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  const store = createRevocations({ pool, installation: await readInstallation(stage.pool) })
  const acknowledged: string[] = []
  let failures = 0
  let working = true
  const worker = async () => {
    for (let i = 0; i < 60; i++) {
      const jti = randomUUID()
      const claims = {
        iss: 'i',
        sub: 's',
        aud: 'a',
        client_id: 'c',
        iat: 0,
        exp: Math.floor(Date.now() / 1000) + 300,
        jti,
        rev: 0,
      }
      await store.revokeToken(tenantId, { claims, place: undefined }, operator).then(
        () => acknowledged.push(entryDigest('jti', jti)),
        () => failures++,
      )
    }
  }
  const killer = async () => {
    while (working) {
      await sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim' AND random() < 0.3`,
      )
    }
  }
  const killing = killer()
  await Promise.all(Array.from({ length: 6 }, worker))
  working = false
  await killing
  await pool.end()
  expect(failures).toBeGreaterThan(0)
  const found = new Set((await reading(revocations).snapshot(tenantId)).entries.map(({ d }) => d))
  expect(acknowledged.filter((digest) => !found.has(digest))).toEqual([])
})
