import type { RequestListener } from 'node:http'
import { createApp, healthRoutes } from './app.js'
import type { Config } from './config.js'
import type { Deps } from './deps.js'
import type { Log, RequestLog } from './http/log.js'
import type { Metrics } from './http/metrics.js'
import { createMetricsServer } from './http/metrics-server.js'
import { assemble } from './http/router.js'
import type { Running } from './running.js'
import { StartError } from './start-error.js'
import type { StartedDatabase } from './store/start-database.js'

/** Answers while there is nothing behind the port yet: health as ever, all else 503. */
export function starting({ publicUrl }: Config, log: RequestLog, why: () => string): RequestListener {
  const nobody = { find: async () => undefined, allowsOrigin: async () => false }
  const deps = { readiness: () => ({ ready: false, reason: why() }) }
  const health = assemble(healthRoutes, { deps, publicUrl, trustedProxyHops: 0, tenants: nobody, clients: nobody, log })
  const body = JSON.stringify({ error: 'temporarily_unavailable', error_description: 'The server is starting.' })
  return (req, res) => {
    if (req.url?.startsWith('/health/')) return health.listener(req, res)
    res
      .writeHead(503, { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': '1' })
      .end(body)
  }
}

/** Answers with everything there is behind the port. */
export function serving(
  config: Config,
  database: StartedDatabase,
  { deps, log }: { deps: Deps; log: RequestLog },
): RequestListener {
  const { ports, feed, view, metrics } = deps
  const readiness = async () => {
    if (view.stats().fresh) return { ready: true }
    return { ready: false, reason: `The database can't be used: ${(await database.problem()) ?? 'it answers again'}.` }
  }
  return createApp({
    deps: { ...ports, feed, readiness },
    publicUrl: config.publicUrl,
    trustedProxyHops: config.trustedProxyHops,
    tenants: ports.tenants,
    clients: ports.clients,
    log,
    observe: metrics.request,
  }).listener
}

/** A log that also tells what the start waits for, for readiness. */
export const tellingWhy = (log: Log, tell: (reason: string) => void): Log => ({
  debug: (details, message) => log.debug(details, message),
  info: (details, message) => log.info(details, message),
  error: (details, message) => log.error(details, message),
  warn: (details, message) => {
    if ('reason' in details) tell(`${message}: ${String(details.reason)}`)
    log.warn(details, message)
  },
})

/** Waits until a port listens. Throws StartError with what to do when it can't. */
export async function listen(
  listening: Promise<unknown>,
  setting: string,
  { host, port }: { host: string; port: number },
): Promise<void> {
  await listening.catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE'
        ? 'is in use by another program. Stop that, or'
        : error.code === 'EACCES'
          ? 'may not be opened by this user. Take one above 1023, or'
          : `can't be opened: ${error.message}. Check HOST, or`
    throw new StartError(`Port ${port} on ${host} ${why} set ${setting} to another one.`, { cause: error })
  })
}

/** Shows the metrics on their port, if they are to have one. */
export async function showMetrics(
  { metricsHost: host, metricsPort: port }: Config,
  metrics: Pick<Metrics, 'text' | 'contentType'>,
  running: Running,
): Promise<void> {
  if (port === 0) return
  const server = createMetricsServer(metrics)
  await listen(server.listen(port, host), 'METRICS_PORT', { host, port })
  running.stops.set('metrics', () => server.close(1_000))
}
