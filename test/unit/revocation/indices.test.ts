import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIndices, type PlaceRequest } from '../../../src/revocation/indices.js'
import { createListKeys } from '../../../src/revocation/list-keys.js'
import type { Leases } from '../../../src/revocation/ports.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { apiLike } from '../../support/ports.js'

const keys = createListKeys()(randomBytes(32))
const NOW = 1_800_000_000

function world(over: Partial<Leases> = {}) {
  const taken: { tenantId: string; slot: number; clientId: string; apiId: string; kid: string; size: number }[] = []
  const asked: { after: number; upTo: number }[] = []
  const state = { wide: 100, first: 0, revoked: false }
  const leases: Leases = {
    async take(tenantId, slot, about) {
      taken.push({ tenantId, slot, ...about })
      const lease = { listId: `list-of-${slot}`, list: 3, first: state.first, size: about.size, wide: state.wide }
      state.first += about.size
      return lease
    },
    async wasRevoked(_tenantId, _values, between) {
      asked.push(between)
      return state.revoked
    },
    ...over,
  }
  const indices = createIndices({ leases, keys: async () => keys })
  const take = (about: Partial<PlaceRequest> = {}) =>
    indices.take({
      tenant: DEFAULT_TENANT,
      api: apiLike('api_1'),
      clientId: 'client_1',
      kid: 'key_1',
      exp: NOW,
      wide: 100,
      ...about,
    })
  return { taken, asked, state, take }
}

const many = <T>(count: number, make: (at: number) => T) => Array.from({ length: count }, (_, at) => make(at))
const indexOf = ({ status }: Awaited<ReturnType<ReturnType<typeof world>['take']>>) => status.status_list.idx

describe('an index', () => {
  it('is given to one token alone, however many ask at once', async () => {
    const { take } = world()
    const given = await Promise.all(many(5_000, () => take()))
    expect(new Set(given.map(indexOf)).size).toBe(5_000)
    expect(new Set(given.map(({ packed }) => packed)).size).toBe(5_000)
  })

  it('comes with the address of its list and a jti that says the same place', async () => {
    const { take } = world()
    const { jti, packed, status } = await take()
    expect(status.status_list.uri).toBe(`https://id.example.com/status-lists/list-of-${NOW / 3600}`)
    expect(keys.tokenIds.placeOf(jti)).toBe(packed)
    expect(Number(packed & 0xfffffn)).toBe(status.status_list.idx)
    expect(Number((packed >> 20n) & 1023n)).toBe(3)
  })

  it('costs a lease for sixteen, then for twice as many, up to 4,096', async () => {
    const { take, taken } = world()
    await Promise.all(many(20_000, () => take()))
    expect(taken.map(({ size }) => size)).toEqual([16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 4096])
  })

  it('is of a lease of its client, API, key, tenant and hour', async () => {
    const { take, taken } = world()
    const others: Partial<PlaceRequest>[] = [
      { clientId: 'client_2' },
      { api: apiLike('api_2') },
      { kid: 'key_2' },
      { tenant: { id: 'other', issuer: 'https://other.example' } },
      { exp: NOW + 3600 },
    ]
    for (const about of [{}, ...others, {}, ...others]) await take(about)
    expect(taken).toHaveLength(6)
    expect(new Set(taken.map(({ size: _, ...owner }) => JSON.stringify(owner))).size).toBe(6)
  })

  it('in a new hour goes on at half the pace of the last', async () => {
    const { take, taken } = world()
    await Promise.all(many(1_000, () => take()))
    await take({ exp: NOW + 3600 })
    expect(taken.at(-1)?.size).toBe(512)
  })
})

describe('a lease', () => {
  it('is left for a new one when the request was judged after a wide revocation that may have flipped it', async () => {
    const { take, taken, state } = world()
    await take()
    state.wide = 101
    await take({ wide: 101 })
    expect(taken).toHaveLength(2)
    await take({ wide: 101 })
    expect(taken).toHaveLength(2)
  })

  it('that is younger than what the request was judged on serves it, when what was revoked between is not its business', async () => {
    const { take, asked, state } = world()
    state.wide = 105
    await take({ wide: 100 })
    expect(asked).toEqual([{ after: 100, upTo: 105 }])
    // What is known is not asked again.
    await take({ wide: 100 })
    await take({ wide: 103 })
    expect(asked).toHaveLength(1)
    await take({ wide: 99 })
    expect(asked).toEqual([
      { after: 100, upTo: 105 },
      { after: 99, upTo: 100 },
    ])
  })

  it('gives nothing to a token that has been revoked since it was judged', async () => {
    const { take, state } = world()
    Object.assign(state, { wide: 105, revoked: true })
    await expect(take({ wide: 100 })).rejects.toMatchObject({
      code: 'temporarily_unavailable',
      reason: 'revoked_meanwhile',
    })
    // Whoever was judged since gets one.
    expect(indexOf(await take({ wide: 105 }))).toBeGreaterThanOrEqual(0)
  })

  it('is asked for in vain only a few times where the database has forgotten a revocation', async () => {
    const { take, taken } = world()
    await expect(take({ wide: 1_000 })).rejects.toMatchObject({ reason: 'leases_behind_view' })
    expect(taken.length).toBeLessThan(10)
  })

  it('that could not be had fails those who wait for it, and is asked for again by the next', async () => {
    let broken = true
    const { take } = world({
      take: async (...args) => {
        if (broken) throw new Error('down')
        return { listId: 'a', list: 0, first: 0, size: args[2].size, wide: 100 }
      },
    })
    const waiting = await Promise.allSettled(many(5, () => take()))
    expect(waiting.map(({ status }) => status)).toEqual(many(5, () => 'rejected'))
    broken = false
    expect(indexOf(await take())).toBeGreaterThanOrEqual(0)
  })
})
