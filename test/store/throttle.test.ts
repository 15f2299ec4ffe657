import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Throttle } from '../../src/oauth/ports.js'
import { createThrottle } from '../../src/store/throttle.js'
import { type TestDatabase, testDatabase } from '../support/database.js'

const key = randomBytes(32)
const by = { kind: 'client', id: 'cl_test', address: '192.0.2.1' } as const
let database: TestDatabase
let pool: pg.Pool
let throttle: Throttle
let tenant: string
let other: string

async function makeTenant(): Promise<string> {
  const id = randomUUID()
  await pool.query('INSERT INTO tenants (id, slug, name) VALUES ($1, $2, $2)', [id, `t${id.slice(0, 8)}`])
  await pool.query('INSERT INTO revisions (tenant_id) VALUES ($1)', [id])
  return id
}

beforeAll(async () => {
  database = await testDatabase()
  pool = new pg.Pool({ ...database.connection, max: 20 })
  throttle = createThrottle(pool, key)
})
afterAll(async () => {
  await pool.end()
  await database.drop()
})
beforeEach(async () => {
  tenant = await makeTenant()
  other = await makeTenant()
})

const at = (username: string, address = '192.0.2.1') => ({ username, address })
const many = <T>(count: number, each: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => each(i)))
/** As if the time had passed: everything the throttle remembers lies that much further back. */
const pass = (seconds: number) =>
  pool.query(
    `UPDATE throttle SET resets_at = resets_at - make_interval(secs => $2), audited_at = audited_at - make_interval(secs => $2),
       blocked_until = blocked_until - make_interval(secs => $2) WHERE tenant_id = $1`,
    [tenant, seconds],
  )
const take = (username: string, address?: string) => throttle.take(tenant, at(username, address))

it('counts without waiting for the disk, and leaves the connection as it was', async () => {
  const client = await pool.connect()
  const commits = async () => (await client.query('SHOW synchronous_commit')).rows[0].synchronous_commit
  const own = createThrottle(client, key)
  const counted: Record<string, () => Promise<unknown>> = {
    take: () => own.take(tenant, at('ann')),
    returned: () => own.returned(tenant, at('ann')),
    succeeded: () => own.succeeded(tenant, at('ann')),
    clientFailed: () => own.clientFailed(tenant, '192.0.2.1'),
    flowBegun: () => own.flowBegun(tenant, '192.0.2.1'),
  }
  const usual = await commits()
  try {
    for (const [name, count] of Object.entries(counted)) {
      await client.query("BEGIN; SET LOCAL synchronous_commit = 'on'")
      await count()
      expect(`${name}: ${await commits()}`).toBe(`${name}: off`)
      await client.query('COMMIT')
      expect(await commits()).toBe(usual)
    }
    // What is audited is on the disk when it is answered.
    await client.query("BEGIN; SET LOCAL synchronous_commit = 'on'")
    await own.refused(tenant, at('ann'), { reason: 'password_wrong', by })
    expect(await commits()).toBe('on')
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
})

describe('account and address', () => {
  it('lets five tries pass, then one after each wait, doubling up to fifteen minutes', async () => {
    for (let i = 0; i < 5; i++) expect(await take('ann')).toBe('taken')
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      const refused = await take('ann')
      if (refused === 'taken') throw new Error('nothing was refused')
      expect(refused.bucket).toBe('account_address')
      waits.push(refused.retryAfter)
      await pass(refused.retryAfter)
      expect(await take('ann')).toBe('taken')
    }
    expect(waits).toEqual([15, 30, 60, 120, 240, 480, 900, 900, 900])
  })

  it('counts parallel tries over two processes as one after the other', async () => {
    const second = new pg.Pool({ ...database.connection, max: 20 })
    const elsewhere = createThrottle(second, key)
    const answers = await many(40, (i) => (i % 2 ? throttle : elsewhere).take(tenant, at('ann')))
    await second.end()
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(5)
  })

  it('forgets the failures of an account and address once it has signed in', async () => {
    for (let i = 0; i < 4; i++) await take('ann')
    expect(await take('ann')).toBe('taken')
    await throttle.succeeded(tenant, at('ann'))
    for (let i = 0; i < 5; i++) expect(await take('ann')).toBe('taken')
  })

  it('takes a try back that was never looked at', async () => {
    for (let i = 0; i < 20; i++) {
      expect(await take('ann')).toBe('taken')
      await throttle.returned(tenant, at('ann'))
    }
  })

  it('does not hold one account for the tries at another, nor one tenant for those of another', async () => {
    for (let i = 0; i < 6; i++) await take('ann')
    expect(await take('ann')).not.toBe('taken')
    expect(await take('bob')).toBe('taken')
    expect(await throttle.take(other, at('ann'))).toBe('taken')
  })

  it('goes on counting after midnight', async () => {
    for (let i = 0; i < 5; i++) await take('ann')
    await pool.query('UPDATE throttle SET day = day - 1 WHERE tenant_id = $1', [tenant])
    expect(await take('ann')).not.toBe('taken')
  })
})

