import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/{unit,store,http,e2e,conformance}/**/*.test.ts'],
    globalSetup: ['test/support/database.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
