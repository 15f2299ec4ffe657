import { expect, it } from 'vitest'
import { pauseAfter } from '../../src/workers.js'

it('replaces a worker at once, and one that dies again and again ever later', () => {
  expect([1, 2, 3, 4, 8, 100].map(pauseAfter)).toEqual([0, 100, 200, 400, 5_000, 5_000])
})
