import cluster from 'node:cluster'
import type { Config } from './config.js'
import { ensureDefaultTenant } from './default-tenant.js'
import { openEnvelope, openRotation } from './deps.js'
import type { RequestLog } from './http/log.js'
import { createMetrics } from './http/metrics.js'
import { createWorkerMetrics } from './http/worker-metrics.js'
import { showMetrics, tellingWhy } from './listener.js'
import type { Running } from './running.js'
import { StartError } from './start-error.js'
import { createMaintenance } from './store/maintenance.js'
import { startDatabase } from './store/start-database.js'
import { quickStart } from './ui/quick-start.js'
import { startWorkers } from './workers.js'

/** For what is done once, before the workers serve; later it has none. */
const CONNECTIONS = 2

/**
 * Starts the server as several processes: this one takes no request, but has the database, the metrics and the last word; each worker is
 * a server of its own, on the same port. The order is that of one process: the port, the database, all else.
 */
export async function startPrimary(config: Config, log: RequestLog, running: Running): Promise<void> {
  if (!cluster.isPrimary) throw new StartError('Another program runs this one as several processes: set WORKERS to 1.')
  const counted = createWorkerMetrics()
  const workers = startWorkers({ count: config.workers, log, metrics: counted })
  running.stops.set('http', workers.stop)
  // Whoever does not wait for this process does not wait for them either.
  process.once('exit', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL')
  })
  const orFailed = <T>(step: Promise<T>) => Promise.race([step, workers.failed])
  await orFailed(workers.opened)

  const settings = { ...config, databasePoolSize: CONNECTIONS }
  const opening = startDatabase(settings, { kind: 'server', log: tellingWhy(log, workers.waitingFor) })
  if (!config.databaseUrl) running.stops.set('database', () => opening.then(({ close }) => close()))
  const database = await orFailed(opening)
  running.stops.set('database', database.close)
  const { pool, url, isEmbedded } = database
  const envelope = await openEnvelope(config, database)
  const rotation = openRotation(config, { pool, envelope, log })
  await ensureDefaultTenant(config, database, { rotation, maintenance: createMaintenance(pool) })

  const own = createMetrics()
  own.gauge({ name: 'workers', help: 'Processes that serve.', collect: workers.serving })
  await showMetrics(config, counted.of({ own, ask: workers.measure }), running)
  workers.serve({ url, isEmbedded })
  await orFailed(workers.ready)

  const { publicUrl, host, port } = config
  log.info({ url: publicUrl, host, port, embedded: isEmbedded, workers: config.workers }, 'listening')
  if (isEmbedded) process.stdout.write(quickStart(config))
}
