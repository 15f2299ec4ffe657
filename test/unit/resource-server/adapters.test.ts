import type { Server } from 'node:http'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { requireToken as fastifyToken } from '../../../src/resource-server/fastify.js'
import { wellKnown as fetchDocuments, protect } from '../../../src/resource-server/fetch.js'
import { wellKnown as honoDocuments, requireToken as honoToken } from '../../../src/resource-server/hono.js'
import { claimsOf, requireToken } from '../../../src/resource-server/node-middleware.js'
import type { Verifier } from '../../../src/resource-server/verifier.js'
import { APPS, type Call, call, listen } from './framework-apps.js'
import { handMadeVerifier, METADATA_PATH } from './hand-made-verifier.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

const bearer = (token: string) => ['Authorization', `Bearer ${token}`]
const EXPOSE = 'access-control-expose-headers'

let made: ReturnType<typeof handMadeVerifier>
let ask: (options: Omit<Call, 'port'>) => ReturnType<typeof call>
async function start(app: (typeof APPS)[string]): Promise<void> {
  made = handMadeVerifier()
  const { server, port } = await listen(await app(made.verifier))
  servers.push(server)
  ask = (options) => call({ port, ...options })
}

describe.each(Object.entries(APPS))('with %s', (_name, app) => {
  beforeEach(() => start(app))

  it('lets a good token in, and its claims to the handler', async () => {
    const { status, body } = await ask({ headers: bearer('good') })
    expect({ status, body }).toEqual({ status: 200, body: '"ann"' })
  })

  it('asks with what the client sent, before any router took a part of it', async () => {
    await ask({ path: '/api/orders?b=%20&a', method: 'POST', headers: [...bearer('good'), 'DPoP', 'proof'] })
    expect(made.asked).toEqual([
      {
        parts: { authorization: ['Bearer good'], dpop: ['proof'], method: 'POST', target: '/api/orders?b=%20&a' },
        requirements: { scope: 'orders:read' },
      },
    ])
  })

  it('hands on what a response should carry', async () => {
    const { status, headers } = await ask({ headers: [...bearer('good'), 'DPoP', 'proof'] })
    expect({ status, nonce: headers['dpop-nonce'] }).toEqual({ status: 200, nonce: 'next' })
    expect((await ask({ headers: bearer('good') })).headers['dpop-nonce']).toBeUndefined()
  })

  it('answers for who brings none: the challenge, no body, nothing to be kept', async () => {
    const { status, headers, body } = await ask({})
    expect({ status, body }).toEqual({ status: 401, body: '' })
    expect(headers).toMatchObject({
      'www-authenticate': 'Bearer',
      'dpop-nonce': 'n',
      'cache-control': 'no-store',
      [EXPOSE]: 'WWW-Authenticate, DPoP-Nonce, Retry-After',
    })
    expect(headers['access-control-allow-origin']).toBeUndefined()
  })

  it.each([
    { token: 'bad', status: 401, body: { error: 'invalid_token' } },
    { token: 'poor', status: 403, body: { error: 'insufficient_scope' } },
  ])('answers $status to a token that is $token, as JSON', async ({ token, status, body }) => {
    const answer = await ask({ headers: bearer(token) })
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toMatch(/^application\/json\b/)
    expect(answer.headers['www-authenticate']).toBe(`Bearer error="${body.error}"`)
    expect(JSON.parse(answer.body)).toEqual({ ...body, error_description: 'No.' })
  })

  it('answers 503 while nothing can be known', async () => {
    const { status, headers, body } = await ask({ headers: bearer('stale') })
    expect({ status, body }).toEqual({ status: 503, body: '' })
    expect(headers).toMatchObject({ 'retry-after': '1' })
  })

  it('answers HEAD without a body', async () => {
    const { status, headers, body } = await ask({ method: 'HEAD', headers: bearer('bad') })
    expect({ status, body }).toEqual({ status: 401, body: '' })
    expect(headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json\b/),
      'www-authenticate': expect.any(String),
    })
  })

  it('sees it when two tokens come', async () => {
    const { status } = await ask({ headers: [...bearer('good'), ...bearer('good')] })
    expect(status).toBe(400)
  })

  it('leaves a fault to the app', async () => {
    const { status, body } = await ask({ headers: bearer('fault') })
    expect({ status, body }).toEqual({ status: 500, body: 'a fault of ours' })
  })

  it('serves the metadata to any page', async () => {
    const got = await ask({ path: `${METADATA_PATH}?x` })
    expect(got).toMatchObject({ status: 200, body: '{"resource":"https://orders.example"}' })
    expect(got.headers).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json\b/),
      'access-control-allow-origin': '*',
    })
    const head = await ask({ path: METADATA_PATH, method: 'HEAD' })
    expect(head).toMatchObject({ status: 200, body: '' })
    const preflight = await ask({
      path: METADATA_PATH,
      method: 'OPTIONS',
      headers: ['Origin', 'https://page.example', 'Access-Control-Request-Method', 'GET'],
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, HEAD',
      'access-control-allow-headers': '*',
    })
    const posted = await ask({ path: METADATA_PATH, method: 'POST' })
    expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } })
    expect((await ask({ path: '/.well-known/nothing' })).status).toBe(404)
    expect(made.asked).toEqual([])
  })
})

