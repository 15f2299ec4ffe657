import cluster from 'node:cluster'
import { inheritedEnvironment, loadConfig, shareOf } from './config.js'
import { createDeps } from './deps.js'
import { createLog } from './http/log.js'
import type { Metrics } from './http/metrics.js'
import { createHttpServer } from './http/server.js'
import { startJobs } from './jobs/start.js'
import { listen, serving, starting, tellingWhy } from './listener.js'
import { GRACE, nothingRunning, STOP_LIMIT, stopAll } from './running.js'
import { inWords } from './start-error.js'
import { joinDatabase } from './store/start-database.js'
import type { FromWorker, Prepared, ToWorker } from './worker-messages.js'

// One of several processes that serve. It does what the first process tells it, and drains when there is none any more.

const number = Number(process.argv[2])
const config = shareOf(loadConfig(inheritedEnvironment()))
const log = createLog(config.logLevel, undefined, { worker: number })
const running = nothingRunning()

let reason = 'starting'
let listener = starting(config, log, () => reason)
let metrics: Metrics | undefined
const server = createHttpServer((req, res) => listener(req, res))

async function open(): Promise<void> {
  if (running.stops.has('http')) return
  await listen(server.listen(config.port, config.host), 'PORT', config)
  running.stops.set('http', () => server.close(GRACE))
  say({ said: 'open' })
}

async function serve(prepared: Prepared): Promise<void> {
  const database = await joinDatabase(config, prepared, tellingWhy(log, wait))
  running.stops.set('database', database.close)
  const deps = await createDeps(config, database, log)
  running.stops.set('deps', deps.close)
  running.stops.set('feed', deps.feed.close)
  // Any number may run them; one is enough.
  if (number === 1) running.stops.set('jobs', startJobs(deps.jobs).stop)
  metrics = deps.metrics
  listener = serving(config, database, { deps, log })
  await open()
  say({ said: 'ready' })
}

async function measure(): Promise<void> {
  // Who asks shows what was said last, where nothing comes.
  const counted = await metrics?.snapshot().catch(() => undefined)
  if (counted) say({ said: 'measured', metrics: counted })
}

function wait(why: string): void {
  reason = why
}

async function stop(): Promise<void> {
  if (running.stopping) return
  running.stopping = true
  setTimeout(() => process.exit(1), STOP_LIMIT)
  await stopAll(running)
  process.exit(0)
}

async function fail(error: unknown): Promise<void> {
  if (running.stopping) return
  running.stopping = true
  await stopAll(running)
  say({ said: 'failed', why: inWords(error) }, () => process.exit(1))
}

function say(message: FromWorker, said = () => {}): void {
  // Where nobody listens any more, this process is about to end.
  if (process.connected) process.send?.(message, undefined, undefined, said)
  else said()
}

let doing = Promise.resolve()
/** One after the other; what comes of a failed one is the end. */
const next = (step: () => Promise<void>): void => {
  doing = doing.then(() => (running.stopping ? undefined : step())).catch(fail)
}

process.on('message', (message: ToWorker) => {
  if (message.tell === 'open') next(open)
  else if (message.tell === 'serve') next(() => serve(message.database))
  else if (message.tell === 'waiting') wait(message.reason)
  else if (message.tell === 'measure') void measure()
  else void stop()
})
// A terminal and a supervisor send them to all processes: the first one says when this one stops.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
cluster.worker?.on('disconnect', () => {
  // Else node:cluster ends this process here and now, with what is in flight.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  void stop()
})
say({ said: 'hello' })
