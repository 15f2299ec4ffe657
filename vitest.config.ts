import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,store,http,e2e,conformance}/**/*.test.ts'],
    globalSetup: ['test/support/database.ts'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
