import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRecentlyUsed } from '../../../src/store/recently-used.js'

describe('what was used recently', () => {
  it('is found, up to half of what may be kept, whatever else is there', () => {
    const entries = createRecentlyUsed<number>(10)
    for (let n = 0; n < 1_000; n++) {
      entries.set(`k${n}`, n)
      for (let back = 0; back < 5 && back <= n; back++) expect(entries.get(`k${n - back}`)).toBe(n - back)
    }
  })

  it('stays for as long as it is used', () => {
    const entries = createRecentlyUsed<string>(10)
    entries.set('used', 'yes')
    for (let n = 0; n < 1_000; n++) {
      entries.set(`other ${n}`, 'once')
      expect(entries.get('used')).toBe('yes')
    }
    expect(entries.get('other 0')).toBeUndefined()
  })

  it('is not used by a mere look', () => {
    const entries = createRecentlyUsed<string>(10)
    entries.set('seen', 'yes')
    for (let n = 0; n < 10; n++) {
      entries.peek('seen')
      entries.set(`other ${n}`, 'once')
    }
    expect(entries.peek('seen')).toBeUndefined()
    expect(entries.peek('other 9')).toBe('once')
  })

  it('is never more than may be kept, never what was deleted, and always what was set last', () => {
    const key = fc.constantFrom(...'abcdefghijklmnop')
    const step = fc.oneof(
      fc.record({ act: fc.constant('set' as const), key, value: fc.integer() }),
      fc.record({ act: fc.constantFrom('get' as const, 'delete' as const), key }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const entries = createRecentlyUsed<number>(6)
        const all = new Map<string, number>()
        for (const one of steps) {
          if (one.act === 'set') {
            entries.set(one.key, one.value)
            all.set(one.key, one.value)
          } else if (one.act === 'delete') {
            entries.delete(one.key)
            all.delete(one.key)
          }
          expect([all.get(one.key), undefined]).toContain(entries.get(one.key))
          expect(entries.size).toBeLessThanOrEqual(6)
          expect(new Set(entries.keys()).size).toBe(entries.size)
        }
      }),
    )
  })
})
