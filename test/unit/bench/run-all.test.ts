import { describe, expect, it, vi } from 'vitest'
import type { Benchmark } from '../../bench/benchmarks.js'
import type { Contest } from '../../bench/contest.js'
import { judged, runAll } from '../../bench/run-all.js'

const about = { usual: true, quick: true, pinned: false }
const nobody = { quick: true, stage: () => Promise.reject(new Error('No stage is needed.')) }
const sample = async () => ({ count: 10, clock: 1 })
const contest: Contest = {
  what: 'it',
  ours: sample,
  limits: { limit: sample },
  goals: { limit: 2 },
  turn: 1,
  warmUp: 1,
}

async function run(benchmarks: Record<string, Benchmark>) {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const said: string[] = []
  const options = {
    bench: nobody,
    pace: { rounds: 1, turn: 1, warmUp: 1 },
    say: (text: string) => void said.push(text),
  }
  try {
    return { ...judged(await runAll(Object.entries(benchmarks), options)), said: said.join('\n') }
  } finally {
    error.mockRestore()
  }
}

describe('runAll', () => {
  it('says and keeps what contests and reports found, and whether goals were met', async () => {
    const report = { title: 'Waits', columns: ['ms'], rows: [[1]], goals: [{ what: 'wait', value: 1, atMost: 2 }] }
    const { reports, goals, failures, said } = await run({
      contests: { ...about, title: 'Speeds', contests: async () => [contest] },
      report: { ...about, title: 'Waits', report: async () => [report] },
    })
    expect(reports.map(({ benchmark, title, pinned }) => ({ benchmark, title, pinned }))).toEqual([
      { benchmark: 'contests', title: 'Speeds', pinned: false },
      { benchmark: 'report', title: 'Waits', pinned: false },
    ])
    expect(goals).toEqual([
      { what: 'it, to limit', value: 1, atLeast: 2, met: false },
      { what: 'wait', value: 1, atMost: 2, met: true },
    ])
    expect(failures).toEqual([])
    expect(said).toContain('## Speeds')
    expect(said).toContain('## Waits')
  })

  it('takes contests as they are made ready, one after the other', async () => {
    const order: string[] = []
    const noting = (name: string) => async () => {
      order.push(name)
      return sample()
    }
    async function* contests() {
      order.push('made ready')
      yield { ...contest, ours: noting('first') }
      order.push('made ready')
      yield { ...contest, ours: noting('second') }
    }
    await run({ both: { ...about, title: 'Both', contests } })
    expect(order).toEqual(['made ready', 'first', 'first', 'made ready', 'second', 'second'])
  })

  it('has no figures of a benchmark with a wrong answer, and goes on', async () => {
    const wrong: Contest = { ...contest, ours: () => Promise.reject(new Error('Not a token.')) }
    const { reports, failures } = await run({
      wrong: { ...about, title: 'Wrong', contests: async () => [contest, wrong] },
      right: { ...about, title: 'Right', contests: async () => [contest] },
    })
    expect(reports.map(({ benchmark }) => benchmark)).toEqual(['right'])
    expect(failures).toEqual([{ name: 'wrong', error: expect.stringContaining('Not a token.') }])
  })
})
