import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createSessions } from '../../src/store/sessions.js'
import { newSession, openSession, person, postgresBench } from '../support/browser-bench.js'
import { sessionCases } from '../support/browser-cases/sessions.js'
import { eventually } from '../support/eventually.js'
import { watchPlans } from '../support/explain.js'
import { makeUser, operator, type Stage, setStage } from '../support/fixtures.js'

let stage: Stage
beforeAll(async () => {
  stage = await setStage({ connections: 30 })
})
afterAll(() => stage.close())

const sql = async (text: string, ...values: unknown[]) => (await stage.pool.query(text, values)).rows
const rowOf = async (id: string) => (await sql('SELECT * FROM sessions WHERE id = $1', id))[0]
const open = () => postgresBench(stage)

describe('in Postgres', () => sessionCases(open))

describe('the row of a session', () => {
  test('stands in the month of its end, as its id and its token say', async () => {
    const bench = await open()
    const { id, token } = await openSession(bench, bench.ours, { rev: 7, userAgent: undefined })
    const row = await rowOf(id)
    const [month] = await sql(
      'SELECT tableoid::regclass::text AS partition, month_of(expires_at) AS of_end, month_of_id(id) AS of_id FROM sessions WHERE id = $1',
      id,
    )
    expect(month).toEqual({ partition: `sessions_m${row.month}`, of_end: row.month, of_id: row.month })
    expect(Buffer.from(token, 'base64url').subarray(0, 16).toString('hex')).toBe(id.replaceAll('-', ''))
    expect(row).toMatchObject({ revision: '7', idle: 7_200, user_agent: null, address: '192.0.2.1' })
  })

  test('says what browser it is in 300 characters, without any that are not seen', async () => {
    const bench = await open()
    const of = async (userAgent: string) =>
      (await rowOf((await openSession(bench, bench.ours, { userAgent })).id)).user_agent
    expect(await of('Mozilla/5.0 (X11; Linux)')).toBe('Mozilla/5.0 (X11; Linux)')
    expect(await of('a\0b\r\nc\u0085d\u202ee\u2028f')).toBe('abcdef')
    expect(await of('🦊'.repeat(400))).toBe('🦊'.repeat(300))
    expect(await of('\ud800')).toBe('')
    expect(JSON.stringify(await bench.audited(bench.ours))).not.toContain('Mozilla')
  })

  test('holds nothing that a browser could be taken over with', async () => {
    const bench = await open()
    const { id, token } = await openSession(bench, bench.ours)
    const renewed = await bench.ports.sessions.renew(
      { tenantId: bench.ours.tenantId, id },
      newSession(bench.ours),
      person(bench.ours),
    )
    const [{ dump }] = await sql('SELECT string_agg(s::text, $1) AS dump FROM sessions s', '\n')
    const tokens = [token, ...('token' in renewed ? [renewed.token] : [])]
    expect(tokens).toHaveLength(2)
    for (const one of tokens) {
      const secret = Buffer.from(one, 'base64url').subarray(16)
      for (const text of [one, secret.toString('hex'), secret.toString('base64url'), secret.toString('base64')]) {
        expect(dump).not.toContain(text)
      }
    }
  })

  test('is written at most once a minute, however often the session is used', async () => {
    const bench = await open()
    const { id, token } = await openSession(bench, bench.ours)
    const find = () => bench.ports.sessions.find(bench.ours.tenantId, token)
    const usedAt = async () => (await rowOf(id)).used_at.getTime()
    await bench.pass(58)
    const before = await usedAt()
    await find()
    expect(await usedAt()).toBe(before)
    await bench.pass(2)
    await find()
    const after = await usedAt()
    expect(after).toBeGreaterThanOrEqual(before + 58_000)
    await find()
    expect(await usedAt()).toBe(after)
  })

  test('is not written with the secret of another session', async () => {
    const bench = await open()
    const { id, token } = await openSession(bench, bench.ours)
    await bench.pass(3_600)
    const { used_at } = await rowOf(id)
    const forged = Buffer.concat([Buffer.from(token, 'base64url').subarray(0, 16), Buffer.alloc(32)])
    expect(await bench.ports.sessions.find(bench.ours.tenantId, forged.toString('base64url'))).toBeUndefined()
    expect((await rowOf(id)).used_at).toEqual(used_at)
  })

  test('is not waited for where another holds it', async () => {
    const bench = await open()
    const { id, token } = await openSession(bench, bench.ours)
    await bench.pass(3_600)
    const other = await stage.pool.connect()
    await other.query('BEGIN')
    await other.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [id])
    expect(await bench.ports.sessions.find(bench.ours.tenantId, token)).toBeDefined()
    await other.query('COMMIT')
    other.release()
  })

  test('is not renewed by another user of the same tenant', async () => {
    const bench = await open()
    const { tenantId } = bench.ours
    const { id, token } = await openSession(bench, bench.ours)
    const other = await makeUser(stage.pool, tenantId)
    const to = { ...newSession(bench.ours), userId: other.id }
    const renewed = await bench.ports.sessions.renew({ tenantId, id }, to, person(bench.ours))
    expect(renewed).toEqual({ result: 'superseded' })
    expect((await bench.ports.sessions.find(tenantId, token))?.user.id).toBe(bench.ours.userId)
  })

  test('is of no use any more where the tenant was revoked since, and one of a later sign-in is', async () => {
    const bench = await open()
    const { tenantId } = bench.ours
    const old = await openSession(bench, bench.ours)
    const [{ r }] = await sql(
      'SELECT revoke_tenant($1, $2, $3, $4) AS r',
      tenantId,
      'https://id.example',
      operator,
      'test',
    )
    // Judged before, made afterwards: the same.
    const late = await openSession(bench, bench.ours, { rev: Number(r) - 1 })
    const next = await openSession(bench, bench.ours, { rev: Number(r) })
    const found = await Promise.all([old, late, next].map(({ token }) => bench.ports.sessions.find(tenantId, token)))
    expect(found.map((one) => one?.id)).toEqual([undefined, undefined, next.id])
  })
})

