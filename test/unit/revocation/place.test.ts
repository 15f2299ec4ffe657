import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenIds, expOfPlace, LISTS, packPlace, slotOf } from '../../../src/revocation/place.js'
import { LIST_LENGTH } from '../../../src/wire/status-list.js'

const ids = createTokenIds(randomBytes(32))
const places = fc.record({
  exp: fc.integer({ min: 0, max: 2 ** 33 - 1 }),
  list: fc.integer({ min: 0, max: LISTS - 1 }),
  index: fc.integer({ min: 0, max: LIST_LENGTH - 1 }),
})

describe('a place', () => {
  it('is packed as grants.live has it: the expiry first, so that what is over is below what is not', () => {
    expect(packPlace({ exp: 1_800_000_000, list: 3, index: 5 })).toBe(1_800_000_000n * 2n ** 30n + 3n * 2n ** 20n + 5n)
    expect(packPlace({ exp: 2, list: 0, index: 0 })).toBeGreaterThan(
      packPlace({ exp: 1, list: 1023, index: 2 ** 20 - 1 }),
    )
    fc.assert(fc.property(places, (place) => expOfPlace(packPlace(place)) === place.exp))
  })

  it('belongs to the hour of its expiry', () => {
    expect([slotOf(3_599), slotOf(3_600)]).toEqual([0, 1])
  })
})

describe('the jti of a place', () => {
  it('gives it back to who has the key', () => {
    fc.assert(fc.property(places, (place) => ids.placeOf(ids.of(place)) === packPlace(place)))
  })

  it('is 22 characters, another each time, and tells nobody else anything', () => {
    const place = { exp: 1_800_000_000, list: 0, index: 7 }
    const made = Array.from({ length: 50 }, () => ids.of(place))
    expect(new Set(made).size).toBe(50)
    for (const id of made) expect(id).toMatch(/^[\w-]{22}$/)
    // No byte stands still, though all of them say the same but for six bytes of chance.
    const bytes = made.map((id) => Buffer.from(id, 'base64url'))
    for (let at = 0; at < 16; at++) expect(new Set(bytes.map((one) => one[at])).size).toBeGreaterThan(5)
  })

  it('of another key, or changed, is not read as the same place', () => {
    const place = { exp: 1_800_000_000, list: 0, index: 7 }
    const jti = ids.of(place)
    expect(createTokenIds(randomBytes(32)).placeOf(jti)).not.toBe(packPlace(place))
    for (let at = 0; at < jti.length; at++) {
      const changed = `${jti.slice(0, at)}${jti[at] === 'A' ? 'B' : 'A'}${jti.slice(at + 1)}`
      expect(ids.placeOf(changed)).not.toBe(packPlace(place))
    }
  })

  it('is the same whatever was read and written before it: no block depends on another', () => {
    const key = randomBytes(32)
    const [one, other] = [createTokenIds(key), createTokenIds(key)]
    fc.assert(
      fc.property(fc.array(places, { minLength: 1, maxLength: 5 }), (list) =>
        list.every((place) => other.placeOf(one.of(place)) === packPlace(place)),
      ),
    )
  })

  it.each(['', 'j1', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}B`, `${'A'.repeat(21)}=`, '💥'])(
    'is not %j: text of another shape has no place',
    (text) => {
      expect(ids.placeOf(text)).toBeUndefined()
    },
  )
})
