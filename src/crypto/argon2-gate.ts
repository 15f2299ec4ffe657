import { type ChildProcess, fork } from 'node:child_process'

export interface Argon2Cost {
  memoryKiB: number
  timeCost: number
  parallelism: number
}

/** What a child is sent: hash `password`, or verify it against `phc` when there is one. */
export interface Argon2Job {
  password: string
  phc?: string
  cost: Argon2Cost
}

export type Argon2Answer = { phc: string } | { ok: boolean; rehash: boolean } | { error: string }

export interface Argon2GateOptions {
  /** Most child processes; each runs one job at a time, so this times the job's memory bounds what hashing takes. */
  processes: number
  /** Most jobs that wait for a process. */
  queueLimit: number
  /** A job that takes longer has its process killed and fails. Milliseconds. */
  jobTimeoutMs?: number
  /** How a process is made, where it isn't forkArgon2Child. */
  startChild?: () => ChildProcess
}

export interface Argon2Gate {
  run(job: Argon2Job): Promise<Exclude<Argon2Answer, { error: string }>>
  stats(): { running: number; queued: number }
  close(): Promise<void>
}

/** Too many passwords wait already; `retryAfter` is the seconds after which the queue should have moved. */
export class PasswordQueueFullError extends Error {
  override readonly name = 'PasswordQueueFullError'
  readonly retryAfter: number

  constructor(retryAfter: number) {
    super('Too many passwords wait to be hashed.')
    this.retryAfter = retryAfter
  }
}

interface Task {
  job: Argon2Job
  attempts: number
  resolve: (answer: Exclude<Argon2Answer, { error: string }>) => void
  reject: (error: Error) => void
}

interface Worker {
  child: ChildProcess
  task?: Task | undefined
  startedAt: number
  deadline?: NodeJS.Timeout
}

// A job whose process died may have been unlucky once (the system ran out of memory); twice is its own doing.
const MAX_ATTEMPTS = 2
const MAX_RETRY_AFTER = 60

/**
 * Runs argon2 jobs in child processes, first come first served, behind a bounded queue.
 *
 * A process starts when a job finds none idle, is kept, and is replaced when it dies: its job is tried once more, then
 * fails. Idle processes don't keep this one alive, and end with it. `run` throws PasswordQueueFullError beyond the
 * queue; `close` refuses new jobs, lets the accepted ones finish and ends the processes.
 */
export function createArgon2Gate(options: Argon2GateOptions): Argon2Gate {
  const { processes, queueLimit, jobTimeoutMs = 30_000, startChild = forkArgon2Child } = options
  const workers = new Set<Worker>()
  const idle: Worker[] = []
  const queue: Task[] = []
  const accepted = new Set<Promise<unknown>>()
  let jobSeconds = 0.1
  let closed: Promise<void> | undefined

  const running = () => workers.size - idle.length

  function start(): Worker {
    const child = startChild()
    const worker: Worker = { child, startedAt: 0 }
    workers.add(worker)
    child.on('message', (answer: Argon2Answer) => settle(worker, answer))
    child.on('disconnect', () => withdraw(worker))
    child.on('exit', (code, signal) => forget(worker, signal ?? `exit code ${code}`))
    child.on('error', (error) => forget(worker, error.message))
    // A job's deadline keeps this process alive; an idle child does not.
    child.unref()
    child.channel?.unref()
    return worker
  }

  function advance() {
    while (queue.length > 0) {
      // The one that rested least: a machine that needs two processes of sixteen keeps two.
      const worker = idle.pop() ?? (workers.size < processes ? start() : undefined)
      if (!worker) return
      assign(worker, queue.shift())
    }
  }

  function assign(worker: Worker, task: Task | undefined) {
    if (!task) return
    task.attempts += 1
    worker.task = task
    worker.startedAt = performance.now()
    worker.deadline = setTimeout(() => {
      task.attempts = MAX_ATTEMPTS
      worker.child.kill('SIGKILL')
    }, jobTimeoutMs)
    worker.child.send(task.job, (error) => {
      if (error) worker.child.kill('SIGKILL')
    })
  }

  function settle(worker: Worker, answer: Argon2Answer) {
    const { task } = worker
    if (!task || !workers.has(worker)) return
    worker.task = undefined
    clearTimeout(worker.deadline)
    jobSeconds += ((performance.now() - worker.startedAt) / 1000 - jobSeconds) / 8
    idle.push(worker)
    if ('error' in answer) task.reject(new Error(`argon2 refused: ${answer.error}`))
    else task.resolve(answer)
    advance()
  }

  // No new job goes to a process that can't answer; what it was doing is settled when it has ended.
  function withdraw(worker: Worker) {
    const at = idle.indexOf(worker)
    if (at >= 0) idle.splice(at, 1)
    worker.child.kill('SIGKILL')
  }

  function forget(worker: Worker, why: string) {
    if (!workers.delete(worker)) return
    withdraw(worker)
    clearTimeout(worker.deadline)
    const { task } = worker
    if (task && task.attempts < MAX_ATTEMPTS) queue.unshift(task)
    else task?.reject(new Error(`The process that hashed this password died: ${why}.`))
    advance()
  }

  function run(job: Argon2Job): ReturnType<Argon2Gate['run']> {
    if (closed) return Promise.reject(new Error('Passwords are no longer hashed: the process is stopping.'))
    if (running() >= processes && queue.length >= queueLimit) {
      const seconds = Math.ceil(((queue.length + running()) * jobSeconds) / processes)
      return Promise.reject(new PasswordQueueFullError(Math.min(MAX_RETRY_AFTER, Math.max(1, seconds))))
    }
    const answer: ReturnType<Argon2Gate['run']> = new Promise((resolve, reject) => {
      queue.push({ job, attempts: 0, resolve, reject })
    })
    accepted.add(answer)
    const done = () => accepted.delete(answer)
    answer.then(done, done)
    advance()
    return answer
  }

  async function end() {
    await Promise.allSettled(accepted)
    await Promise.all(
      [...workers].map(({ child }) => {
        const ended = new Promise((resolve) => child.once('exit', resolve))
        child.ref()
        child.kill('SIGKILL')
        return ended
      }),
    )
  }

  return {
    run,
    stats: () => ({ running: running(), queued: queue.length }),
    close: () => {
      closed ??= end()
      return closed
    },
  }
}

// What argon2 fills, it reads again in no order, and with pages of 4 KiB the processor looks for the page as long as for what is on it. In
// huge ones a hash takes 15 % less time with 19 MiB and 31 % less with 64. One arena: only its memory grows in huge pages, and is kept.
// For glibc 2.35 and later; others take no notice.
const HUGE_PAGES = 'glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1'

/** Starts a process for argon2 jobs, with no arguments and no environment of ours: other users can read both. One thread, one job. */
export function forkArgon2Child(): ChildProcess {
  return fork(new URL('./argon2-child.mjs', import.meta.url), [], {
    env: { UV_THREADPOOL_SIZE: '1', GLIBC_TUNABLES: HUGE_PAGES },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
}
