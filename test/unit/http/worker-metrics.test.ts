import { describe, expect, it } from 'vitest'
import { createMetrics, type Metrics, type MetricsSnapshot } from '../../../src/http/metrics.js'
import { createWorkerMetrics } from '../../../src/http/worker-metrics.js'

const metricsOf = () => createMetrics({ processMetrics: false })

/** As it comes from another process. */
const sent = async (metrics: Metrics): Promise<MetricsSnapshot> => JSON.parse(JSON.stringify(await metrics.snapshot()))

/** Two workers, asked at each scrape, beside a process that counts nothing. */
function twoWorkers() {
  const [one, two] = [metricsOf(), metricsOf()]
  const counted = createWorkerMetrics()
  const living = new Map([
    [1, one],
    [2, two],
  ])
  const ask = async () => {
    for (const [worker, metrics] of living) counted.take(worker, await sent(metrics))
  }
  const { text } = counted.of({ own: metricsOf(), ask })
  const end = (worker: number) => {
    living.delete(worker)
    counted.leave(worker)
  }
  return { one, two, living, end, text }
}

describe('the metrics of several workers', () => {
  it('add up what is counted', async () => {
    const { one, two, text } = twoWorkers()
    one.request('token', 200, 0.004)
    two.request('token', 200, 3)
    two.request('token', 400, 0.001)
    one.refresh('rotated')
    two.refresh('rotated')
    const said = await text()
    expect(said).toContain('bulla_http_request_duration_seconds_count{endpoint="token",status="200"} 2')
    expect(said).toContain('bulla_http_request_duration_seconds_bucket{le="0.005",endpoint="token",status="200"} 1')
    expect(said).toContain('bulla_http_request_duration_seconds_count{endpoint="token",status="400"} 1')
    expect(said).toContain('bulla_refresh_total{outcome="rotated"} 2')
  })

  it('add up what they have, and show the worst age and the worst delay', async () => {
    const { one, two, text } = twoWorkers()
    const [open, age] = [
      { name: 'pool_connections', help: 'Connections.', label: 'state' },
      { name: 'view_age_seconds', help: 'Age.', ofWorkers: 'max' },
    ] as const
    one.gauge({ ...open, collect: () => new Map([['open', 3]]) })
    two.gauge({ ...open, collect: () => new Map([['open', 4]]) })
    one.gauge({ ...age, collect: () => 0.5 })
    two.gauge({ ...age, collect: () => 7 })
    const said = await text()
    expect(said).toContain('bulla_pool_connections{state="open"} 7')
    expect(said).toContain('bulla_view_age_seconds 7')
  })

  it('show the worst event loop, not the mean of all', async () => {
    const counted = createWorkerMetrics()
    const lag = (value: number) => [
      {
        name: 'nodejs_eventloop_lag_p99_seconds',
        help: 'Lag.',
        type: 'gauge',
        aggregator: 'average',
        values: [{ value, labels: {} }],
      },
    ]
    counted.take(1, lag(0.1) as unknown as MetricsSnapshot)
    counted.take(2, lag(0.9) as unknown as MetricsSnapshot)
    const { text } = counted.of({ own: metricsOf(), ask: async () => {} })
    expect(await text()).toContain('nodejs_eventloop_lag_p99_seconds 0.9')
  })

  it('never count backwards when workers end, and forget what those had', async () => {
    const { one, two, living, end, text } = twoWorkers()
    for (const worker of [one, two]) {
      worker.gauge({ name: 'feed_subscribers', help: 'Streams.', collect: () => 5 })
      worker.refresh('rotated')
    }
    expect(await text()).toContain('bulla_feed_subscribers 10')
    end(1)
    expect(await text()).toContain('bulla_refresh_total{outcome="rotated"} 2')
    end(2)
    const third = metricsOf()
    third.refresh('rotated')
    living.set(3, third)
    for (let scrape = 0; scrape < 3; scrape++) {
      const said = await text()
      expect(said).toContain('bulla_refresh_total{outcome="rotated"} 3')
      expect(said).not.toContain('bulla_feed_subscribers')
    }
  })
})
