import { afterEach, describe, expect, it } from 'vitest'
import { createMetrics } from '../../../src/http/metrics.js'
import { createMetricsServer } from '../../../src/http/metrics-server.js'
import type { HttpServer } from '../../../src/http/server.js'

describe('createMetrics', () => {
  it('counts answers by endpoint and status with their time', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.request('token', 200, 0.004)
    metrics.request('token', 200, 3)
    metrics.request('token', 400, 0.001)
    const text = await metrics.text()
    expect(text).toContain('bulla_http_request_duration_seconds_count{endpoint="token",status="200"} 2')
    expect(text).toContain('bulla_http_request_duration_seconds_bucket{le="0.005",endpoint="token",status="200"} 1')
    expect(text).toContain('bulla_http_request_duration_seconds_count{endpoint="token",status="400"} 1')
  })

  it('counts refreshes by outcome', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.refresh('rotated')
    metrics.refresh('reused')
    metrics.refresh('rotated')
    expect(await metrics.text()).toContain('bulla_refresh_total{outcome="rotated"} 2')
  })

  it('measures how long revocations took to be sent', async () => {
    const metrics = createMetrics({ processMetrics: false })
    metrics.revocationLag(0.02)
    metrics.revocationLag(90)
    const text = await metrics.text()
    expect(text).toContain('bulla_revocation_lag_seconds_bucket{le="0.025"} 1')
    expect(text).toContain('bulla_revocation_lag_seconds_count 2')
  })

  it('asks for a gauge at each scrape, and forgets what is no longer reported', async () => {
    const metrics = createMetrics({ processMetrics: false })
    let ages = new Map([
      ['old', 9],
      ['new', 1],
    ])
    metrics.gauge({ name: 'password_queue', help: 'Passwords that wait.', collect: () => 7 })
    metrics.gauge({ name: 'key_age_seconds', help: 'Age of keys.', label: 'purpose', collect: () => ages })
    const first = await metrics.text()
    expect(first).toContain('bulla_password_queue 7')
    expect(first).toContain('bulla_key_age_seconds{purpose="old"} 9')
    ages = new Map([['new', 2]])
    const text = await metrics.text()
    expect(text).toContain('bulla_key_age_seconds{purpose="new"} 2')
    expect(text).not.toContain('purpose="old"')
  })

  it('measures the event loop and the process', async () => {
    const text = await createMetrics().text()
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds')
    expect(text).toContain('process_cpu_seconds_total')
  })
})

describe('createMetricsServer', () => {
  const servers: HttpServer[] = []
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))

  it('answers GET /metrics and nothing else', async () => {
    const server = createMetricsServer(createMetrics({ processMetrics: false }))
    servers.push(server)
    const { port } = await server.listen(0, '127.0.0.1')
    const url = `http://127.0.0.1:${port}`
    const answer = await fetch(`${url}/metrics`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('content-type')).toContain('text/plain')
    expect(await answer.text()).toContain('bulla_refresh_total')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(404)
  })
})
