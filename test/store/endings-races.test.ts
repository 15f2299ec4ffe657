import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Grants } from '../../src/oauth/ports.js'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import { createEndings } from '../../src/store/endings.js'
import { createGrants } from '../../src/store/grants.js'
import { makeOffline, unflipped } from '../support/endings.js'
import { eventually } from '../support/eventually.js'
import {
  makeClient,
  makeGrant,
  makeSession,
  makeUser,
  newGrant,
  operator,
  type Stage,
  setStage,
  type World,
} from '../support/fixtures.js'
import { newPlace } from '../support/mint.js'

let stage: Stage
let grants: Grants
let endings: ReturnType<typeof createEndings>
beforeAll(async () => {
  stage = await setStage({ connections: 30 })
  grants = createGrants(stage)
  endings = createEndings(stage)
})
afterAll(() => stage.close())

const ending = { reason: 'test', by: operator }
const newUser = async (): Promise<World> => ({ ...stage.ours, user: await makeUser(stage.pool, stage.ours.tenant.id) })
const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const alive = (userId: string) => sql('SELECT id FROM grants WHERE user_id = $1 AND revoked_at IS NULL', userId)

/** What a new access token says of its session, and its place. */
type Issued = { readonly place: bigint; readonly sessionId: string | undefined }

async function refresh(grant: { tenantId: string; id: string }, issued: Issued[]): Promise<void> {
  const place = newPlace()
  const outcome = await grants.refresh({ ...grant, generation: 0 }, { generation: 0, grace: 10, place }, operator)
  if (outcome.result === 'rotated' || outcome.result === 'replayed')
    issued.push({ place, sessionId: outcome.sessionId })
}

async function signIn(world: World, session: string, issued: Issued[]): Promise<void> {
  const place = newPlace()
  const { result } = await grants.make(newGrant(world, { sessionId: session, place }), operator)
  if (result === 'made') issued.push({ place, sessionId: session })
}

test('an access token of an offline grant is flipped when its session ends, or knows nothing of the session', async () => {
  let left = 0
  let stayed = 0
  for (let round = 0; round < 50; round++) {
    const world = await newUser()
    const session = await makeSession(stage.pool, world)
    const grant = await makeGrant(grants, world, { sessionId: session })
    await makeOffline(stage.pool, grant)
    const issued: Issued[] = []
    await Promise.all([
      refresh(grant, issued),
      refresh(grant, issued),
      endings.endSession(world.tenant.id, { id: session, userId: world.user.id }, ending),
      refresh(grant, issued),
      refresh(grant, issued),
    ])
    expect(issued).toHaveLength(4)
    const alive = await unflipped(
      stage.pool,
      world.tenant.id,
      issued.map(({ place }) => place),
    )
    const free = issued.filter(({ sessionId }) => sessionId === undefined).map(({ place }) => place)
    expect(alive.sort()).toEqual(free.sort())
    left += free.length
    stayed += issued.length - free.length
  }
  // Otherwise nothing was raced.
  expect(left).toBeGreaterThan(0)
  expect(stayed).toBeGreaterThan(0)
})

test('no grant is made under a session that its user is ending, and no place of one stays', async () => {
  let made = 0
  for (let round = 0; round < 30; round++) {
    const world = await newUser()
    const session = await makeSession(stage.pool, world)
    const issued: Issued[] = []
    await Promise.all([
      signIn(world, session, issued),
      signIn(world, session, issued),
      endings.endSession(world.tenant.id, { id: session, userId: world.user.id }, ending),
      signIn(world, session, issued),
    ])
    made += issued.length
    expect(await alive(world.user.id)).toEqual([])
    expect(
      await unflipped(
        stage.pool,
        world.tenant.id,
        issued.map(({ place }) => place),
      ),
    ).toEqual([])
  }
  expect(made).toBeGreaterThan(0)
})

test('access that ends during refreshes leaves no grant and no place of its tokens', async () => {
  for (let round = 0; round < 30; round++) {
    const world = await newUser()
    const session = await makeSession(stage.pool, world)
    const [one, two] = [await makeGrant(grants, world, { sessionId: session }), await makeGrant(grants, world)]
    const issued: Issued[] = []
    const end = () => endings.endAccess(world.tenant.id, { userId: world.user.id, clientId: world.client.id }, ending)
    const [first, second] = await Promise.all([
      end(),
      end(),
      refresh(one, issued),
      refresh(two, issued),
      refresh(one, issued),
    ])
    expect([first, second].sort()).toEqual(['ended', 'nothing'])
    expect(await alive(world.user.id)).toEqual([])
    expect(
      await unflipped(
        stage.pool,
        world.tenant.id,
        issued.map(({ place }) => place),
      ),
    ).toEqual([])
  }
})

