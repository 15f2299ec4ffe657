import { describe, expect, it } from 'vitest'
import { createProofMemory, ProofMemoryFull } from '../../../src/resource-server/dpop-replay.js'

function memory(capacity?: number) {
  const clock = { now: 1_790_000_000 }
  return { clock, remember: createProofMemory(() => clock.now, capacity) }
}

describe('the memory of used proofs', () => {
  it('takes a proof once', () => {
    const { clock, remember } = memory()
    expect(remember('a', clock.now + 120)).toBe(true)
    expect(remember('a', clock.now + 120)).toBe(false)
    expect(remember('b', clock.now + 120)).toBe(true)
  })

  it('remembers a proof to the second in which it ends', () => {
    const { clock, remember } = memory()
    const end = clock.now + 120
    remember('a', end)
    clock.now = end
    expect(remember('a', end)).toBe(false)
    clock.now = end + 1
    expect(remember('a', end)).toBe(true)
  })

  it('refuses when it is full of live ones rather than forget one, and takes the next when one has ended', () => {
    const { clock, remember } = memory(3)
    for (const id of ['a', 'b', 'c']) remember(id, clock.now + 10)
    expect(() => remember('d', clock.now + 10)).toThrow(ProofMemoryFull)
    expect(remember('a', clock.now + 10)).toBe(false)
    clock.now += 11
    expect(remember('d', clock.now + 10)).toBe(true)
  })

  it('frees as many as come, so what has ended never fills it', () => {
    const { clock, remember } = memory(1000)
    for (let i = 0; i < 100_000; i++) {
      clock.now += i % 10 === 0 ? 1 : 0
      // Not in order: proofs end earlier and later than those before them.
      expect(remember(`p${i}`, clock.now + 20 + ((i * 7) % 40))).toBe(true)
    }
  })

  it('asks no request to pay for all that ended', () => {
    const { clock, remember } = memory(100)
    const end = clock.now + 10
    for (let i = 0; i < 100; i++) remember(`p${i}`, end)
    clock.now += 30 * 86_400
    expect(remember('q', clock.now + 10)).toBe(true)
    // Over, and still there; nobody can use it, because its window is over too.
    expect(remember('p0', end)).toBe(false)
    for (let i = 0; i < 98; i++) expect(remember(`r${i}`, clock.now + 10)).toBe(true)
  })
})
