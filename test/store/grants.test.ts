import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grants } from '../../src/oauth/ports.js'
import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import {
  auditTrail,
  makeApi,
  makeClient,
  makeGrant,
  makeSession,
  makeUser,
  makeWorld,
  newGrant,
  operator,
  type Stage,
  setStage,
} from '../support/fixtures.js'

let stage: Stage
let grants: Grants
beforeAll(async () => {
  stage = await setStage()
  grants = createGrants(stage)
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const stateOf = async ({ tenantId, id }: Grant) => (await grants.find(tenantId, id))?.state
const alter = (set: string, { id }: Pick<Grant, 'id'>) => sql(`UPDATE grants SET ${set} WHERE id = $1`, id)

describe('a grant that is made', () => {
  test('is found as it was made, in its tenant alone', async () => {
    const world = await makeWorld(stage.pool)
    const second = await makeApi(stage.pool, world.tenant.id)
    const session = await makeSession(stage.pool, world)
    const authTime = new Date('2026-11-23T08:00:00.123Z')
    const made = await makeGrant(grants, world, {
      sessionId: session,
      apis: [second.id, world.api.id],
      acr: 'urn:example:gold',
      amr: ['pwd', 'otp'],
      authTime,
      rev: 5,
    })
    expect(made).toMatchObject({
      tenantId: world.tenant.id,
      userId: world.user.id,
      clientId: world.client.id,
      sessionId: session,
      scope: ['read'],
      apis: [second.id, world.api.id],
      acr: 'urn:example:gold',
      amr: ['pwd', 'otp'],
      authTime,
      generation: 0,
      state: 'live',
      rev: 5,
    })
    expect(made.secret).toHaveLength(32)
    expect(await grants.find(world.tenant.id, made.id)).toEqual({ ...made, rev: 0 })
    expect(await grants.find(stage.theirs.tenant.id, made.id)).toBeUndefined()
  })

  test('has an id that names the month of its end, by the clock of the database', async () => {
    const made = await makeGrant(grants, stage.ours, { lifetime: 30 * 86_400 })
    const [row] = await sql(
      `SELECT tableoid::regclass::text AS partition, month, month_of(expires_at) AS expected, month_of_id(id) AS named,
              extract(epoch FROM expires_at - created_at)::int AS lifetime FROM grants WHERE id = $1`,
      made.id,
    )
    expect(row).toMatchObject({ month: row.expected, named: row.expected, lifetime: 30 * 86_400 })
    expect(row.partition).toBe(`grants_m${row.month}`)
  })

  test('shares nothing secret or random with another', async () => {
    const [one, two] = [await makeGrant(grants, stage.ours), await makeGrant(grants, stage.ours)]
    expect(one.id.slice(5)).not.toBe(two.id.slice(5))
    expect(Buffer.from(one.secret).equals(Buffer.from(two.secret))).toBe(false)
  })

  test('leaves the sign-in and the grant in the audit trail, in its tenant alone', async () => {
    const [world, other] = [await makeWorld(stage.pool), await makeWorld(stage.pool)]
    const { id } = await makeGrant(grants, world)
    const subject = { user: world.user.id, client: world.client.id, grant: id }
    expect(await auditTrail(stage.pool, world.tenant.id)).toEqual([
      { type: 'sign_in.succeeded', subject },
      { type: 'grant.made', subject },
    ])
    expect(await auditTrail(stage.pool, other.tenant.id)).toEqual([])
  })

  test.each([
    { who: 'a user whose credentials have changed', columns: { credential_version: 2 } },
    { who: 'a disabled user', columns: { disabled_at: new Date() } },
    { who: 'a deleted user', columns: { deleted_at: new Date() } },
  ])('is none for $who, and nothing is written', async ({ columns }) => {
    const world = await makeWorld(stage.pool)
    const user = await makeUser(stage.pool, world.tenant.id, columns)
    expect(await grants.make(newGrant({ ...world, user }), operator)).toEqual({ result: 'superseded' })
    expect(await auditTrail(stage.pool, world.tenant.id)).toEqual([])
  })

  test('is none for a user of another tenant', async () => {
    const world = { ...stage.ours, user: stage.theirs.user }
    expect(await grants.make(newGrant(world), operator)).toEqual({ result: 'superseded' })
  })

  test('is none for a session that has ended, is another user’s or is not there', async () => {
    const world = await makeWorld(stage.pool)
    const other = { ...world, user: await makeUser(stage.pool, world.tenant.id) }
    const sessions = [
      await makeSession(stage.pool, world, { revoked_at: new Date() }),
      await makeSession(stage.pool, world, { expires_at: new Date(Date.now() - 1000) }),
      await makeSession(stage.pool, other),
      await makeSession(stage.pool, stage.theirs),
      randomId(),
    ]
    for (const sessionId of sessions) {
      expect(await grants.make(newGrant(world, { sessionId }), operator)).toEqual({ result: 'superseded' })
    }
  })
})

describe('a grant that is looked for', () => {
  test('comes with the revision that its state was read at', async () => {
    const world = await makeWorld(stage.pool)
    const made = await makeGrant(grants, world)
    const [{ r }] = await sql(`SELECT append_revocation($1, 'jti', 'x') AS r`, world.tenant.id)
    expect(await grants.find(world.tenant.id, made.id)).toMatchObject({ rev: Number(r), state: 'live' })
  })

  test('covers those of its APIs that still live', async () => {
    const { tenant, api } = stage.ours
    const off = await makeApi(stage.pool, tenant.id, { disabled_at: new Date() })
    const gone = await makeApi(stage.pool, tenant.id, { deleted_at: new Date() })
    const last = await makeApi(stage.pool, tenant.id)
    const made = await makeGrant(grants, stage.ours, { apis: [last.id, off.id, 'unknown', gone.id, api.id] })
    expect((await grants.find(tenant.id, made.id))?.apis).toEqual([last.id, api.id])
  })

  test('is not found under an id nobody made, however its month', async () => {
    const bytes = [0x0000, 0x7fff, 0x8000, 0xffff, 0x02ab].map((month) => {
      const id = randomBytes(16)
      id.writeUInt16BE(month)
      return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    })
    for (const id of [...bytes, '', 'x', `${randomId()}0`, 'a\0']) {
      expect(await grants.find(stage.ours.tenant.id, id), id).toBeUndefined()
    }
  })

  test.each([
    { state: 'revoked', change: 'revoked_at = now()' },
    { state: 'expired', change: `expires_at = now() - interval '1 s'` },
    { state: 'expired', change: `refreshed_at = now() - make_interval(secs => idle + 1)` },
    { state: 'live', change: `refreshed_at = now() - make_interval(secs => idle - 60)` },
  ])('is $state after $change', async ({ state, change }) => {
    const made = await makeGrant(grants, stage.ours)
    await alter(change, made)
    expect(await stateOf(made)).toBe(state)
  })

  test.each(['disabled_at', 'deleted_at'])('is dead while its user, client or tenant has %s', async (column) => {
    for (const kind of ['user', 'client', 'tenant'] as const) {
      const world = await makeWorld(stage.pool)
      const made = await makeGrant(grants, world)
      await sql(`UPDATE ${kind}s SET ${column} = now() WHERE id = $1`, world[kind].id)
      expect(await stateOf(made)).toBe(`${kind}_disabled`)
    }
  })

  test.each([
    { what: 'client', revoke: 'revoke_client($1, $2, $3, $4)', name: (id: string) => id },
    { what: 'tenant', revoke: 'revoke_tenant($1, $2, $3, $4)', name: () => 'https://id.example.com' },
  ])('is dead once its $what was revoked, one made afterwards is not', async ({ revoke, name }) => {
    const [world, other] = [await makeWorld(stage.pool), await makeWorld(stage.pool)]
    const [old, foreign] = [await makeGrant(grants, world), await makeGrant(grants, other)]
    const [{ r }] = await sql(`SELECT ${revoke} AS r`, world.tenant.id, name(world.client.id), operator, 'test')
    expect([await stateOf(old), await stateOf(foreign)]).toEqual(['revoked', 'live'])
    // Decided before, made afterwards: the same.
    expect(await stateOf(await makeGrant(grants, world, { rev: Number(r) - 1 }))).toBe('revoked')
    expect(await stateOf(await makeGrant(grants, world, { rev: Number(r) }))).toBe('live')
  })

  test('of one client is not touched by the revocation of another', async () => {
    const { tenant } = stage.ours
    const other = await makeClient(stage.pool, tenant.id)
    const made = await makeGrant(grants, stage.ours)
    await sql('SELECT revoke_client($1, $2, $3, $4)', tenant.id, other.id, operator, 'test')
    expect(await stateOf(made)).toBe('live')
  })
})

function randomId(): string {
  return randomBytes(16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
