import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Job, runJobs } from '../../../src/jobs/run.js'
import { recordingLog } from '../../support/keys.js'

const MIDDLE = () => 0.5

describe('runJobs', () => {
  let log: ReturnType<typeof recordingLog>
  beforeEach(() => {
    vi.useFakeTimers()
    log = recordingLog()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const counting = (about: Partial<Job> = {}) => {
    const job = { name: 'job', every: 60, runs: 0, run: async () => undefined as number | undefined, ...about }
    const { run } = job
    job.run = () => {
      job.runs++
      return run()
    }
    return job
  }
  const pass = (seconds: number) => vi.advanceTimersByTimeAsync(seconds * 1000)

  it('runs every job at once and then in its rhythm', async () => {
    const [often, seldom] = [counting(), counting({ every: 600 })]
    const jobs = runJobs([often, seldom], log, MIDDLE)
    expect([often.runs, seldom.runs]).toEqual([1, 1])
    await pass(601)
    expect([often.runs, seldom.runs]).toEqual([11, 2])
    await jobs.stop()
  })

  it('runs a job again after a tenth less or more, so that replicas part', async () => {
    const [early, late] = [counting(), counting()]
    const jobs = [runJobs([early], log, () => 0), runJobs([late], log, () => 0.999)]
    await pass(55)
    expect([early.runs, late.runs]).toEqual([2, 1])
    await pass(12)
    expect(late.runs).toBe(2)
    for (const one of jobs) await one.stop()
  })

  it('never runs a job beside itself', async () => {
    let end = () => {}
    const slow = counting({ run: () => new Promise((resolve) => (end = () => resolve(undefined))) })
    const jobs = runJobs([slow], log, MIDDLE)
    await pass(600)
    expect(slow.runs).toBe(1)
    end()
    await pass(61)
    expect(slow.runs).toBe(2)
    end()
    await jobs.stop()
  })

  it('logs what fails and tries it again within a minute, the others undisturbed', async () => {
    let broken = true
    const failing = counting({
      name: 'failing',
      every: 3600,
      run: async () => {
        if (broken) throw new Error('no database')
        return undefined
      },
    })
    const well = counting()
    const jobs = runJobs([failing, well], log, MIDDLE)
    await pass(59)
    expect(failing.runs).toBe(1)
    broken = false
    await pass(2)
    expect(failing.runs).toBe(2)
    expect(log.lines).toEqual([expect.objectContaining({ level: 'error', job: 'failing' })])
    await pass(600)
    expect([failing.runs, well.runs]).toEqual([2, 12])
    await jobs.stop()
  })

  it('keeps no process alive', async () => {
    const made = vi.spyOn(globalThis, 'setTimeout')
    const jobs = runJobs([counting()], log, MIDDLE)
    await pass(61)
    const timers = made.mock.results.map(({ value }) => value as NodeJS.Timeout)
    expect(timers.map((timer) => timer.hasRef())).toEqual([false, false])
    await jobs.stop()
  })

  it('runs a job again when it asks to', async () => {
    const eager = counting({ every: 3600, run: async () => 5 })
    const jobs = runJobs([eager], log, MIDDLE)
    await pass(16)
    expect(eager.runs).toBe(4)
    await jobs.stop()
  })

  it('stops after what is under way, and starts nothing more', async () => {
    let end = () => {}
    const slow = counting({ run: () => new Promise((resolve) => (end = () => resolve(undefined))) })
    const jobs = runJobs([slow], log, MIDDLE)
    let stopped = false
    const stopping = jobs.stop().then(() => {
      stopped = true
    })
    await pass(1)
    expect(stopped).toBe(false)
    end()
    await stopping
    await pass(600)
    expect(slow.runs).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})
