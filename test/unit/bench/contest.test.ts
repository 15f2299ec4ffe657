import { describe, expect, it } from 'vitest'
import { type Contestant, compete, PACES, type Sample } from '../../bench/contest.js'

/** What it was asked to do, and what each time it says it did. */
function contestant(...samples: Sample[]): Contestant & { readonly turns: number[] } {
  const turns: number[] = []
  const run = async (milliseconds: number) => {
    turns.push(milliseconds)
    return samples[(turns.length - 1) % samples.length] ?? { count: 0 }
  }
  return Object.assign(run, { turns })
}

const PACE = { rounds: 3, turn: 0.5, warmUp: 0.1 }
const contest = (ours: Contestant, limits: Record<string, Contestant>) => ({
  what: 'it',
  ours,
  limits,
  turn: 100,
  warmUp: 50,
})

describe('compete', () => {
  it('warms each up and lets each have its turn in every round', async () => {
    const [ours, theirs] = [contestant({ count: 1, clock: 1 }), contestant({ count: 1, clock: 1 })]
    await compete(contest(ours, { theirs }), PACE)
    expect(ours.turns).toEqual([5, 50, 50, 50])
    expect(theirs.turns).toEqual([5, 50, 50, 50])
  })

  it('warms up longer what got little of the CPU, and not for ever', async () => {
    const [ours, theirs] = [contestant({ count: 1, cpu: 0.002 }), contestant({ count: 1, cpu: 0 })]
    await compete(contest(ours, { theirs }), { ...PACE, rounds: 1 })
    expect(ours.turns).toEqual([5, 3, 50])
    expect(theirs.turns).toEqual([5, 5, 5, 5, 50])
  })

  it('takes the ratio within a round, and its median, least and most', async () => {
    const ours = contestant({ count: 0 }, ...[20, 30, 80].map((count) => ({ count, clock: 2 })))
    const theirs = contestant({ count: 0 }, ...[10, 10, 10].map((count) => ({ count, clock: 1 })))
    const [result] = await compete(contest(ours, { theirs }), PACE)
    expect(result).toEqual({
      what: 'it',
      by: 'clock',
      speed: 15,
      against: [{ limit: 'theirs', speed: 10, ratio: 1.5, least: 1, most: 4 }],
    })
  })

  it('compares by CPU only those that say what they spent', async () => {
    const ours = contestant({ count: 10, clock: 1, cpu: 0.5 })
    const limits = { peer: contestant({ count: 10, clock: 1, cpu: 1 }), postgres: contestant({ count: 10, clock: 1 }) }
    const results = await compete(contest(ours, limits), PACE)
    const names = results.map(({ by, against }) => [by, against.map(({ limit, ratio }) => [limit, ratio])])
    expect(names).toEqual([
      [
        'clock',
        [
          ['peer', 1],
          ['postgres', 1],
        ],
      ],
      ['cpu', [['peer', 2]]],
    ])
  })

  it.each(['ours', 'theirs'])('has no result when an answer of %s is wrong', async (who) => {
    const wrong: Contestant = async () => {
      throw new Error('Not a token.')
    }
    const right = contestant({ count: 1, clock: 1 })
    const asked = who === 'ours' ? contest(wrong, { right }) : contest(right, { wrong })
    await expect(compete(asked, PACES.smoke)).rejects.toThrow('Not a token.')
  })
})
