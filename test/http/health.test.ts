import { expect, it } from 'vitest'
import { healthRoutes } from '../../src/app.js'
import { createLog } from '../../src/http/log.js'
import { assemble } from '../../src/http/router.js'
import { overBothTransports } from '../support/http.js'

const app = (readiness: () => { ready: boolean; reason?: string }) =>
  assemble(healthRoutes, {
    deps: { readiness },
    publicUrl: 'https://id.example.com',
    trustedProxyHops: 0,
    tenants: { find: () => Promise.reject(new Error('connect ECONNREFUSED')) },
    clients: { allowsOrigin: () => Promise.reject(new Error('connect ECONNREFUSED')) },
    log: createLog('silent'),
  })

overBothTransports('health', (reach) => {
  it('is live whatever the database does', async () => {
    const { agent } = await reach(app(() => ({ ready: false, reason: 'database_unavailable' })))
    await agent.get('/health/live').expect(200, { status: 'ok' })
  })

  it('is ready when the process can serve', async () => {
    const { agent } = await reach(app(() => ({ ready: true })))
    const { headers } = await agent.get('/health/ready').expect(200, { status: 'ready' })
    expect(headers['cache-control']).toBe('no-store')
  })

  it('answers 503 with the reason while it is not ready', async () => {
    const { agent } = await reach(app(() => ({ ready: false, reason: 'migrating' })))
    await agent.get('/health/ready').expect(503, { status: 'not_ready', reason: 'migrating' })
  })

  it('belongs to the server: no tenant has it', async () => {
    const { agent } = await reach(app(() => ({ ready: true })))
    await agent.get('/t/acme/health/live').expect(404)
  })
})
