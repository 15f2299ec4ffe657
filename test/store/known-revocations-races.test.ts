import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.js'
import { operator, type Stage, setStage } from '../support/fixtures.js'
import { type Issued, introspectingProcesses } from '../support/introspecting-processes.js'
import { newPlace } from '../support/mint.js'
import { proxyTo } from '../support/proxy.js'

let stage: Stage
let bench: ReturnType<typeof introspectingProcesses>
beforeAll(async () => {
  stage = await setStage()
  bench = introspectingProcesses(stage)
})
afterEach(() => bench.close())
afterAll(() => stage.close())

describe('what is ended through a process', () => {
  test('is known there with the answer, however many end something at once', async () => {
    const { openProcess, furnish, issue, followed } = bench
    const [here, there] = [await openProcess(), await openProcess()]
    const world = await furnish()
    const issued = await Promise.all(Array.from({ length: 40 }, () => issue(world)))
    const [first] = issued as [Issued]
    await Promise.all([followed(here, first), followed(there, first)])
    let fromMemory = 0
    const act = async (one: Issued, index: number) => {
      const { tenant, client, user } = world
      const reason = { reason: 'test', by: operator }
      const process = index % 2 === 0 ? here : there
      const { revocations, grants, endings } = process.ending
      if (index % 4 < 2) await revocations.revokeToken(tenant.id, { claims: one.claims, place: undefined }, operator)
      else if (index % 8 < 4) await revocations.revokeGrant(tenant.id, one.grant.id, reason)
      else await endings.endSession(tenant.id, { id: one.session, userId: user.id }, reason)
      expect(client.id).toBe(one.claims.client_id)
      expect(await process.judge(one), `of ${index}`).not.toBe('live')
      if ((await process.fromMemory(one)) !== false) fromMemory += 1
      const again = await grants.refresh(one.grant, { generation: 0, grace: 0, place: newPlace() }, operator)
      expect(['rotated', 'revoked', 'crowded']).toContain(again.result)
    }
    await Promise.all(issued.map(act))
    expect(fromMemory).toBeGreaterThan(0)
    await Promise.all([here.catchUp(first), there.catchUp(first)])
    for (const one of issued) {
      expect(await here.fromMemory(one)).not.toBe('live')
      expect(await there.fromMemory(one)).not.toBe('live')
    }
  })

  test('is known there while everything is still being read', async () => {
    const { openProcess, furnish, issue, followed, sql } = bench
    const world = await furnish()
    await sql(
      `INSERT INTO revocations (tenant_id, slot, revision, kind, digest, expires_at)
       SELECT $1, slot_of(now()), n, 'jti', 'digest ' || n, now() + interval '1 hour' FROM generate_series(1, 22000) AS n`,
      world.tenant.id,
    )
    const process = await openProcess({ interval: 20 })
    const issued = await Promise.all(Array.from({ length: 30 }, () => issue(world)))
    for (const one of issued) {
      await process.judge(one)
      await process.ending.revocations.revokeToken(world.tenant.id, { claims: one.claims, place: undefined }, operator)
      expect(await process.judge(one)).not.toBe('live')
    }
    const [first] = issued as [Issued]
    await followed(process, first)
    for (const one of issued) expect(await process.fromMemory(one)).toEqual({ dead: 'jti_revoked' })
  })
})

describe('what another process ended', () => {
  test('is known by its announcement or the next poll, between whichever two steps it is committed', async () => {
    const { openProcess, furnish, issue, followed, sql } = bench
    const process = await openProcess({ interval: 30 })
    const world = await furnish()
    const issued = await Promise.all(Array.from({ length: 60 }, () => issue(world)))
    const [first] = issued as [Issued]
    await followed(process, first)
    // What was committed when a judgement began may be unknown; what a later poll has told must not be.
    await Promise.all(
      issued.map(async (one) => {
        await sql('SELECT revoke_grant($1, $2, $3, $4)', world.tenant.id, one.grant.id, operator, 'test')
        await eventually(async () => expect(await process.fromMemory(one)).toEqual({ dead: 'grant_revoked' }))
      }),
    )
    for (const one of issued) expect(await process.judge(one)).not.toBe('live')
  })

  test.each(['cut', 'stall'] as const)(
    'is never said to be live past the bound, with Postgres out of reach (%s)',
    async (how) => {
      const { openProcess, furnish, issue, followed, sql } = bench
      const proxy = await proxyTo(stage.database.connection)
      bench.closing(proxy.close)
      const process = await openProcess({ within: 1, connection: proxy.connection, interval: 50, patience: 500 })
      const one = await issue(await furnish())
      await followed(process, one)
      proxy[how]()
      await sql('SELECT revoke_grant($1, $2, $3, $4)', one.world.tenant.id, one.grant.id, operator, 'test')
      const endedAt = performance.now()
      // Within the bound it may be answered by what was known; then it can't be said.
      await eventually(async () => {
        const said = await process.judge(one).catch(() => 'unavailable')
        if (performance.now() - endedAt > 1_000) expect(said).not.toBe('live')
        expect(said).toBe('unavailable')
      })
      proxy.mend()
      await eventually(async () => expect(await process.fromMemory(one)).toEqual({ dead: 'grant_revoked' }))
    },
  )
})
