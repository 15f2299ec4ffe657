import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import {
  type BrowserBench,
  newCode,
  newTerms,
  openSession,
  type Party,
  postgresBench,
  presentCode,
} from '../support/browser-bench.js'
import { codeCases } from '../support/browser-cases/codes.js'
import { eventually } from '../support/eventually.js'
import { watchPlans } from '../support/explain.js'
import { makeUser, operator, type Stage, setStage } from '../support/fixtures.js'

let stage: Stage
let second: pg.Pool
beforeAll(async () => {
  stage = await setStage({ connections: 30 })
  second = new pg.Pool({ ...stage.database.connection, max: 30 })
})
afterAll(async () => {
  await second.end()
  await stage.close()
})

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const open = () => postgresBench(stage)
const redeem = ({ ports }: BrowserBench, code: Awaited<ReturnType<typeof presentCode>>) =>
  ports.codes.redeem(code, newTerms(), operator)

describe('in Postgres', () => codeCases(open))

describe('a code in its table', () => {
  test('is its hash: a dump can redeem nothing', async () => {
    const bench = await open()
    const { code } = await presentCode(bench, bench.ours)
    const [{ dump }] = await sql('SELECT string_agg(c::text, $1) AS dump FROM authorization_codes c', '\n')
    for (const text of [code, Buffer.from(code).toString('hex'), Buffer.from(code, 'base64url').toString('hex')]) {
      expect(dump).not.toContain(text)
    }
  })

  test('stands in the partition of the day it was issued on, and is told of for a day', async () => {
    const bench = await open()
    const { tenantId } = bench.ours
    const { code } = await presentCode(bench, bench.ours)
    const where = 'WHERE tenant_id = $1'
    const [row] = await sql(
      `SELECT tableoid::regclass::text AS name, day - date '1970-01-01' AS day, day = day_of(now()) AS today FROM authorization_codes ${where}`,
      tenantId,
    )
    expect(row).toEqual({ name: `authorization_codes_d${row.day}`, day: row.day, today: true })
    await sql(`UPDATE authorization_codes SET day = day - 1, expires_at = now() - interval '1 day' ${where}`, tenantId)
    expect((await bench.ports.codes.find(tenantId, code))?.state).toBe('expired')
    await sql("CALL maintain_partitions('30 days', 12)")
    expect((await bench.ports.codes.find(tenantId, code))?.state).toBe('expired')
    await sql(`UPDATE authorization_codes SET day = day - 1 ${where}`, tenantId)
    expect(await bench.ports.codes.find(tenantId, code)).toBeUndefined()
    await sql("CALL maintain_partitions('30 days', 12)")
    expect(await sql(`SELECT FROM authorization_codes ${where}`, tenantId)).toEqual([])
  })

  test('is looked up by its key in the partitions of two days', async () => {
    const bench = await open()
    const { id: sessionId } = await openSession(bench, bench.ours)
    const plans = watchPlans(stage.pool, 'authorization_codes')
    const codes = createAuthorizationCodes({ pool: plans.pool })
    const issued = await codes.issue(newCode(bench.ours, { sessionId }))
    const found = await codes.find(bench.ours.tenantId, 'code' in issued ? issued.code : '')
    if (!found) throw new Error('not found')
    await codes.redeem(found, newTerms(), operator)
    await codes.redeem(found, newTerms(), operator)
    const [{ day }] = await sql(`SELECT day_of(now()) - date '1970-01-01' AS day`)
    const days = [`authorization_codes_d${day}_pkey`, 'authorization_codes_default_pkey']
    expect(await plans.indexes()).toEqual([[], days, days, days, days])
    const kept = (await plans.generic()).flat()
    expect(kept.length).toBeGreaterThan(8)
    expect(kept.filter((name) => !/^authorization_codes_\w+_pkey$/.test(name))).toEqual([])
  })

  test('is not issued on the session of another user', async () => {
    const bench = await open()
    const { id: sessionId } = await openSession(bench, bench.ours)
    const { id: userId } = await makeUser(stage.pool, bench.ours.tenantId)
    const other = newCode({ ...bench.ours, userId }, { sessionId })
    expect(await bench.ports.codes.issue(other)).toEqual({ result: 'superseded' })
  })

  test('of a client or tenant that was revoked since is good for nothing, one issued later is', async () => {
    for (const [state, revoke] of [
      [
        'client_disabled',
        ({ tenantId, clientId }: Party) =>
          sql('SELECT revoke_client($1, $2, $3, $4)', tenantId, clientId, operator, 'test'),
      ],
      [
        'tenant_disabled',
        ({ tenantId }: Party) =>
          sql('SELECT revoke_tenant($1, $2, $3, $4)', tenantId, 'https://id.example', operator, 'test'),
      ],
    ] as const) {
      const bench = await open()
      const old = await presentCode(bench, bench.ours)
      await revoke(bench.ours)
      expect((await bench.ports.codes.find(bench.ours.tenantId, old.code))?.state).toBe(state)
      expect(await redeem(bench, old)).toEqual({ result: 'superseded' })
      expect(await redeem(bench, await presentCode(bench, bench.ours))).toMatchObject({ result: 'made' })
    }
  })

  test('that is redeemed after its client was revoked, by what was judged before, makes a dead grant or none', async () => {
    const bench = await open()
    const code = await presentCode(bench, bench.ours)
    // As if the revocation came between the snapshot of the redemption and its end.
    const redeemed = await redeem(bench, code)
    const { tenantId, clientId } = bench.ours
    await sql('SELECT revoke_client($1, $2, $3, $4)', tenantId, clientId, operator, 'test')
    if (redeemed.result !== 'made') throw new Error(redeemed.result)
    expect((await bench.ports.grants.find(tenantId, redeemed.grant.id))?.state).toBe('revoked')
  })
})

