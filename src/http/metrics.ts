import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export type RefreshOutcome = 'rotated' | 'replayed' | 'reused' | 'revoked' | 'expired' | 'crowded' | 'forged'

interface GaugeOptions {
  /** Without the prefix `bulla_`; the unit last, as in `pool_waiting` or `view_age_seconds`. */
  readonly name: string
  readonly help: string
  /** The one label that tells its values apart, if there are several. */
  readonly label?: string
  /** What several workers make of theirs: the sum unless it says otherwise. */
  readonly ofWorkers?: 'sum' | 'max'
  /** Asked at each scrape: one number, or one for each value of the label. */
  readonly collect: () => number | ReadonlyMap<string, number>
}

/** What the process counts, in Prometheus' words. Label values are ours alone: no path, no client, no user. */
export interface Metrics {
  /** One answer; time in seconds. */
  request(endpoint: string, status: number, seconds: number): void
  refresh(outcome: RefreshOutcome): void
  /** One try to tell a client that a session is over. */
  logoutDelivery(outcome: string): void
  /** A status list was signed; time in seconds. */
  statusListBuilt(seconds: number): void
  /** A revocation was sent to the subscribers here, so many seconds after it was made. */
  revocationLag(seconds: number): void
  /** A value that is read when somebody asks for it: queues, pools, ages. */
  gauge(options: GaugeOptions): void
  readonly contentType: string
  /** The exposition. */
  text(): Promise<string>
  /** The same as data, for the process that shows those of all workers. */
  snapshot(): Promise<MetricsSnapshot>
}

/** What one process has counted, as JSON can hold it. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

// From a cached answer to a queued password hash.
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

// From an announcement that was heard at once to a database that was out of reach.
const LAG_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60]

/** A registry of its own; with `processMetrics` also CPU, memory, garbage collection and the event loop's delay. */
export function createMetrics({ processMetrics = true }: { readonly processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (processMetrics) collectDefaultMetrics({ register: registry })
  const requests = new Histogram({
    name: 'bulla_http_request_duration_seconds',
    help: 'Time from a request to its answer.',
    labelNames: ['endpoint', 'status'],
    buckets: SECONDS,
    registers,
  })
  const refreshes = new Counter({
    name: 'bulla_refresh_total',
    help: 'Refresh tokens presented, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const logouts = new Counter({
    name: 'bulla_backchannel_logout_total',
    help: 'Tries to tell clients that a session is over, by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  const builds = new Histogram({
    name: 'bulla_status_list_build_seconds',
    help: 'Time to read what flipped in a status list, deflate and sign it.',
    buckets: SECONDS,
    registers,
  })
  const lags = new Histogram({
    name: 'bulla_revocation_lag_seconds',
    help: 'Time from a revocation, by the clock of the database, until it was sent to the subscribers of this process.',
    buckets: LAG_SECONDS,
    registers,
  })
  return {
    request: (endpoint, status, seconds) => requests.observe({ endpoint, status }, seconds),
    refresh: (outcome) => refreshes.inc({ outcome }),
    logoutDelivery: (outcome) => logouts.inc({ outcome }),
    statusListBuilt: (seconds) => builds.observe(seconds),
    revocationLag: (seconds) => lags.observe(seconds),
    gauge: ({ name, help, label, ofWorkers = 'sum', collect }) => {
      new Gauge({
        name: `bulla_${name}`,
        help,
        aggregator: ofWorkers,
        labelNames: label === undefined ? [] : [label],
        registers,
        collect() {
          const value = collect()
          if (typeof value === 'number') return this.set(value)
          // What is no longer reported, a retired key say, must not stay at its last value.
          this.reset()
          for (const [key, one] of value) this.set({ [label ?? 'key']: key }, one)
        },
      })
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
    snapshot: () => registry.getMetricsAsJSON(),
  }
}
