import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createKnownRevocations } from '../../../src/resource-server/known-revocations.js'
import type { Entry, RevocationPage } from '../../../src/resource-server/revocation-page.js'

const IAT = 1_800_000_000
const digest = (name: number | string) => String(name).padStart(22, '-')
const entry = (name: number | string, { r, life = 300 }: { r?: number | undefined; life?: number } = {}): Entry => ({
  k: 'jti',
  d: digest(name),
  ...(r !== undefined && { r }),
  exp: IAT + life,
})
const page = (revision: number, told: Partial<RevocationPage> = {}): RevocationPage => ({
  iat: IAT,
  cursor: `c${revision}`,
  revision,
  after: undefined,
  more: false,
  maxStaleness: 5,
  polledAt: undefined,
  openedAt: undefined,
  entries: [],
  ...told,
})

describe('what is known', () => {
  it('is whole when there is no more, and asks on from the last page', () => {
    const known = createKnownRevocations()
    expect([known.isWhole(), known.cursor()]).toEqual([false, undefined])
    expect(known.take(page(10, { more: true, entries: [entry(1)] }), 0)).toBe('part')
    expect([known.isWhole(), known.cursor()]).toEqual([false, 'c10'])
    // It counts from the moment it is known.
    expect(known.find(digest(1))).toBeDefined()
    expect(known.take(page(20, { after: 10, entries: [entry(2)] }), 0)).toBe('whole')
    expect([known.isWhole(), known.cursor(), known.size()]).toEqual([true, 'c20', 2])
  })

  it('does not take what leaves a gap', () => {
    const known = createKnownRevocations()
    expect(known.take(page(10, { after: 5, entries: [entry(1)] }), 0)).toBe('gap')
    known.take(page(10), 0)
    expect(known.take(page(12, { after: 11, entries: [entry(2)] }), 0)).toBe('gap')
    expect(known.size()).toBe(0)
    expect(known.take(page(12, { after: 10 }), 0)).toBe('whole')
  })

  it('may be told again what it knows, without going back', () => {
    const known = createKnownRevocations()
    known.take(page(20), 0)
    expect(known.take(page(15, { after: 5, entries: [entry(1)] }), 0)).toBe('whole')
    expect([known.cursor(), known.size()]).toEqual(['c20', 1])
    expect(known.take(page(20, { after: 20, cursor: 'newer' }), 0)).toBe('whole')
    expect(known.cursor()).toBe('newer')
  })

  it('kills all of a digest where there is no revision, and those before the highest where there is', () => {
    const known = createKnownRevocations()
    const told = [entry('all'), entry('some', { r: 5 }), entry('some', { r: 9 }), entry('some', { r: 7 })]
    known.take(page(10, { entries: told }), 0)
    expect(known.find(digest('all'))?.r).toBe(Number.POSITIVE_INFINITY)
    expect(known.find(digest('some'))?.r).toBe(9)
    known.take(page(11, { after: 10, entries: [entry('all', { r: 3 })] }), 0)
    expect(known.find(digest('all'))?.r).toBe(Number.POSITIVE_INFINITY)
  })

  it('counts on while it is told anew, until that is whole', () => {
    const known = createKnownRevocations()
    known.take(page(100, { entries: [entry('old'), entry('both')] }), 0)
    known.beginAnew()
    expect([known.isWhole(), known.cursor()]).toEqual([false, undefined])
    expect(known.take(page(40, { after: 30 }), 0)).toBe('gap')
    known.take(page(10, { more: true, entries: [entry('both')] }), 0)
    expect(known.find(digest('old'))).toBeDefined()
    known.take(page(20, { after: 10, more: true, entries: [entry('new')] }), 0)
    expect([known.find(digest('old')), known.find(digest('new'))].every(Boolean)).toBe(true)
    expect(known.isWhole()).toBe(false)
    expect(known.take(page(30, { after: 20 }), 0)).toBe('whole')
    expect(known.find(digest('old'))).toBeUndefined()
    expect([known.find(digest('both')), known.find(digest('new'))].every(Boolean)).toBe(true)
    expect([known.isWhole(), known.cursor()]).toEqual([true, 'c30'])
  })

  it('forgets nothing of an attempt that broke off, and goes on where it was', () => {
    const known = createKnownRevocations()
    known.take(page(100, { entries: [entry('old')] }), 0)
    known.take(page(10, { more: true, entries: [entry('new')] }), 0)
    // Another connection, with the cursor of the last page.
    expect(known.cursor()).toBe('c10')
    expect(known.take(page(20, { after: 10 }), 0)).toBe('whole')
    expect([known.find(digest('old')), known.find(digest('new'))].map(Boolean)).toEqual([false, true])
  })

  it('keeps an entry for its life by the clock of who told it, and the skew, from when it came', () => {
    const known = createKnownRevocations()
    known.take(
      page(10, { entries: [entry('short', { life: 30 }), entry('long', { life: 300 }), entry('over', { life: -50 })] }),
      1_000,
    )
    const sizeAt = (now: number) => {
      // Once round, and the turn at the end.
      known.forget(now, 100)
      known.forget(now, 100)
      return known.size()
    }
    expect(sizeAt(1_119)).toBe(3)
    expect(sizeAt(1_120)).toBe(2)
    expect(sizeAt(1_149)).toBe(2)
    expect(sizeAt(1_150)).toBe(1)
    // Told again, it lives again from then on.
    known.take(page(11, { after: 10, entries: [entry('long', { life: 300 })] }), 1_300)
    expect(sizeAt(1_700)).toBe(1)
    expect(sizeAt(1_720)).toBe(0)
  })

  it('forgets step by step, all of it', () => {
    const known = createKnownRevocations()
    known.take(
      page(10, { entries: Array.from({ length: 1_000 }, (_, i) => entry(i, { life: i % 2 ? 10 : 1_000 })) }),
      0,
    )
    for (let i = 0; i < 40; i++) known.forget(500, 30)
    expect(known.size()).toBe(500)
    expect(known.find(digest(0))).toBeDefined()
  })

  it('says when there is no room for all of it', () => {
    const known = createKnownRevocations({ maxEntries: 3 })
    expect(known.take(page(10, { more: true, entries: [entry(1), entry(2)] }), 0)).toBe('part')
    expect(known.take(page(20, { after: 10, entries: [entry(3), entry(4)] }), 0)).toBe('full')
    expect(known.isWhole()).toBe(false)
  })
})

