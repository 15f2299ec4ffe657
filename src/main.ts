import type { RequestListener } from 'node:http'
import { createApp, healthRoutes } from './app.js'
import { type Config, loadConfig, readEnvironment } from './config.js'
import { createDeps } from './deps.js'
import { createLog, type Log, type RequestLog } from './http/log.js'
import { createMetricsServer } from './http/metrics-server.js'
import { assemble } from './http/router.js'
import { createHttpServer } from './http/server.js'
import { startJobs } from './jobs/start.js'
import { StartError } from './start-error.js'
import { recordPublicUrl } from './store/installation.js'
import { createTenantRegistry } from './store/registry/tenants.js'
import { type StartedDatabase, startDatabase } from './store/start-database.js'
import { DEFAULT_SLUG } from './store/tenants.js'
import { quickStart } from './ui/quick-start.js'

/** Milliseconds a request in flight may still take once the server is asked to stop. */
const GRACE = 10_000

/** Milliseconds in which two signals are one: Ctrl-C under npm comes from the terminal, and again from npm, which passes it on. */
const SAME_SIGNAL = 1_000

/** In the order they are stopped: first requests that never end, then all others, then what they need, the database last. */
const PARTS = ['feed', 'http', 'metrics', 'jobs', 'deps', 'database'] as const

/** What was started so far and how to stop it. */
type Running = { stopping: boolean; readonly stops: Map<(typeof PARTS)[number], () => Promise<void>> }

async function main(): Promise<void> {
  const running: Running = { stopping: false, stops: new Map() }
  try {
    const config = loadConfig(readEnvironment())
    const log = createLog(config.logLevel)
    stopOnSignals(running, log)
    adviseOnNode(log)
    await start(config, log, running)
  } catch (error) {
    // Asked to stop while it started: what failed since is no news, and the signal's own stop ends the process.
    if (running.stopping) return
    await stopAll(running)
    // What an operator can act on is said in words; what nobody foresaw with its stack.
    process.stderr.write(`${error instanceof StartError ? error.message : describe(error)}\n`)
    process.exit(1)
  }
}

async function start(config: Config, log: RequestLog, running: Running): Promise<void> {
  // The port is taken first: if it is somebody else's, nothing is touched. Until all is there it says why it isn't.
  const waiting = { reason: 'starting' }
  let listener = starting(config, log, () => waiting.reason)
  const server = createHttpServer((req, res) => listener(req, res))
  await listen(server.listen(config.port, config.host), 'PORT', config)
  running.stops.set('http', () => server.close(GRACE))

  const opening = startDatabase(config, { kind: 'server', log: tellingWhy(log, waiting) })
  // An embedded Postgres that is being started is waited for and stopped; one elsewhere, perhaps never to come, is not.
  if (!config.databaseUrl) running.stops.set('database', () => opening.then(({ close }) => close()))
  const database = await opening
  running.stops.set('database', database.close)
  const deps = await createDeps(config, database, log)
  running.stops.set('deps', deps.close)
  running.stops.set('feed', deps.feed.close)

  await ensureDefaultTenant(config, database, deps)
  const jobs = startJobs(deps.jobs)
  running.stops.set('jobs', jobs.stop)
  await startMetrics(config, deps, running)

  const readiness = async () => {
    if (deps.view.stats().fresh) return { ready: true }
    return { ready: false, reason: `The database can't be used: ${(await database.problem()) ?? 'it answers again'}.` }
  }
  const { metrics, ports } = deps
  listener = createApp({
    deps: { ...ports, feed: deps.feed, readiness },
    publicUrl: config.publicUrl,
    trustedProxyHops: config.trustedProxyHops,
    tenants: ports.tenants,
    clients: ports.clients,
    log,
    observe: metrics.request,
  }).listener
  log.info({ url: config.publicUrl, host: config.host, port: config.port, embedded: database.isEmbedded }, 'listening')
  if (database.isEmbedded) process.stdout.write(quickStart(config))
}

/** Answers while there is nothing behind the port yet: health as ever, all else 503. */
function starting({ publicUrl }: Config, log: RequestLog, why: () => string): RequestListener {
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

/** What the start waits for, for readiness. */
const tellingWhy = (log: Log, waiting: { reason: string }): Log => ({
  ...log,
  debug: (details, message) => log.debug(details, message),
  info: (details, message) => log.info(details, message),
  error: (details, message) => log.error(details, message),
  warn: (details, message) => {
    if ('reason' in details) waiting.reason = `${message}: ${String(details.reason)}`
    log.warn(details, message)
  },
})

async function listen(listening: Promise<unknown>, setting: string, { host, port }: { host: string; port: number }) {
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

async function startMetrics(config: Config, { metrics }: Awaited<ReturnType<typeof createDeps>>, running: Running) {
  if (config.metricsPort === 0) return
  const server = createMetricsServer(metrics)
  const [host, port] = [config.metricsHost, config.metricsPort]
  await listen(server.listen(port, host), 'METRICS_PORT', { host, port })
  running.stops.set('metrics', () => server.close(1_000))
}

/** The tenant at the root of PUBLIC_URL, with its first keys. Of several processes one makes it. */
async function ensureDefaultTenant(
  config: Config,
  { prisma, pool }: StartedDatabase,
  { rotation, jobs }: Awaited<ReturnType<typeof createDeps>>,
): Promise<void> {
  const tenants = createTenantRegistry(prisma)
  await recordPublicUrl(pool, config.publicUrl)
  await jobs.maintenance.maintainPartitions({ grantLifetime: config.grantLifetime, auditMonths: 13 })
  if (!(await tenants.find(DEFAULT_SLUG))) {
    const settings = { slug: DEFAULT_SLUG, name: 'Default', maxTokenLifetime: config.maxTokenLifetime }
    await tenants.create(settings, { kind: 'system' })
  }
  const tenant = await tenants.find(DEFAULT_SLUG)
  if (tenant) await rotation.ensure(tenant.id)
}

function stopOnSignals(running: Running, log: Log): void {
  let askedAt = 0
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const sinceAsked = performance.now() - askedAt
      // Whoever asks twice does not want to wait.
      if (running.stopping && sinceAsked > SAME_SIGNAL) process.exit(1)
      if (running.stopping) return
      askedAt = performance.now()
      running.stopping = true
      log.info({ signal }, 'stopping')
      void stopAll(running).then(() => process.exit(0))
    })
  }
}

async function stopAll({ stops }: Running): Promise<void> {
  // One that fails to stop keeps nothing else from it.
  for (const part of PARTS)
    await stops
      .get(part)?.()
      .catch(() => {})
}

function adviseOnNode(log: Log): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 12)) return
  log.warn(
    { node: process.versions.node },
    'Node 22.12 or newer is supported; this one runs, but use it for trying out',
  )
}

const describe = (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error))

await main()
