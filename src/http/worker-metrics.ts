import { AggregatorRegistry, Registry } from 'prom-client'
import type { Metrics, MetricsSnapshot } from './metrics.js'

export type WorkerMetrics = {
  /** What a worker has counted so far. */
  take(worker: number, snapshot: MetricsSnapshot): void
  /** A worker has ended: what it counted stays counted, what it measured is no more. */
  leave(worker: number): void
}

type Options = {
  /** Of the process that watches the workers. */
  readonly own: Pick<Metrics, 'snapshot'>
  /** Has every worker that can answer say what it counted, by `take`. */
  readonly ask: () => Promise<unknown>
}

/**
 * The metrics of all workers as those of one server: counters and histograms are summed, gauges as each says. A sum never falls when a
 * worker ends, which Prometheus would take for a new start and count anew; what it counted since the last scrape is lost.
 */
export function createWorkerMetrics(): WorkerMetrics & { of(options: Options): Pick<Metrics, 'text' | 'contentType'> } {
  const latest = new Map<number, MetricsSnapshot>()
  let departed: MetricsSnapshot[] = []

  async function text(own: MetricsSnapshot): Promise<string> {
    const gone = [...departed]
    if (gone.length > 1) {
      const folded = await AggregatorRegistry.aggregate(gone).getMetricsAsJSON()
      // Whoever left meanwhile stands behind those.
      departed = departed[0] === gone[0] ? [folded, ...departed.slice(gone.length)] : departed
    }
    return AggregatorRegistry.aggregate([own, ...latest.values(), ...departed].map(worstLag)).metrics()
  }

  return {
    take: (worker, snapshot) => void latest.set(worker, snapshot),
    leave(worker) {
      const last = latest.get(worker)
      latest.delete(worker)
      if (last) departed.push(last.filter(isCounted))
    },
    of: ({ own, ask }) => ({
      contentType: Registry.PROMETHEUS_CONTENT_TYPE,
      text: async () => {
        await ask()
        return text(await own.snapshot())
      },
    }),
  }
}

type Metric = MetricsSnapshot[number]

// In its data the type is a word, which prom-client's own declaration calls a number.
const isCounted = ({ type }: Metric) => ['counter', 'histogram'].includes(String(type))

/** A busy worker is not helped by an idle one: prom-client would show the mean of both. */
const worstLag = (snapshot: MetricsSnapshot): MetricsSnapshot =>
  snapshot.map((metric) =>
    metric.name.startsWith('nodejs_eventloop_lag_') && metric.aggregator === 'average'
      ? { ...metric, aggregator: 'max' }
      : metric,
  )
