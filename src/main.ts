import { type Config, loadConfig, readEnvironment } from './config.js'
import { ensureDefaultTenant } from './default-tenant.js'
import { createDeps } from './deps.js'
import { createLog, type Log, type RequestLog } from './http/log.js'
import { createHttpServer } from './http/server.js'
import { startJobs } from './jobs/start.js'
import { listen, serving, showMetrics, starting, tellingWhy } from './listener.js'
import { startPrimary } from './primary.js'
import { GRACE, nothingRunning, type Running, stopAll, stopOnSignals } from './running.js'
import { inWords } from './start-error.js'
import { startDatabase } from './store/start-database.js'
import { quickStart } from './ui/quick-start.js'

async function main(): Promise<void> {
  const running = nothingRunning()
  try {
    const config = loadConfig(readEnvironment())
    const log = createLog(config.logLevel)
    stopOnSignals(running, log)
    adviseOnNode(log)
    await (config.workers > 1 ? startPrimary : startAlone)(config, log, running)
  } catch (error) {
    // Asked to stop while it started: what failed since is no news, and the signal's own stop ends the process.
    if (running.stopping) return
    await stopAll(running)
    process.stderr.write(`${inWords(error)}\n`)
    process.exit(1)
  }
}

async function startAlone(config: Config, log: RequestLog, running: Running): Promise<void> {
  // The port is taken first: if it is somebody else's, nothing is touched. Until all is there it says why it isn't.
  let reason = 'starting'
  let listener = starting(config, log, () => reason)
  const server = createHttpServer((req, res) => listener(req, res))
  await listen(server.listen(config.port, config.host), 'PORT', config)
  running.stops.set('http', () => server.close(GRACE))

  const telling = tellingWhy(log, (why) => {
    reason = why
  })
  const opening = startDatabase(config, { kind: 'server', log: telling })
  // An embedded Postgres that is being started is waited for and stopped; one elsewhere, perhaps never to come, is not.
  if (!config.databaseUrl) running.stops.set('database', () => opening.then(({ close }) => close()))
  const database = await opening
  running.stops.set('database', database.close)
  const deps = await createDeps(config, database, log)
  running.stops.set('deps', deps.close)
  running.stops.set('feed', deps.feed.close)

  await ensureDefaultTenant(config, database, { rotation: deps.rotation, maintenance: deps.jobs.maintenance })
  const jobs = startJobs(deps.jobs)
  running.stops.set('jobs', jobs.stop)
  await showMetrics(config, deps.metrics, running)

  listener = serving(config, database, { deps, log })
  log.info({ url: config.publicUrl, host: config.host, port: config.port, embedded: database.isEmbedded }, 'listening')
  if (database.isEmbedded) process.stdout.write(quickStart(config))
}

function adviseOnNode(log: Log): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 12)) return
  log.warn(
    { node: process.versions.node },
    'Node 22.12 or newer is supported; this one runs, but use it for trying out',
  )
}

await main()
