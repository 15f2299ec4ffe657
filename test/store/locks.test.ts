import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Grant } from '../../src/oauth/records.js'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import { createGrants } from '../../src/store/grants.js'
import { createLeases } from '../../src/store/leases.js'
import { createThrottle } from '../../src/store/throttle.js'
import { createUsers } from '../../src/store/users.js'
import { newCode, newTerms } from '../support/browser-bench.js'
import {
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

// Requests of different grants share no lock: what one of them holds, for however long, keeps no other waiting.

type Person = { readonly world: World; readonly session: string; readonly grant: Grant; readonly address: string }

let stage: Stage
/** Whoever has to wait for a row here gives up with an error. */
let impatient: pg.Pool
/** Two users of one client, and what they have. */
let ann: Person
let bob: Person

beforeAll(async () => {
  stage = await setStage()
  impatient = new pg.Pool({ ...stage.database.connection, options: '-c lock_timeout=200ms' })
  ann = await person('192.0.2.1')
  bob = await person('192.0.2.2')
})
afterAll(async () => {
  await impatient.end()
  await stage.close()
})

async function person(address: string): Promise<Person> {
  const world = { ...stage.ours, user: await makeUser(stage.pool, stage.ours.tenant.id) }
  const session = await makeSession(stage.pool, world)
  return { world, session, grant: await makeGrant(createGrants(stage), world), address }
}

type Queryable = Pick<pg.Pool, 'query'>

const refresh = async (pool: Queryable, { grant }: Person): Promise<string> => {
  const grants = createGrants({ pool })
  const found = (await grants.find(grant.tenantId, grant.id)) ?? grant
  const attempt = { generation: found.generation, grace: 10, place: newPlace() }
  return (await grants.refresh(found, attempt, operator)).result
}

/** All that a sign-in asks of the store, up to the grant. */
const signIn = async (pool: Queryable, { world, session: sessionId, address }: Person): Promise<string> => {
  const { tenant, user, client } = world
  const throttle = createThrottle(pool, Buffer.alloc(32))
  const attempt = { username: user.username, address }
  await throttle.take(tenant.id, attempt)
  await createUsers({ pool }).forSignIn(tenant.id, user.username, { clientId: client.id, apis: [] })
  await throttle.succeeded(tenant.id, attempt)
  return (await createGrants({ pool }).make(newGrant(world, { sessionId }), operator)).result
}

const redeem = async (pool: Queryable, { world, session: sessionId }: Person): Promise<string> => {
  const { tenant, user, client, api } = world
  const party = { tenantId: tenant.id, userId: user.id, username: user.username, clientId: client.id, apis: [api.id] }
  const codes = createAuthorizationCodes({ pool })
  const issued = await codes.issue(newCode(party, { sessionId }))
  const found = await codes.find(tenant.id, 'code' in issued ? issued.code : '')
  return found ? (await codes.redeem(found, newTerms(), operator)).result : 'not found'
}

const lease = async (pool: Queryable, { world }: Person): Promise<number> => {
  const [{ slot }] = (await pool.query('SELECT slot_of(now()) AS slot')).rows
  const about = { clientId: world.client.id, apiId: world.api.id, kid: 'k', size: 16 }
  return (await createLeases({ pool }).take(world.tenant.id, slot, about)).size
}

/** Runs the work while a transaction holds what it took. */
async function during(hold: (holder: pg.PoolClient) => Promise<unknown>, work: () => Promise<void>): Promise<void> {
  const holder = await stage.pool.connect()
  try {
    await holder.query('BEGIN')
    await hold(holder)
    await work()
  } finally {
    await holder.query('ROLLBACK')
    holder.release()
  }
}

async function expectOthersGoOn(): Promise<void> {
  expect(await refresh(impatient, bob)).toBe('rotated')
  expect(await signIn(impatient, bob)).toBe('made')
  expect(await redeem(impatient, bob)).toBe('made')
  expect(await lease(impatient, bob)).toBe(16)
}

test('nobody waits for rows of another: her grant, her session, herself', async () => {
  const hold = async (holder: pg.PoolClient) => {
    await holder.query('SELECT FROM users WHERE id = $1 FOR UPDATE', [ann.world.user.id])
    await holder.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [ann.session])
    await holder.query('SELECT FROM grants WHERE id = $1 FOR UPDATE', [ann.grant.id])
  }
  await during(hold, async () => {
    await expectOthersGoOn()
    // She does, or nothing was held.
    await expect(refresh(impatient, ann)).rejects.toThrow('lock timeout')
    await expect(signIn(impatient, ann)).rejects.toThrow('lock timeout')
  })
})

test.each([
  ['refresh', refresh],
  ['sign-in', signIn],
  ['redemption of a code', redeem],
])('nobody waits for another’s %s that is not committed yet', async (_, request) => {
  await during((holder) => request(holder, ann), expectOthersGoOn)
})

test('refreshes and sign-ins of one user wait for nobody’s sign-in, hers included', async () => {
  await during(
    (holder) => createGrants({ pool: holder }).make(newGrant(ann.world, { sessionId: ann.session }), operator),
    async () => {
      expect(await refresh(impatient, ann)).toBe('rotated')
      expect(await signIn(impatient, ann)).toBe('made')
    },
  )
})

test('of a tenant’s requests none waits for a revocation, but who needs a new range of a status list', async () => {
  const revoke = (holder: pg.PoolClient) =>
    holder.query('SELECT revoke_user($1, $2, $3, $4)', [ann.world.tenant.id, ann.world.user.id, operator, 'password'])
  await during(revoke, async () => {
    expect(await refresh(impatient, bob)).toBe('rotated')
    expect(await signIn(impatient, bob)).toBe('made')
    await expect(lease(impatient, bob)).rejects.toThrow('lock timeout')
  })
})
