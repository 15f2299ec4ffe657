import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,store,http,e2e,conformance}/**/*.test.ts'],
    globalSetup: ['test/support/database.ts'],
    // Of two cores one would be used, and most of the time files wait for processes of their own.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
