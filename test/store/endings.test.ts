import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Endings } from '../../src/oauth/ending-ports.js'
import type { Grants, Revocations } from '../../src/oauth/ports.js'
import type { Actor } from '../../src/oauth/records.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createRevocations } from '../../src/store/revocations.js'
import { entryDigest } from '../../src/wire/revocation-list.js'
import { deliveriesOf, giveConsent, insertCode, makeOffline, unflipped } from '../support/endings.js'
import {
  auditTrail,
  makeClient,
  makeGrant,
  makeSession,
  makeUser,
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
let endings: Endings
beforeAll(async () => {
  stage = await setStage()
  grants = createGrants(stage)
  endings = createEndings(stage)
  revocations = createRevocations({ pool: stage.pool, installation: await readInstallation(stage.pool) })
})
afterAll(() => stage.close())

const by: Actor = { kind: 'user', id: 'u' }
const signOut = { reason: 'signed_out', by }
const claim = (id: string) => Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')
const stateOf = async ({ tenantId, id }: { tenantId: string; id: string }) => (await grants.find(tenantId, id))?.state
const newUser = async (of: World = stage.ours): Promise<World> => ({
  ...of,
  user: await makeUser(stage.pool, of.tenant.id),
})
const refresh = (grant: { tenantId: string; id: string }, place = newPlace()) =>
  grants.refresh({ ...grant, generation: 0 }, { generation: 0, grace: 10, place }, operator)

/** A session with a grant that ends with it and one that does not, and the places of their access tokens. */
async function signedIn(world: World) {
  const session = await makeSession(stage.pool, world)
  const places = [newPlace(), newPlace()] as const
  const bound = await makeGrant(grants, world, { sessionId: session, place: places[0] })
  const offline = await makeGrant(grants, world, { sessionId: session, place: places[1] })
  await makeOffline(stage.pool, offline)
  return {
    session,
    bound,
    offline,
    places,
    end: () => endings.endSession(world.tenant.id, { id: session, userId: world.user.id }, signOut),
  }
}

test('the end of a session ends what was begun in it, and leaves what was given to last, without the session', async () => {
  const world = await newUser()
  const { session, bound, offline, places, end } = await signedIn(world)
  const elsewhere = await makeGrant(grants, world)
  expect(await end()).toEqual({ result: 'ended', frontchannelLogoutUris: [] })
  expect(await stateOf(bound)).toBe('revoked')
  expect(await stateOf(elsewhere)).toBe('live')
  const kept = await grants.find(offline.tenantId, offline.id)
  expect(kept).toMatchObject({ state: 'live', sessionId: undefined })
  // The access tokens of both are dead: by their places, and by the session's entry.
  expect(await unflipped(stage.pool, world.tenant.id, places)).toEqual([])
  const { entries } = await reading(revocations).snapshot(world.tenant.id)
  expect(entries.at(-1)).toMatchObject({ k: 'sid', d: entryDigest('sid', claim(session)) })
  const place = newPlace()
  expect(await refresh(offline, place)).toMatchObject({ result: 'rotated', sessionId: undefined })
  expect(await unflipped(stage.pool, world.tenant.id, [place])).toEqual([place])
  const trail = await auditTrail(stage.pool, world.tenant.id)
  expect(trail.at(-1)).toEqual({ type: 'session.ended', subject: { session, user: world.user.id } })
})

test('a session ends once, and by nobody but its own user in its own tenant', async () => {
  const world = await newUser()
  const stranger = await newUser()
  const { session, bound, end } = await signedIn(world)
  const nothing = { result: 'nothing' }
  expect(await endings.endSession(world.tenant.id, { id: session, userId: stranger.user.id }, signOut)).toEqual(nothing)
  const theirs = { id: session, userId: world.user.id }
  expect(await endings.endSession(stage.theirs.tenant.id, theirs, signOut)).toEqual(nothing)
  for (const id of ['', 'x', `${session}'`, session.toUpperCase()]) {
    expect(await endings.endSession(world.tenant.id, { id, userId: world.user.id }, signOut)).toEqual(nothing)
  }
  expect(await stateOf(bound)).toBe('live')
  expect(await end()).toMatchObject({ result: 'ended' })
  expect(await end()).toEqual(nothing)
})

test('signing out elsewhere ends all sessions of the user but this one', async () => {
  const world = await newUser()
  const other = await newUser()
  const [here, there, more, others] = [
    await signedIn(world),
    await signedIn(world),
    await signedIn(world),
    await signedIn(other),
  ]
  const kept = { id: here.session, userId: world.user.id }
  expect(await endings.endOtherSessions(world.tenant.id, kept, signOut)).toBe('ended')
  expect(await Promise.all([here, there, more, others].map(({ bound }) => stateOf(bound)))).toEqual([
    'live',
    'revoked',
    'revoked',
    'live',
  ])
  expect(await unflipped(stage.pool, world.tenant.id, [...there.places, ...more.places])).toEqual([])
  expect(await endings.endOtherSessions(world.tenant.id, kept, signOut)).toBe('nothing')
})

test('every client that ever had a grant in the session is to be told, and where it wants to be', async () => {
  const world = await newUser()
  const { pool } = stage
  const uri = 'https://app.example/logout'
  const make = (columns: Record<string, unknown>) => makeClient(pool, world.tenant.id, columns)
  const [told, past, front, silent] = [
    await make({ backchannel_logout_uri: uri }),
    await make({ backchannel_logout_uri: uri, frontchannel_logout_uri: 'https://past.example/out?a=b' }),
    await make({ frontchannel_logout_uri: 'https://app.example/out' }),
    await make({}),
  ]
  await make({ backchannel_logout_uri: uri })
  const session = await makeSession(pool, world)
  for (const client of [told, told, past, front, silent])
    await makeGrant(grants, { ...world, client }, { sessionId: session })
  await pool.query('SELECT end_access($1, $2, $3, $4, $5)', [world.tenant.id, world.user.id, past.id, operator, 'test'])
  const own = { id: session, userId: world.user.id }
  expect(await endings.endSession(world.tenant.id, own, signOut)).toEqual({
    result: 'ended',
    frontchannelLogoutUris: ['https://app.example/out', 'https://past.example/out?a=b'],
  })
  const rows = await deliveriesOf(pool, session)
  expect(rows.map(({ client_id }) => client_id).sort()).toEqual([told.id, past.id].sort())
  expect(rows[0]).toMatchObject({ tenant_id: world.tenant.id, user_id: world.user.id, tries: 0 })
})

test.each(['revoke_session', 'revoke_user'])(
  '%s, as an operator ends a session, tells the clients too, and spares nothing',
  async (name) => {
    const world = await newUser(stage.theirs)
    const client = await makeClient(stage.pool, world.tenant.id, {
      backchannel_logout_uri: 'https://app.example/logout',
    })
    const { session, offline } = await signedIn({ ...world, client })
    const id = name === 'revoke_user' ? world.user.id : session
    await stage.pool.query(`SELECT ${name}($1, $2, $3, $4)`, [world.tenant.id, id, operator, 'test'])
    expect(await deliveriesOf(stage.pool, session)).toMatchObject([{ client_id: client.id }])
    expect(await stateOf(offline)).toBe('revoked')
  },
)

test('an end of access leaves nothing of what a user gave a client, and all of what they gave others', async () => {
  const world = await newUser()
  const { pool } = stage
  const { tenant, user, client } = world
  const other = { ...world, client: await makeClient(pool, tenant.id) }
  const neighbour = await newUser()
  const session = await makeSession(pool, world)
  const place = newPlace()
  const mine = [await makeGrant(grants, world, { sessionId: session, place }), await makeGrant(grants, world)]
  await makeOffline(pool, { id: mine[1]?.id ?? '' })
  const others = [await makeGrant(grants, other, { sessionId: session }), await makeGrant(grants, neighbour)]
  for (const each of [world, other, neighbour]) await giveConsent(pool, each)
  for (const each of [world, other, neighbour]) await insertCode(pool, each)
  const end = () =>
    endings.endAccess(tenant.id, { userId: user.id, clientId: client.id }, { reason: 'access_ended', by })

  const before = await reading(revocations).head(tenant.id)
  expect(await end()).toBe('ended')
  expect(await Promise.all(mine.map(stateOf))).toEqual(['revoked', 'revoked'])
  expect(await Promise.all(others.map(stateOf))).toEqual(['live', 'live'])
  expect(await unflipped(pool, tenant.id, [place])).toEqual([])
  const since = await reading(revocations).since(tenant.id, before.cursor)
  const digests = mine.map(({ id }) => entryDigest('grant', claim(id))).sort()
  expect(since === 'reset' ? since : since.entries.map(({ d }) => d).sort()).toEqual(digests)
  const left = async (table: string) =>
    (
      await pool.query(`SELECT client_id, user_id FROM ${table} WHERE user_id = ANY ($1)`, [
        [user.id, neighbour.user.id],
      ])
    ).rows
  for (const table of ['consents', 'authorization_codes']) {
    expect(await left(table)).toEqual(
      expect.arrayContaining([
        { client_id: other.client.id, user_id: user.id },
        { client_id: client.id, user_id: neighbour.user.id },
      ]),
    )
    expect(await left(table)).toHaveLength(2)
  }
  const trail = await auditTrail(pool, tenant.id)
  expect(trail.at(-1)).toEqual({ type: 'access.ended', subject: { user: user.id, client: client.id } })
  expect(await end()).toBe('nothing')
  expect(await auditTrail(pool, tenant.id)).toHaveLength(trail.length)
})

test('the access of a user is not ended from another tenant, nor under a name that cannot be', async () => {
  const world = await newUser()
  const grant = await makeGrant(grants, world)
  const ending = { reason: 'access_ended', by }
  const access = { userId: world.user.id, clientId: world.client.id }
  expect(await endings.endAccess(stage.theirs.tenant.id, access, ending)).toBe('nothing')
  expect(await endings.endAccess(world.tenant.id, { ...access, clientId: 'a\0b' }, ending)).toBe('nothing')
  expect(await endings.endAccess(world.tenant.id, { ...access, userId: 'nobody' }, ending)).toBe('nothing')
  expect(await stateOf(grant)).toBe('live')
  expect((await grants.make(newGrant(world), operator)).result).toBe('made')
})
