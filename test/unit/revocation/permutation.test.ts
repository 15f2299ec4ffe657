import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createListKeys } from '../../../src/revocation/list-keys.js'
import { createPermutation } from '../../../src/revocation/permutation.js'
import { createTokenIds, packPlace } from '../../../src/revocation/place.js'
import { LIST_LENGTH } from '../../../src/wire/status-list.js'

describe('a permutation of the positions of a list', () => {
  it('gives every index once', () => {
    const permutation = createPermutation(randomBytes(32))
    const seen = new Uint8Array(LIST_LENGTH)
    for (let position = 0; position < LIST_LENGTH; position++) {
      const index = permutation(position)
      seen[index] = (seen[index] ?? 0) + 1
    }
    expect(seen.every((times) => times === 1)).toBe(true)
  })

  it('is the same for the same key and another for another', () => {
    const key = randomBytes(32)
    const indices = (of: Uint8Array) => Array.from({ length: 64 }, (_, position) => createPermutation(of)(position))
    expect(indices(key)).toEqual(indices(key))
    expect(indices(key)).not.toEqual(indices(randomBytes(32)))
  })

  it('scatters what was leased together: neighbours are not neighbours, and all of the list is used', () => {
    const permutation = createPermutation(randomBytes(32))
    const indices = Array.from({ length: 4096 }, (_, position) => permutation(position))
    const steps = indices.slice(1).map((index, at) => Math.abs(index - (indices[at] ?? 0)))
    expect(steps.filter((step) => step < 64).length).toBeLessThan(20)
    const eighths = new Set(indices.map((index) => index >> 17))
    expect(eighths.size).toBe(8)
  })
})

describe('the list keys of a tenant', () => {
  it('differ by use and by list, and are derived once for one key', () => {
    const of = createListKeys()
    const secret = randomBytes(32)
    const keys = of(secret)
    expect(of(secret)).toBe(keys)
    const place = { exp: 1_800_000_000, list: 0, index: 7 }
    expect(createTokenIds(secret).placeOf(keys.tokenIds.of(place))).not.toBe(packPlace(place))
    const first = keys.permutation('a')
    expect(keys.permutation('a')).toBe(first)
    const indices = (id: string) => Array.from({ length: 64 }, (_, position) => keys.permutation(id)(position))
    expect(indices('a')).not.toEqual(indices('b'))
  })

  it('keeps no more permutations than it needs', () => {
    const keys = createListKeys()(randomBytes(32))
    const first = keys.permutation('list 0')
    for (let n = 1; n < 200; n++) keys.permutation(`list ${n}`)
    expect(keys.permutation('list 0')).not.toBe(first)
    expect(keys.permutation('list 0')(5)).toBe(first(5))
  })
})
