import { randomUUID } from 'node:crypto'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import { type Observers, report } from './access-log.js'
import { errorAnswer, notFound, prefersPage } from './errors.js'
import { send } from './response.js'

export interface ExpressContext extends Observers {
  readonly publicUrl: string
}

/**
 * The Express application: the plain routes first, then what is made for Express, then 404, for browsers as a page. It believes no proxy
 * header: `X-Forwarded-For` is read by `client-address.ts` alone, and nothing is made of `Host`.
 */
export function createExpressApp(plain: RequestHandler, context: ExpressContext): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('trust proxy', false)
  app.set('query parser', false)
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.use(plain)
  app.use(reported(context))
  app.use(secured(context.publicUrl))
  app.use(() => {
    throw notFound()
  })
  app.use(answerError)
  return app
}

/** Gives the request its id, and reports it once the connection is done with it. */
function reported(context: ExpressContext): RequestHandler {
  return (req, res, next) => {
    const started = performance.now()
    const id = randomUUID()
    res.locals['requestId'] = id
    res.setHeader('x-request-id', id)
    res.once('close', () => {
      const { reason, unexpected } = res.locals
      const route = typeof res.locals['route'] === 'string' ? res.locals['route'] : 'none'
      report(context, {
        id,
        method: req.method,
        route,
        tenant: undefined,
        status: res.statusCode,
        reason,
        unexpected,
        started,
      })
    })
    next()
  }
}

const secured = (publicUrl: string): RequestHandler =>
  helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': "'none'", 'frame-ancestors': "'none'" } },
    strictTransportSecurity: publicUrl.startsWith('https:') && { maxAge: 31_536_000, includeSubDomains: false },
    xFrameOptions: { action: 'deny' },
  })

// Express knows an error handler by its four parameters.
const answerError: ErrorRequestHandler = (error, req, res, _next) => {
  const { headers } = req
  const { response, reason, unexpected } = errorAnswer(error, {
    id: String(res.locals['requestId']),
    page: prefersPage(headers.accept) ? { headers } : undefined,
  })
  Object.assign(res.locals, { reason, unexpected })
  if (res.headersSent) res.destroy()
  else send({ req, res }, response, { id: String(res.locals['requestId']), common: { 'cache-control': 'no-store' } })
}
