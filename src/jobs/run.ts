import type { Log } from '../oauth/ports.js'

export type Job = {
  readonly name: string
  /** Seconds from the end of one run to the start of the next, give or take a tenth. */
  readonly every: number
  /** May answer after how many seconds it wants to run again instead. */
  run(): Promise<number | undefined>
}

export type RunningJobs = {
  /** Starts no run any more and waits for those that are under way. */
  stop(): Promise<void>
}

/** Seconds until a run that failed is tried again, at most. */
const RETRY = 60

/**
 * Runs jobs on timers, all of them now for the first time; one job never overlaps itself. What fails is logged and tried again.
 * Timers don't keep the process alive, and are jittered so that replicas started together don't stay together.
 */
export function runJobs(jobs: readonly Job[], log: Pick<Log, 'error'>, random = Math.random): RunningJobs {
  const timers = new Set<NodeJS.Timeout>()
  const running = new Set<Promise<void>>()
  let stopped = false

  function schedule(job: Job, seconds: number): void {
    if (stopped) return
    const timer = setTimeout(
      () => {
        timers.delete(timer)
        start(job)
      },
      seconds * 1000 * (0.9 + 0.2 * random()),
    )
    timer.unref()
    timers.add(timer)
  }

  function start(job: Job): void {
    const run = runOnce(job)
    running.add(run)
    void run.finally(() => running.delete(run))
  }

  async function runOnce(job: Job): Promise<void> {
    try {
      schedule(job, (await job.run()) ?? job.every)
    } catch (err) {
      log.error({ err, job: job.name }, 'a job failed and will be tried again')
      schedule(job, Math.min(job.every, RETRY))
    }
  }

  for (const job of jobs) start(job)
  return {
    async stop() {
      stopped = true
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      await Promise.all(running)
    },
  }
}