describe('a change of password', () => {
  test('that is under way is waited for, and then nobody is signed in', async () => {
    const bench = await open()
    const { ours } = bench
    const { id } = await openSession(bench, ours)
    const change = await stage.pool.connect()
    await change.query('BEGIN')
    await change.query('SELECT revoke_user($1, $2, $3, $4)', [ours.tenantId, ours.userId, operator, 'password'])
    const making = bench.ports.sessions.make(newSession(ours), person(ours))
    const renewing = bench.ports.sessions.renew({ tenantId: ours.tenantId, id }, newSession(ours), person(ours))
    await eventually(async () => expect(await sql('SELECT FROM pg_locks WHERE NOT granted')).toHaveLength(2))
    await change.query('COMMIT')
    change.release()
    expect(await Promise.all([making, renewing])).toEqual([{ result: 'superseded' }, { result: 'superseded' }])
  })

  test('leaves no session behind that was being made or renewed', async () => {
    let made = 0
    for (let round = 0; round < 50; round++) {
      const bench = await open()
      const { ours, ports } = bench
      const { id } = await openSession(bench, ours)
      const session = { tenantId: ours.tenantId, id }
      const tries = await Promise.all([
        ports.sessions.make(newSession(ours), person(ours)),
        ports.sessions.renew(session, newSession(ours), person(ours)),
        bench.changePassword(ours).then(() => ({ result: 'changed' })),
        ports.sessions.make(newSession(ours), person(ours)),
        bench.endSession(ours, id).then(() => ({ result: 'ended' })),
        ports.sessions.renew(session, newSession(ours), person(ours)),
      ])
      made += tries.filter(({ result }) => result === 'made').length
      expect(await sql('SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL', ours.userId)).toEqual([])
    }
    // Otherwise nothing was raced.
    expect(made).toBeGreaterThan(0)
  })
})

test('a session is looked up by its key in one partition, also in one that nobody has analysed', async () => {
  const bench = await open()
  const { id, token } = await openSession(bench, bench.ours)
  const plans = watchPlans(stage.pool, 'sessions')
  const sessions = createSessions({ pool: plans.pool })
  await bench.pass(120)
  await sessions.find(bench.ours.tenantId, token)
  await sessions.renew({ tenantId: bench.ours.tenantId, id }, newSession(bench.ours), person(bench.ours))
  const { month } = await rowOf(id)
  const key = [`sessions_m${month}_pkey`]
  expect(await plans.indexes()).toEqual([key, key, key])
  const kept = (await plans.generic()).flat()
  expect(kept.length).toBeGreaterThan(3)
  expect(kept.filter((name) => !/^sessions_\w+_pkey$/.test(name))).toEqual([])
})
