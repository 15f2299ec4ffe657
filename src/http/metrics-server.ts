import type { Metrics } from './metrics.js'
import { createHttpServer, type HttpServer } from './server.js'

/** `GET /metrics` on a port of its own, which belongs on loopback or a private network: it asks nobody who they are. */
export function createMetricsServer(metrics: Pick<Metrics, 'text' | 'contentType'>): HttpServer {
  return createHttpServer(async (req, res) => {
    const found = req.url === '/metrics' && (req.method === 'GET' || req.method === 'HEAD')
    try {
      const body = found ? await metrics.text() : ''
      res.writeHead(found ? 200 : 404, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(body)
    } catch {
      res.writeHead(500).end()
    }
  })
}
