import { once } from 'node:events'
import { createServer, request as httpRequest, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import express, { type ErrorRequestHandler } from 'express'
import createFastify from 'fastify'
import { Hono } from 'hono'
import * as fastify from '../../../src/resource-server/fastify.js'
import * as bare from '../../../src/resource-server/fetch.js'
import * as hono from '../../../src/resource-server/hono.js'
import * as node from '../../../src/resource-server/node-middleware.js'
import type { Verifier } from '../../../src/resource-server/verifier.js'

// Each app the same: /api/orders answers the subject, /api/twice asks twice, /open shows what an unprotected route is told, and where
// X-Expose comes with a request the app sets headers before: one of its own, which it exposes, and one that a refusal must not have.

const scope = { scope: 'orders:read' }
const OWN = { 'access-control-expose-headers': 'X-Own', 'x-own': '1', 'cache-control': 'public' }

function expressApp(verifier: Verifier): RequestListener {
  const app = express()
  const orders = express.Router()
  app.use((req, res, next) => {
    if (req.headers['x-expose']) for (const [name, value] of Object.entries(OWN)) res.setHeader(name, value)
    next()
  })
  app.use(node.wellKnown(verifier))
  orders.all('/orders', node.requireToken(verifier, scope), (req, res) => void res.json(node.claimsOf(req).sub))
  orders.use('/twice', node.requireToken(verifier))
  orders.get('/twice', node.requireToken(verifier, scope), (_req, res) => void res.json('ok'))
  app.use('/api', orders)
  app.get('/open', (req, res) => void res.json(node.claimsOf(req)))
  const onError: ErrorRequestHandler = (error, _req, res, _next) => void res.status(500).send(error.message)
  app.use(onError)
  return app
}

function plainApp(verifier: Verifier): RequestListener {
  const protect = node.requireToken(verifier, scope)
  const first = node.requireToken(verifier)
  const serve = node.wellKnown(verifier)
  return (req, res) => {
    if (req.headers['x-expose']) for (const [name, value] of Object.entries(OWN)) res.setHeader(name, value)
    const json = (value: unknown) => res.setHeader('content-type', 'application/json').end(JSON.stringify(value))
    const take = (error: unknown, handler: () => void) => {
      if (!(error instanceof Error)) return handler()
      res.statusCode = 500
      res.end(error.message)
    }
    serve(req, res, () => {
      const path = req.url?.split('?')[0]
      if (path === '/api/orders') {
        protect(req, res, (error) => take(error, () => json(node.claimsOf(req).sub)))
      } else if (path === '/api/twice') {
        first(req, res, (error) => take(error, () => protect(req, res, (again) => take(again, () => json('ok')))))
      } else if (path === '/open') {
        try {
          json(node.claimsOf(req))
        } catch (error) {
          take(error, () => {})
        }
      } else {
        res.statusCode = 404
        res.end()
      }
    })
  }
}

async function fastifyApp(verifier: Verifier): Promise<RequestListener> {
  const app = createFastify()
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers['x-expose']) reply.headers(OWN)
  })
  await app.register(fastify.wellKnown(verifier))
  app.setErrorHandler((error: Error, _request, reply) => reply.code(500).send(error.message))
  await app.register(
    async (api) => {
      api.all('/orders', { onRequest: fastify.requireToken(verifier, scope) }, async (request, reply) =>
        reply.type('application/json').send(JSON.stringify(fastify.claimsOf(request).sub)),
      )
      await api.register(async (inner) => {
        inner.addHook('onRequest', fastify.requireToken(verifier))
        inner.get('/twice', { preHandler: fastify.requireToken(verifier, scope) }, async () => 'ok')
      })
    },
    { prefix: '/api' },
  )
  app.get('/open', async (request) => fastify.claimsOf(request))
  await app.ready()
  return (req, res) => app.routing(req, res)
}

function honoApp(verifier: Verifier): RequestListener {
  const app = new Hono()
  const api = new Hono()
  app.use(async (c, next) => {
    if (c.req.header('x-expose')) for (const [name, value] of Object.entries(OWN)) c.header(name, value)
    await next()
  })
  app.use(hono.wellKnown(verifier))
  api.all('/orders', hono.requireToken(verifier, scope), (c) => c.json(hono.claimsOf(c).sub))
  api.use('/twice', hono.requireToken(verifier))
  api.get('/twice', hono.requireToken(verifier, scope), (c) => c.json('ok'))
  app.route('/api', api)
  app.get('/open', (c) => c.json(hono.claimsOf(c)))
  app.onError((error, c) => c.text(error.message, 500))
  return getRequestListener(app.fetch)
}

function fetchApp(verifier: Verifier): RequestListener {
  const orders = bare.protect(verifier, scope, (_request, { sub }) => Response.json(sub))
  return getRequestListener(async (request) => {
    const known = bare.wellKnown(verifier, request)
    if (known) return known
    if (new URL(request.url).pathname !== '/api/orders') return new Response(null, { status: 404 })
    return orders(request).catch((error: Error) => new Response(error.message, { status: 500 }))
  })
}

/** One small app in everything that there is an adapter for. */
export const APPS: Readonly<Record<string, (verifier: Verifier) => RequestListener | Promise<RequestListener>>> = {
  Express: expressApp,
  'node:http': plainApp,
  Fastify: fastifyApp,
  Hono: honoApp,
  'a bare handler': fetchApp,
}

/** Listens on loopback. */
export async function listen(listener: RequestListener): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

export type Call = {
  readonly port: number
  readonly path?: string
  readonly method?: string
  /** Names and values by turns, so that a name may come twice. */
  readonly headers?: readonly string[]
}

/** One request, as it is: nothing joined, nothing added. */
export async function call({ port, path = '/api/orders', method = 'GET', headers = [] }: Call) {
  const request = httpRequest({
    port,
    path,
    method,
    headers: ['Host', 'orders.example', 'Connection', 'close', ...headers],
  })
  request.end()
  const [response] = await once(request, 'response')
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += chunk
  return { status: response.statusCode as number, headers: response.headers as Record<string, string>, body }
}
