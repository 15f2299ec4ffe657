import cluster, { type Worker } from 'node:cluster'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from './http/log.js'
import type { WorkerMetrics } from './http/worker-metrics.js'
import { STOP_LIMIT } from './running.js'
import { StartError } from './start-error.js'
import type { FromWorker, Prepared, ToWorker } from './worker-messages.js'

export type Workers = {
  /** When all hold the port. */
  readonly opened: Promise<void>
  /** When all serve. */
  readonly ready: Promise<void>
  /** Rejects when one ends before that, with its own words. Afterwards one that ends is replaced. */
  readonly failed: Promise<never>
  /** What the start waits for. */
  waitingFor(reason: string): void
  serve(database: Prepared): void
  /** How many serve. */
  serving(): number
  /** Has each that serves say what it counted; who does not answer soon is left out. */
  measure(): Promise<void>
  /** Has all finish what is in flight; answers when they have ended. */
  stop(): Promise<void>
}

type Options = { readonly count: number; readonly log: Log; readonly metrics: WorkerMetrics }

type Slot = {
  /** From 1. Whoever replaces a worker has its number. */
  readonly number: number
  worker: Worker | undefined
  state: 'started' | 'open' | 'ready'
  /** By `performance.now()`. */
  readyAt: number | undefined
  /** How many ended one after the other before they had lived for a while. */
  failures: number
  /** What it said before it ended. */
  why: string | undefined
  /** Who waits for what it counted. */
  readonly asking: Set<() => void>
}

const PROGRAM = fileURLToPath(new URL('./worker.js', import.meta.url))

/** Milliseconds; one that lived longer did not end because it can't start. */
const YOUNG = 10_000
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 5_000
/** Milliseconds a scrape waits for a busy worker. */
const ANSWER_LIMIT = 1_000

/** Milliseconds until a worker is replaced: the first time none, then longer each time. */
export const pauseAfter = (failures: number): number =>
  failures <= 1 ? 0 : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 2))

/** Starts the processes that serve, and keeps as many running. They end with this process, however it ends. */
export function startWorkers({ count, log, metrics }: Options): Workers {
  const slots: Slot[] = Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    worker: undefined,
    state: 'started',
    readyAt: undefined,
    failures: 0,
    why: undefined,
    asking: new Set(),
  }))
  const [opened, ready, failed, gone] = [gate<void>(), gate<void>(), gate<never>(), gate<void>()]
  let database: Prepared | undefined
  let stopping = false
  let complete = false

  const serving = () => slots.filter(({ state }) => state === 'ready').length

  function start(slot: Slot): void {
    // The number is an argument, so that lists of processes show it.
    // JSON has no infinity, which is the age of what was never heard.
    cluster.setupPrimary({ exec: PROGRAM, args: [String(slot.number)], serialization: 'advanced' })
    const worker = cluster.fork()
    Object.assign(slot, { worker, state: 'started', readyAt: undefined, why: undefined })
    const over = (how: string) => {
      if (slot.worker === worker) end(slot, how)
    }
    worker.on('message', (message: FromWorker) => hear(slot, message))
    // Its `exit` may come before the last of what it said.
    worker.process.once('close', (code, signal) => over(signal ?? `exit code ${code}`))
    worker.process.on('error', (error) => {
      // There is no process at all. What else fails shows in its end.
      if (worker.process.pid === undefined) over(error.message)
    })
  }

  function hear(slot: Slot, message: FromWorker): void {
    if (message.said === 'hello') greet(slot)
    else if (message.said === 'failed') slot.why = message.why
    else if (message.said === 'measured') {
      if (slot.worker) metrics.take(slot.worker.id, message.metrics)
      for (const answered of slot.asking) answered()
    } else {
      slot.state = message.said
      if (message.said === 'ready') slot.readyAt = performance.now()
      if (slots.every(({ state }) => state !== 'started')) opened.open()
      if (serving() < count) return
      complete = true
      ready.open()
    }
  }

  function greet({ worker }: Slot): void {
    if (stopping) tell(worker, { tell: 'stop' })
    // One that replaces another takes the port when it can serve, unless there is nobody else who would answer.
    else if (!database || serving() === 0) tell(worker, { tell: 'open' })
    if (database) tell(worker, { tell: 'serve', database })
  }

  function end(slot: Slot, how: string): void {
    if (slot.worker) metrics.leave(slot.worker.id)
    Object.assign(slot, { worker: undefined, state: 'started' })
    for (const answered of slot.asking) answered()
    if (stopping) {
      if (slots.every(({ worker }) => !worker)) gone.open()
    } else if (complete) {
      void replace(slot, how)
    } else {
      failed.fail(new StartError(slot.why ?? `Worker ${slot.number} ended before it could serve: ${how}.`))
    }
  }

  async function replace(slot: Slot, how: string): Promise<void> {
    const lived = slot.readyAt === undefined ? 0 : performance.now() - slot.readyAt
    slot.failures = lived < YOUNG ? slot.failures + 1 : 1
    const pause = pauseAfter(slot.failures)
    log.error(
      { worker: slot.number, ended: how, ...(slot.why !== undefined && { reason: slot.why }), again_in_ms: pause },
      'a worker ended and is replaced',
    )
    if (pause > 0) await wait(pause)
    if (!stopping) start(slot)
  }

  async function ask(slot: Slot): Promise<void> {
    const answered = gate<void>()
    const limit = setTimeout(answered.open, ANSWER_LIMIT)
    slot.asking.add(answered.open)
    tell(slot.worker, { tell: 'measure' })
    await answered.passed
    clearTimeout(limit)
    slot.asking.delete(answered.open)
  }

  for (const slot of slots) start(slot)
  return {
    opened: opened.passed,
    ready: ready.passed,
    failed: failed.passed,
    waitingFor: (reason) => {
      for (const { worker } of slots) tell(worker, { tell: 'waiting', reason })
    },
    serve: (prepared) => {
      database = prepared
      for (const { worker } of slots) tell(worker, { tell: 'serve', database })
    },
    serving,
    measure: async () => {
      await Promise.all(slots.filter(({ state }) => state === 'ready').map(ask))
    },
    stop: async () => {
      stopping = true
      const living = slots.flatMap(({ worker }) => worker ?? [])
      if (living.length === 0) return
      for (const worker of living) tell(worker, { tell: 'stop' })
      const limit = setTimeout(() => {
        for (const worker of living) worker.process.kill('SIGKILL')
      }, STOP_LIMIT)
      await gone.passed
      clearTimeout(limit)
    },
  }
}

/** One that has just ended hears nothing, which is no error. */
const tell = (worker: Worker | undefined, message: ToWorker): void => void worker?.send(message, () => {})

/** A promise, and who settles it. That nobody waits for it is no error. */
function gate<T>() {
  let open: (value: T) => void = () => {}
  let fail: (error: Error) => void = () => {}
  const passed = new Promise<T>((resolve, reject) => {
    open = resolve
    fail = reject
  })
  passed.catch(() => {})
  return { passed, open, fail }
}
