import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatCursor, historyOf, parseCursor } from '../../../src/store/cursor.js'

const cursors = fc.record({
  history: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  revision: fc.maxSafeNat(),
  at: fc.nat(2 ** 40),
})

describe('a cursor', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(parseCursor(formatCursor(cursor))).toEqual(cursor)
      }),
    )
  })

  test('has one spelling: whatever else is read was written the same', () => {
    const texts = fc.oneof(fc.string(), fc.base64String({ minLength: 36, maxLength: 44 }), cursors.map(formatCursor))
    fc.assert(
      fc.property(texts, fc.nat(45), fc.string({ maxLength: 2 }), (text, at, change) => {
        const changed = text.slice(0, at) + change + text.slice(at + 1)
        const cursor = parseCursor(changed)
        if (cursor) expect(formatCursor(cursor)).toBe(changed)
      }),
    )
  })

  test('with a revision that no number can hold is none', () => {
    expect(parseCursor(Buffer.alloc(30, 255).toString('base64url'))).toBeUndefined()
  })

  test('belongs to what its history is made of, in that order', () => {
    const names = [historyOf('a', 'b'), historyOf('b', 'a'), historyOf('a'), historyOf('ab')].map((name) =>
      name.toString('hex'),
    )
    expect(new Set(names).size).toBe(4)
  })
})
