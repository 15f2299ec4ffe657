import { setTimeout as wait } from 'node:timers/promises'
import { expect } from 'vitest'

/**
 * Asks until a token is inactive. What is asked later than `bound` milliseconds after the call, by when whoever is asked must have heard
 * of what another process ended, is not forgiven.
 */
export async function expectInactive(isActive: () => Promise<unknown>, bound: number): Promise<void> {
  for (const until = performance.now() + bound; ; await wait(10)) {
    const isLate = performance.now() > until
    const active = await isActive()
    if (active === false) return
    expect([active, isLate], 'active, past the bound').toEqual([true, false])
  }
}
