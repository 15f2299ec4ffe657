import { vi } from 'vitest'

/** Milliseconds: what takes longer is not late but broken, on the slowest machine too. */
const PATIENCE = 30_000

/** Tries a check until it passes, and fails as it failed last when that takes half a minute. Looks again every 5 ms. */
export const eventually = <T>(check: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(check, { timeout: PATIENCE, interval: 5 })
