import { describe, expect, it } from 'vitest'
import type { Comparison, Contest, Result } from '../../bench/contest.js'
import { contestReport } from '../../bench/contest-report.js'

const comparison = (limit: string, ratio: number): Comparison => ({
  limit,
  speed: 100,
  ratio,
  least: ratio,
  most: ratio,
})
const result = (by: Result['by'], ...against: Comparison[]): Result => ({ what: 'it', by, speed: 300, against })
const contest = (about: Pick<Contest, 'goals' | 'atLeast'> = {}) => ({ what: 'it', ...about })

const goalsOf = (
  about: Pick<Contest, 'goals' | 'atLeast'>,
  results: readonly Result[],
  run: { pinned?: boolean; node?: number } = {},
) => contestReport('All', [{ contest: contest(about), results }], { pinned: true, node: 24, ...run }).goals

describe('contestReport', () => {
  it('has a line for each limit, by the clock and by CPU', () => {
    const results = [
      result('clock', comparison('peer', 3), comparison('postgres', 0.4)),
      result('cpu', comparison('peer', 2)),
    ]
    const { title, rows } = contestReport('All', [{ contest: contest(), results }], { pinned: true, node: 24 })
    expect(title).toBe('All')
    expect(rows).toEqual([
      ['it', 300, 's', 'peer', 100, 3, 3, 3],
      ['it', 300, 's', 'postgres', 100, 0.4, 0.4, 0.4],
      ['it', 300, 's of CPU', 'peer', 100, 2, 2, 2],
    ])
  })

  it.each([
    { node: 20, atLeast: 6 },
    { node: 22, atLeast: 3 },
    { node: 24, atLeast: 3 },
  ])('asks on Node $node for $atLeast times', ({ node, atLeast }) => {
    const goals = goalsOf({ goals: { peer: { node20: 6, node24: 3 } } }, [result('clock', comparison('peer', 4))], {
      node,
    })
    expect(goals).toEqual([{ what: 'it, to peer', value: 4, atLeast }])
  })

  it.each([
    { name: 'the lower of both, pinned', pinned: true, clock: 3, cpu: 2, value: 2 },
    { name: 'the clock too, pinned', pinned: true, clock: 2, cpu: 3, value: 2 },
    { name: 'CPU, where all share the cores', pinned: false, clock: 2, cpu: 3, value: 3 },
  ])('judges by $name', ({ pinned, clock, cpu, value }) => {
    const results = [result('clock', comparison('peer', clock)), result('cpu', comparison('peer', cpu))]
    expect(goalsOf({ goals: { peer: 1 } }, results, { pinned })).toEqual([{ what: 'it, to peer', value, atLeast: 1 }])
  })

  it('judges by the clock what has no figure by CPU', () => {
    const results = [
      result('clock', comparison('peer', 9), comparison('postgres', 0.5)),
      result('cpu', comparison('peer', 2)),
    ]
    const goals = goalsOf({ goals: { peer: 1, postgres: 0.4 } }, results, { pinned: false })
    expect(goals.map(({ value }) => value)).toEqual([2, 0.5])
  })

  it('holds a speed to what it should be', () => {
    const goals = goalsOf({ atLeast: 200 }, [result('cpu', comparison('jose', 2))])
    expect(goals).toEqual([{ what: 'it, a second', value: 300, atLeast: 200 }])
  })

  it('refuses a goal against nothing', () => {
    expect(() => goalsOf({ goals: { nobody: 2 } }, [result('clock', comparison('peer', 3))])).toThrow('no nobody')
  })
})