describe('address', () => {
  it('lets fifty tries pass in fifteen minutes, whatever the account', async () => {
    const answers = await many(60, (i) => take(`user${i}`))
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(50)
    const refused = await take('one more')
    expect(refused).toMatchObject({ bucket: 'address' })
    expect(refused).not.toHaveProperty('retryAfter', 0)
    await pass(900)
    expect(await take('one more')).toBe('taken')
  })

  it('gets back the try of each success', async () => {
    for (let i = 0; i < 60; i++) {
      expect(await take(`user${i}`)).toBe('taken')
      await throttle.succeeded(tenant, at(`user${i}`))
    }
  })

  it('is not charged for a try that another bucket refuses', async () => {
    for (let i = 0; i < 5; i++) await take('ann')
    await many(100, () => take('ann'))
    const answers = await many(50, (i) => take(`user${i}`))
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(45)
  })
})

describe('account', () => {
  it('stays open above a hundred tries an hour to an address it signed in from, and to no other', async () => {
    await take('ann', 'home')
    await throttle.succeeded(tenant, at('ann', 'home'))
    const answers = await many(120, (i) => take('ann', `bot${i}`))
    expect(answers.filter((answer) => answer === 'taken')).toHaveLength(100)
    expect(await take('ann', 'elsewhere')).toMatchObject({ bucket: 'account' })
    expect(await take('ann', 'home')).toBe('taken')
    await pool.query('UPDATE known_addresses SET seen_on = seen_on - 31 WHERE tenant_id = $1', [tenant])
    expect(await take('ann', 'home')).toMatchObject({ bucket: 'account' })
  })

  it('never deadlocks, however sign-ins cross', async () => {
    const work = many(300, async (i) => {
      const attempt = at(`user${i % 7}`, `10.0.0.${i % 5}`)
      if ((await throttle.take(tenant, attempt)) === 'taken')
        await throttle[i % 3 ? 'succeeded' : 'returned'](tenant, attempt)
    })
    await expect(work).resolves.toHaveLength(300)
  })
})

describe('audit', () => {
  const events = async () =>
    (
      await pool.query('SELECT type, actor, subject, detail FROM audit_events WHERE tenant_id = $1 ORDER BY id', [
        tenant,
      ])
    ).rows

  it('writes one event per bucket and quarter of an hour', async () => {
    for (let i = 0; i < 4; i++) {
      await take('ann')
      await throttle.refused(tenant, at('ann'), { reason: 'password_wrong', by, userId: 'u1' })
    }
    expect(await events()).toEqual([
      {
        type: 'sign_in.refused',
        actor: by,
        subject: { user: 'u1' },
        detail: { reason: 'password_wrong', bucket: expect.stringMatching(/^[0-9a-f]{16}$/) },
      },
    ])
    await pass(901)
    await throttle.refused(tenant, at('ann'), { reason: 'password_wrong', by })
    expect(await events()).toHaveLength(2)
  })

  it('stores no name and no address in the clear', async () => {
    await take('ann@example.com', '192.0.2.77')
    const { rows } = await pool.query('SELECT t::text FROM throttle AS t WHERE tenant_id = $1', [tenant])
    expect(rows).toHaveLength(3)
    expect(JSON.stringify(rows)).not.toMatch(/ann@|192\.0\.2/)
  })
})

describe('failed client authentication', () => {
  it('is counted by address alone, apart from sign-in', async () => {
    const answers = await many(60, () => throttle.clientFailed(tenant, '192.0.2.1'))
    expect(answers.filter((answer) => answer === 'counted')).toHaveLength(50)
    expect(await throttle.clientFailed(tenant, '192.0.2.2')).toBe('counted')
    expect(await take('ann')).toBe('taken')
  })
})
