// One API in every framework that the resource-server SDK has an adapter for, as a user of the package writes it. Copied into a project
// that has the package and the frameworks, and started there with the verifier's options as JSON:
//
//   node sdk-apps.mjs '{"issuer":"https://…","audience":"https://…","decryptionKeys":[{…}],"credentials":{"id":"…","secret":"…"}}'
//
// Prints one line, {"ports":{"express":1,"fastify":2,"hono":3,"bare":4}}, and what the verifier logs on standard error, a JSON line each.
// GET /orders needs `orders:read`, GET /orders/all `orders:admin`, GET /payments is asked about with every call where there are
// credentials; each answers the claims. GET /status (Express alone) answers how the verifier is, and POST /close ends it.
import { createServer } from 'node:http'
import { createVerifier } from '@bulla/resource-server'
import * as forFastify from '@bulla/resource-server/fastify'
import * as forFetch from '@bulla/resource-server/fetch'
import * as forHono from '@bulla/resource-server/hono'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'

const options = JSON.parse(process.argv[2] ?? '{}')
const bulla = await createVerifier({ ...options, log: (event) => process.stderr.write(`${JSON.stringify(event)}\n`) })

const ROUTES = {
  '/orders': { scope: 'orders:read' },
  '/orders/all': { scope: ['orders:read', 'orders:admin'] },
  '/payments': { scope: 'orders:read', introspect: options.credentials !== undefined },
}
const routes = Object.entries(ROUTES)

function expressApp() {
  const app = express()
  app.use(bulla.serveWellKnown())
  for (const [path, needed] of routes) {
    app.get(path, bulla.require(needed), (req, res) => void res.json(bulla.claims(req)))
  }
  app.get('/status', (_req, res) => void res.json(bulla.status()))
  app.post('/close', (_req, res) => {
    bulla.close()
    res.status(204).end()
  })
  return app
}

async function fastifyApp() {
  const app = fastify()
  await app.register(forFastify.wellKnown(bulla))
  for (const [path, needed] of routes) {
    app.get(path, { onRequest: forFastify.requireToken(bulla, needed) }, async (request) =>
      forFastify.claimsOf(request),
    )
  }
  await app.ready()
  return (req, res) => app.routing(req, res)
}

function honoApp() {
  const app = new Hono()
  app.use(forHono.wellKnown(bulla))
  for (const [path, needed] of routes) {
    app.get(path, forHono.requireToken(bulla, needed), (c) => c.json(forHono.claimsOf(c)))
  }
  return getRequestListener(app.fetch)
}

function bareApp() {
  const handlers = new Map(
    routes.map(([path, needed]) => [
      path,
      forFetch.protect(bulla, needed, (_request, claims) => Response.json(claims)),
    ]),
  )
  return getRequestListener((request) => {
    const handler = handlers.get(new URL(request.url).pathname)
    return forFetch.wellKnown(bulla, request) ?? handler?.(request) ?? new Response(null, { status: 404 })
  })
}

const APPS = { express: expressApp, fastify: fastifyApp, hono: honoApp, bare: bareApp }
const ports = {}
for (const [name, app] of Object.entries(APPS)) {
  const listener = await app()
  ports[name] = await new Promise((resolve) => {
    const server = createServer(listener).listen(0, '127.0.0.1', () => resolve(server.address().port))
  })
}
process.stdout.write(`${JSON.stringify({ ports })}\n`)