describe('any history', () => {
  type Line = { readonly at: number; readonly name: number; readonly r: number | undefined }
  /** What an issuer has committed, and how a reader hears of it: in pages of some size, broken off and begun anew at some places. */
  const history = fc.record({
    lines: fc.array(fc.record({ name: fc.nat(8), r: fc.option(fc.nat(20), { nil: undefined }) }), { maxLength: 30 }),
    pageSize: fc.integer({ min: 1, max: 6 }),
    steps: fc.array(
      fc.oneof(
        { weight: 8, arbitrary: fc.constant('ask' as const) },
        { weight: 6, arbitrary: fc.constant('commit' as const) },
        { weight: 1, arbitrary: fc.constant('anew' as const) },
        { weight: 2, arbitrary: fc.constant('repeat' as const) },
        { weight: 1, arbitrary: fc.constant('skip' as const) },
      ),
      { maxLength: 80 },
    ),
  })

  it('is known as a whole whenever it says so, and nothing that was known is lost before', () => {
    fc.assert(
      fc.property(history, ({ lines, pageSize, steps }) => {
        const known = createKnownRevocations()
        const committed: Line[] = []
        /** The revision that was the end when a reader was last told that there is no more. */
        let wholeAt = -1
        let place = -1
        const read = (after: number): RevocationPage => {
          const all = committed.filter(({ at }) => at > after)
          const found = all.slice(0, pageSize)
          const more = all.length > pageSize
          const revision = (more ? found.at(-1)?.at : committed.at(-1)?.at) ?? Math.max(after, 0)
          const entries = found.map(({ name, r }) => entry(name, { r }))
          return page(revision, { ...(after >= 0 && { after }), more, entries })
        }
        for (const step of steps) {
          if (step === 'commit') {
            const line = lines[committed.length]
            if (line) committed.push({ ...line, at: committed.length + 1 })
          } else if (step === 'anew') {
            known.beginAnew()
            place = -1
          } else if (step === 'skip') {
            const end = (committed.at(-1)?.at ?? 0) + 1
            expect(known.take(page(end + 5, { after: end, entries: [entry(99)] }), 0)).toBe('gap')
          } else {
            if (step === 'repeat' && place < 2) continue
            const after = step === 'repeat' ? place - 2 : place
            const next = read(after)
            const taken = known.take(next, 0)
            expect(taken).toBe(next.more ? 'part' : 'whole')
            place = Math.max(place, next.revision)
            if (taken === 'whole' && next.revision >= place) wholeAt = Math.max(wholeAt, next.revision)
            expect(known.cursor()).toBe(`c${place}`)
          }
          // Whatever was committed before it was last whole is known, with the highest revision or without any.
          for (const name of new Set(committed.filter(({ at }) => at <= wholeAt).map((line) => line.name))) {
            const of = committed.filter((line) => line.at <= wholeAt && line.name === name)
            const least = Math.max(...of.map(({ r }) => r ?? Number.POSITIVE_INFINITY))
            expect(known.find(digest(name))?.r).toBeGreaterThanOrEqual(least)
          }
          // And nothing is known that nobody has committed.
          const most = (name: number) =>
            Math.max(
              -1,
              ...committed.filter((line) => line.name === name).map(({ r }) => r ?? Number.POSITIVE_INFINITY),
            )
          for (let name = 0; name <= 8; name++)
            expect(known.find(digest(name))?.r ?? -1).toBeLessThanOrEqual(most(name))
          expect(known.find(digest(99))).toBeUndefined()
        }
      }),
      { numRuns: 1_000 },
    )
  })
})