// A bare handler is handed the claims, and has nothing around it.
describe.each(Object.entries(APPS).filter(([name]) => name !== 'a bare handler'))('inside %s', (_name, app) => {
  beforeEach(() => start(app))

  it('knows a request again that is asked for its token twice', async () => {
    expect(await ask({ path: '/api/twice', headers: bearer('good') })).toMatchObject({ status: 200 })
    expect(made.asked).toHaveLength(2)
    expect(made.asked[0]?.parts).toBe(made.asked[1]?.parts)
  })

  it('says in an open route why there are no claims', async () => {
    const { status, body } = await ask({ path: '/open', headers: bearer('good') })
    expect({ status, body }).toEqual({ status: 500, body: expect.stringMatching(/^Nothing protects this route/) })
  })

  it('leaves it to an app that exposes headers which those are', async () => {
    const { headers } = await ask({ headers: ['X-Expose', '1'] })
    expect(headers).toMatchObject({ [EXPOSE]: 'X-Own', 'x-own': '1', 'cache-control': 'no-store' })
  })
})

describe('requirements that no token can meet', () => {
  const { verifier } = handMadeVerifier()
  const never = { maxAge: -1 }

  it.each([
    ['node', () => requireToken(verifier, never)],
    ['Fastify', () => fastifyToken(verifier, never)],
    ['Hono', () => honoToken(verifier, never)],
    ['a bare handler', () => protect(verifier, never, () => new Response())],
  ])('show when a route is made, with %s', (_name, make) => {
    expect(make).toThrow(TypeError)
  })
})

describe('the middleware for Node', () => {
  const { verifier } = handMadeVerifier()
  const request = (authorization?: string) => ({
    method: 'GET',
    url: '/',
    rawHeaders: [] as string[],
    headers: authorization === undefined ? {} : { authorization },
  })
  const response = (headersSent = false) => {
    const done: unknown[] = []
    const headers = new Map<string, string>()
    return {
      done,
      statusCode: 200,
      headersSent,
      hasHeader: (name: string) => headers.has(name),
      setHeader: (name: string, value: string) => headers.set(name, value),
      end: (body?: string) => done.push(body),
    }
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  it('takes a header that the app put there', async () => {
    const req = request('Bearer good')
    await new Promise<void>((next) => requireToken(verifier)(req, response(), (_error) => next()))
    expect(claimsOf(req).sub).toBe('ann')
  })

  it('does not let on by a next that takes no error', async () => {
    const res = response()
    let isReached = false
    const warned = new Promise((resolve) => process.once('warning', resolve))
    requireToken(verifier)(request('Bearer fault'), res, () => {
      isReached = true
    })
    await settled()
    expect({ isReached, status: res.statusCode, done: res.done }).toEqual({
      isReached: false,
      status: 500,
      done: [undefined],
    })
    expect(await warned).toMatchObject({ message: 'a fault of ours' })
  })

  it('writes nothing to a response that somebody else has begun', async () => {
    const res = response(true)
    requireToken(verifier)(request(), res, (_error) => expect.unreachable())
    await settled()
    expect(res.done).toEqual([])
  })
})

describe('the well-known addresses', () => {
  it('do not fix who calls before the app has put a header there', async () => {
    const seen: (readonly string[])[] = []
    const bulla = {
      wellKnown: () => undefined,
      check: () => {},
      async authenticate({ authorization }: { authorization: readonly string[] }) {
        seen.push(authorization)
        return { claims: {}, headers: {} }
      },
    } as unknown as Verifier
    const request = new Request('https://orders.example/orders')
    fetchDocuments(bulla, request)
    request.headers.set('authorization', 'Bearer later')
    await protect(bulla, {}, () => new Response())(request)
    const app = new Hono()
    app.use(honoDocuments(bulla), async (c, next) => {
      c.req.raw = new Request(c.req.raw, { headers: { authorization: 'Bearer later' } })
      await next()
    })
    app.get('/orders', honoToken(bulla), (c) => c.text('in'))
    await app.request('/orders')
    expect(seen).toEqual([['Bearer later'], ['Bearer later']])
  })
})