describe('races', () => {
  test('50 redemptions over two pools make one grant, and 49 are told which', async () => {
    const pools = [stage.pool, second].map((pool) => createAuthorizationCodes({ pool }))
    for (let round = 0; round < 20; round++) {
      const bench = await open()
      const { id: sessionId } = await openSession(bench, bench.ours)
      const code = await presentCode(bench, bench.ours, { sessionId })
      const outcomes = await Promise.all(
        Array.from({ length: 25 }, () => pools.map((codes) => codes.redeem(code, newTerms(), operator))).flat(),
      )
      const grants = await sql('SELECT id FROM grants WHERE tenant_id = $1', bench.ours.tenantId)
      expect(grants).toHaveLength(1)
      const told = outcomes.map((one) => (one.result === 'made' ? `made ${one.grant.id}` : JSON.stringify(one)))
      const again = JSON.stringify({ result: 'redeemed', grantId: grants[0].id })
      expect(told.sort()).toEqual([`made ${grants[0].id}`, ...Array.from({ length: 49 }, () => again)].sort())
    }
  })

  test('no live grant is left behind by what ends it while a code is redeemed, and nothing deadlocks', async () => {
    type End = (bench: BrowserBench, sessionId: string) => Promise<unknown>
    const endSession: End = ({ ours }, id) =>
      sql('SELECT revoke_session($1, $2, $3, $4)', ours.tenantId, id, operator, 'logout')
    const ends: readonly End[] = [
      ({ ours }) => sql('SELECT revoke_user($1, $2, $3, $4)', ours.tenantId, ours.userId, operator, 'password'),
      endSession,
      async ({ ours }) => {
        const connection = await stage.pool.connect()
        await connection.query('BEGIN')
        await connection.query('UPDATE clients SET disabled_at = now() WHERE id = $1', [ours.clientId])
        await connection.query('SELECT revoke_client($1, $2, $3, $4)', [ours.tenantId, ours.clientId, operator, 'off'])
        await connection.query('COMMIT')
        connection.release()
      },
      ({ ours }) => sql('SELECT revoke_tenant($1, $2, $3, $4)', ours.tenantId, 'https://id.example', operator, 'off'),
    ]
    let [made, refused] = [0, 0]
    for (let round = 0; round < 200; round++) {
      const bench = await open()
      const { tenantId } = bench.ours
      const { id: sessionId } = await openSession(bench, bench.ours)
      // A third of the rounds everything at once.
      const ending = round % 3 === 0 ? ends : ends.slice(round % ends.length, (round % ends.length) + 1)
      // What is of no session does not end with one.
      const apart = ending.length === 1 && ending[0] === endSession ? [] : [{}, {}]
      const codes = await Promise.all(
        [{ sessionId }, { sessionId, offline: true }, ...apart].map((one) => presentCode(bench, bench.ours, one)),
      )
      const redeeming = codes.flatMap((code) => [redeem(bench, code), redeem(bench, code)])
      await Promise.all([...redeeming, ...ending.map((end) => end(bench, sessionId))])
      const outcomes = await Promise.all(redeeming)
      made += outcomes.filter(({ result }) => result === 'made').length
      refused += outcomes.filter(({ result }) => result === 'superseded').length
      const grants = await sql('SELECT id FROM grants WHERE tenant_id = $1', tenantId)
      const states = await Promise.all(
        grants.map(async ({ id }) => (await bench.ports.grants.find(tenantId, id))?.state),
      )
      expect(
        states.filter((state) => state === 'live'),
        `round ${round}`,
      ).toEqual([])
    }
    // Otherwise nothing was raced.
    expect(made).toBeGreaterThan(0)
    expect(refused).toBeGreaterThan(0)
  })

  test.each([
    {
      what: 'the end of its session',
      state: 'session_over',
      revoke: 'SELECT revoke_session($1, $3, $4, $5), $2::uuid',
    },
    { what: 'a change of password', state: 'user_disabled', revoke: 'SELECT revoke_user($1, $2, $4, $5), $3::uuid' },
  ])('a redemption that waits for $what comes to nothing, and the code is not used up', async ({ state, revoke }) => {
    const bench = await open()
    const { tenantId, userId } = bench.ours
    const { id } = await openSession(bench, bench.ours)
    const code = await presentCode(bench, bench.ours, state === 'session_over' ? { sessionId: id } : {})
    const end = await stage.pool.connect()
    await end.query('BEGIN')
    await end.query(revoke, [tenantId, userId, id, operator, 'test'])
    const waiting = redeem(bench, code)
    await eventually(async () => expect(await sql('SELECT FROM pg_locks WHERE NOT granted')).toHaveLength(1))
    await end.query('COMMIT')
    end.release()
    expect(await waiting).toEqual({ result: 'superseded' })
    expect(await bench.ports.codes.find(tenantId, code.code)).toMatchObject({ state, grantId: undefined })
  })
})