test('access that ends while codes are redeemed leaves neither a grant nor a code that can be redeemed', async () => {
  const codes = createAuthorizationCodes(stage)
  let made = 0
  for (let round = 0; round < 40; round++) {
    const world = await newUser()
    const { tenant, user, client, api } = world
    const session = await makeSession(stage.pool, world)
    const asked = {
      ...{ tenantId: tenant.id, clientId: client.id, userId: user.id, sessionId: session, credentialVersion: 1 },
      ...{ redirectUri: 'https://app.example/cb', codeChallenge: 'c'.repeat(43), scope: ['read'], apis: [api.id] },
      ...{ nonce: undefined, claims: undefined, authTime: new Date(), amr: ['pwd'], acr: undefined },
    }
    const issued = await Promise.all([0, 1, 2, 3].map((n) => codes.issue({ ...asked, offline: n % 2 === 0 })))
    const texts = issued.flatMap((one) => (one.result === 'issued' ? [one.code] : []))
    expect(texts).toHaveLength(4)
    const redeem = async (text: string) => {
      const presented = await codes.find(tenant.id, text)
      if (!presented) return undefined
      const terms = { rotate: true, lifetime: 3600, idleLifetime: 3600, place: newPlace() }
      return { place: terms.place, ...(await codes.redeem(presented, terms, operator)) }
    }
    const [first = '', second = '', third = '', fourth = ''] = texts
    const earliest = redeem(first)
    // In every other round one of them is there already: else a slow machine might end all access before any of them is.
    if (round % 2 === 1) await earliest
    const outcomes = await Promise.all([
      earliest,
      redeem(second),
      endings.endAccess(tenant.id, { userId: user.id, clientId: client.id }, ending),
      redeem(third),
      redeem(fourth),
    ])
    const places = outcomes.flatMap((one) => (typeof one === 'object' && one.result === 'made' ? [one.place] : []))
    made += places.length
    expect(await alive(user.id)).toEqual([])
    expect(await unflipped(stage.pool, tenant.id, places)).toEqual([])
    const late = await Promise.all(texts.map(redeem))
    expect(late.filter((one) => one?.result === 'made')).toEqual([])
  }
  // Otherwise nothing was raced.
  expect(made).toBeGreaterThan(0)
})

test('access that ends while a sign-in is being written waits for it, and ends what it gave', async () => {
  const world = await newUser()
  const access = { userId: world.user.id, clientId: world.client.id }
  const signingIn = await stage.pool.connect()
  await signingIn.query('BEGIN')
  await makeGrant(createGrants({ pool: signingIn }), world)
  const end = endings.endAccess(world.tenant.id, access, ending)
  await eventually(async () => expect(await sql('SELECT FROM pg_locks WHERE NOT granted')).toHaveLength(1))
  await signingIn.query('COMMIT')
  signingIn.release()
  expect(await end).toBe('ended')
  expect(await alive(world.user.id)).toEqual([])
})

test('ends of everything of a user at once, in every order, never deadlock', async () => {
  const { tenant } = stage.ours
  const backchannel = await makeClient(stage.pool, tenant.id, { backchannel_logout_uri: 'https://app.example/out' })
  for (let round = 0; round < 30; round++) {
    const world = { ...(await newUser()), client: backchannel }
    const { user, client } = world
    const sessions = await Promise.all([1, 2, 3, 4].map(() => makeSession(stage.pool, world)))
    const [one = '', two = '', three = ''] = sessions
    const made = await Promise.all(sessions.map((session) => makeGrant(grants, world, { sessionId: session })))
    for (const grant of made.slice(0, 2)) await makeOffline(stage.pool, grant)
    const issued: Issued[] = []
    const revoke = (name: string, id: string) =>
      sql(`SELECT revoke_${name}($1, $2, $3, $4)`, tenant.id, id, operator, 'race')
    const outcomes = await Promise.allSettled([
      endings.endOtherSessions(tenant.id, { id: one, userId: user.id }, ending),
      endings.endOtherSessions(tenant.id, { id: two, userId: user.id }, ending),
      endings.endAccess(tenant.id, { userId: user.id, clientId: client.id }, ending),
      revoke('session', two),
      ...(round % 2 === 0 ? [revoke('user', user.id)] : []),
      ...sessions.map((id) => endings.endSession(tenant.id, { id, userId: user.id }, ending)),
      ...made.map((grant) => refresh(grant, issued)),
      signIn(world, three, issued),
      ...made.map(({ id }) => revoke('grant', id)),
      revoke('client', client.id),
      sql('UPDATE clients SET updated_at = now() WHERE tenant_id = $1', tenant.id),
    ])
    expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.message] : []))).toEqual([])
    expect(await alive(user.id)).toEqual([])
  }
})
