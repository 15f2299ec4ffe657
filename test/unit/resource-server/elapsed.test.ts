import { describe, expect, it } from 'vitest'
import { elapsedTime } from '../../../src/resource-server/elapsed.js'

describe('the time that has gone by', () => {
  type Step = readonly [wall: number, steady: number, elapsed: number]
  const cases: { name: string; steps: Step[] }[] = [
    {
      name: 'goes as both clocks do',
      steps: [
        [1, 1, 1],
        [2, 2, 2],
        [60, 60, 60],
      ],
    },
    {
      name: 'goes on while the machine sleeps',
      steps: [
        [1, 1, 1],
        [3601, 1, 3601],
        [3602, 2, 3602],
      ],
    },
    {
      name: 'counts what the clock is set ahead',
      steps: [
        [1, 1, 1],
        [301, 2, 301],
        [302, 3, 302],
      ],
    },
    {
      name: 'counts nothing when it is set back',
      steps: [
        [1, 1, 1],
        [-3599, 2, 2],
        [-3598, 3, 3],
      ],
    },
    {
      name: 'counts no drift',
      steps: [
        [1.5, 1, 1],
        [3, 2, 2],
        [4.5, 3, 3],
      ],
    },
    {
      name: 'counts every sleep',
      steps: [
        [100, 0, 100],
        [200, 0, 200],
        [201, 1, 201],
      ],
    },
  ]
  it.each(cases)('$name', ({ steps }) => {
    const clock = { wall: 1_000_000, steady: 50 }
    const elapsed = elapsedTime({ now: () => clock.wall, monotonic: () => clock.steady })
    const start = elapsed()
    const seen = steps.map(([wall, steady]) => {
      Object.assign(clock, { wall: 1_000_000 + wall, steady: 50 + steady })
      return Math.round((elapsed() - start) * 1_000) / 1_000
    })
    expect(seen).toEqual(steps.map(([, , expected]) => expected))
  })
})
