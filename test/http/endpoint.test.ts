import { describe, expect, it, vi } from 'vitest'
import { cacheable } from '../../src/http/caching.js'
import { formParams } from '../../src/http/form.js'
import { type HttpRequest, json, NO_STORE } from '../../src/http/handler.js'
import type { Route } from '../../src/http/route.js'
import { invalidClient, invalidGrant, invalidTarget } from '../../src/oauth/errors.js'
import { ACME, DEFAULT_TENANT, PUBLIC_URL, testApp } from '../support/app.js'
import { eventually } from '../support/eventually.js'
import { overBothTransports } from '../support/http.js'
import { hangingUp } from '../support/hung-up.js'

interface Deps {
  readonly act: (request: HttpRequest) => unknown
}

const act = async (request: HttpRequest, deps: Deps) => json(200, (await deps.act(request)) ?? {}, NO_STORE)

const routes: readonly Route<Deps>[] = [
  { name: 'token', path: '/oauth2/token', body: 'form', methods: { POST: act } },
  { name: 'slow', path: '/slow', timeout: 0.02, methods: { GET: act } },
  { name: 'waits', path: '/waits', methods: { GET: act } },
  {
    name: 'jwks',
    path: '/jwks',
    cors: 'any',
    methods: { GET: async () => cacheable('{"keys":[]}', 'application/jwk-set+json', 60) },
  },
  { name: 'split', path: '/split', methods: { GET: async () => json(200, {}, { location: 'a\r\nset-cookie: b' }) } },
  { name: 'gone', path: '/gone', methods: { GET: async () => ({ status: 204, headers: {} }) } },
]

const app = (act: Deps['act'] = () => ({ ok: true }), context = {}) => testApp(routes, { deps: { act }, ...context })
const form = { 'content-type': 'application/x-www-form-urlencoded' }

overBothTransports('an endpoint', (reach) => {
  describe('request', () => {
    it('knows the tenant by the path', async () => {
      const { agent } = await reach(app((request) => ({ issuer: request.tenant.issuer, path: request.path })))
      const post = (path: string) => agent.post(path).set(form).send('a=1')
      await post('/oauth2/token').expect(200, { issuer: PUBLIC_URL, path: '/oauth2/token' })
      await post('/t/acme/oauth2/token').expect(200, { issuer: ACME.issuer, path: '/t/acme/oauth2/token' })
    })

    it.each([
      'host',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-forwarded-prefix',
      'forwarded',
      'x-original-url',
      'x-rewrite-url',
    ])('is not impressed by a poisoned %s', async (name) => {
      const { raw } = await reach(app((request) => ({ issuer: request.tenant.issuer })))
      const hosts = name === 'host' ? 'Host: evil.example' : `Host: id.example.com\r\n${name}: evil.example/t/acme`
      const answer = await raw(
        `POST /oauth2/token HTTP/1.1\r\n${hosts}\r\nConnection: close\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 3\r\n\r\na=1`,
      )
      expect(answer).toContain(JSON.stringify({ issuer: DEFAULT_TENANT.issuer }))
      expect(answer).not.toContain('evil')
    })

    it('answers an unknown tenant like an unknown path', async () => {
      const { agent } = await reach(app())
      const tenant = await agent.post('/t/nobody/oauth2/token').set(form).send('a=1').expect(404)
      const path = await agent.post('/nothing').set(form).send('a=1').expect(404)
      expect(tenant.body).toEqual(path.body)
    })

    it('does not serve the default tenant under a prefix too', async () => {
      const { agent } = await reach(app())
      await agent.post('/t/default/oauth2/token').set(form).send('a=1').expect(404)
    })

    it('serves the absolute form of a URL, whatever host is in it', async () => {
      const { raw } = await reach(app())
      const answer = await raw(
        'GET http://evil.example/jwks HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
      )
      expect(answer).toMatch(/^HTTP\/1.1 200 /)
    })

    it('believes X-Forwarded-For as far as proxies are trusted', async () => {
      const address = (request: HttpRequest) => ({ address: request.address })
      const ask = async (trustedProxyHops: number) => {
        const { agent } = await reach(app(address, { trustedProxyHops }))
        const { body } = await agent
          .post('/oauth2/token')
          .set(form)
          .set('x-forwarded-for', '1.1.1.1, 203.0.113.9')
          .send('a=1')
        return body
      }
      expect(await ask(0)).toEqual({ address: '127.0.0.1' })
      expect(await ask(1)).toEqual({ address: '203.0.113.9' })
    })

    it('refuses more headers than it reads, so that none pushes a proxy out of sight', async () => {
      const { raw } = await reach(app((request) => ({ address: request.address }), { trustedProxyHops: 1 }))
      const ask = (fillers: number) => {
        const filler = Array.from({ length: fillers }, (_, at) => `x-${at}: a\r\n`).join('')
        const head = `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 3\r\n`
        return raw(`${head}X-Forwarded-For: 6.6.6.6\r\n${filler}X-Forwarded-For: 203.0.113.9\r\n\r\na=1`)
      }
      expect(await ask(94)).toContain('{"address":"203.0.113.9"}')
      for (const fillers of [95, 2000]) expect(await ask(fillers)).toMatch(/^HTTP\/1.1 431 [\s\S]*"invalid_request"/)
    })

    it.each(['authorization', 'content-type', 'host', 'origin'])('refuses two %s headers', async (name) => {
      const { raw } = await reach(app())
      const answer = await raw(
        `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\n${name}: a\r\nConnection: close\r\n${name.toUpperCase()}: b\r\nContent-Length: 3\r\n\r\na=1`,
      )
      expect(answer).toMatch(/^HTTP\/1.1 400 [\s\S]*"invalid_request"/)
    })

    it('logs 499 when the caller has hung up before the answer', async () => {
      const { untilGone, ask } = hangingUp()
      const application = app(untilGone)
      await ask(reach, application, 'GET /waits HTTP/1.1\r\nHost: a\r\n\r\n')
      await eventually(() =>
        expect(application.lines()).toMatchObject([{ route: 'waits', status: 499, reason: 'caller_gone' }]),
      )
    })

    it('does not call the handler when the caller hangs up within the body', async () => {
      const act = vi.fn()
      const application = app(act)
      const { open } = await reach(application)
      const socket = await open(
        `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 100\r\n\r\na=1`,
      )
      socket.destroy()
      await eventually(() => expect(application.lines()).toMatchObject([{ status: 499 }]))
      expect(act).not.toHaveBeenCalled()
    })
  })

  describe('method', () => {
    it('is refused with 405 as JSON and those allowed', async () => {
      const { agent } = await reach(app())
      for (const method of ['get', 'put', 'delete', 'patch', 'options'] as const) {
        const { headers, body } = await agent[method]('/oauth2/token').expect(405)
        expect([headers['allow'], body.error]).toEqual(['POST', 'invalid_request'])
      }
      const { headers } = await agent.post('/jwks').expect(405)
      expect(headers['allow']).toBe('GET, HEAD, OPTIONS')
    })

    it('HEAD is GET without the body', async () => {
      const { raw } = await reach(app())
      const answer = await raw('HEAD /jwks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      expect(answer).toMatch(/^HTTP\/1.1 200 /)
      expect(answer.toLowerCase()).toContain('content-length: 11\r\n')
      expect(answer.endsWith('\r\n\r\n')).toBe(true)
    })
  })

  describe('answer', () => {
    it('carries the security headers, its id, and no word about the software', async () => {
      const { agent } = await reach(app())
      for (const path of ['/jwks', '/nothing', '/t/nobody/jwks', '/oauth2/token']) {
        const { headers } = await agent.get(path)
        expect(headers).toMatchObject({
          'x-content-type-options': 'nosniff',
          'referrer-policy': 'no-referrer',
          'content-security-policy': expect.stringMatching(/^default-src 'none'; ?frame-ancestors 'none'$/),
          'strict-transport-security': 'max-age=31536000',
          'x-request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
        })
        expect(headers).not.toHaveProperty('x-powered-by')
        expect(headers).not.toHaveProperty('server')
      }
    })

    it('sends no HSTS where the server is reached by http', async () => {
      const { agent } = await reach(app(undefined, { publicUrl: 'http://127.0.0.1:3000' }))
      for (const path of ['/jwks', '/nothing']) {
        expect((await agent.get(path)).headers).not.toHaveProperty('strict-transport-security')
      }
    })

    it('is never stored unless it says so: errors of public documents too', async () => {
      const { agent } = await reach(app())
      const ask = async (path: string) => (await agent.get(path)).headers['cache-control']
      expect(await ask('/jwks')).toBe('public, max-age=60')
      for (const path of ['/gone', '/nothing', '/jwks/x.css', '/t/nobody/jwks', '/oauth2/token', '/split']) {
        expect([path, await ask(path)]).toEqual([path, 'no-store'])
      }
    })

    it('is 304 without a body for who has it already', async () => {
      const { agent } = await reach(app())
      const { headers } = await agent.get('/jwks').expect(200)
      const etag = headers['etag'] ?? ''
      for (const had of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await agent.get('/jwks').set('if-none-match', had).expect(304)
        expect(again.text).toBe('')
        expect(again.headers).toMatchObject({ etag, 'cache-control': 'public, max-age=60' })
        expect(again.headers).not.toHaveProperty('content-type')
      }
      await agent.get('/jwks').set('if-none-match', '"other"').expect(200)
    })

    it('is 500 when a handler would split it in two', async () => {
      const application = app()
      const { agent } = await reach(application)
      const { headers, body } = await agent.get('/split').expect(500)
      expect(body.error).toBe('server_error')
      expect(headers).not.toHaveProperty('set-cookie')
      expect(application.lines()).toMatchObject([{ status: 500, err: { code: 'ERR_INVALID_CHAR' } }])
    })

    it('is 503 when the handler takes too long', async () => {
      const application = app(() => new Promise(() => {}))
      const { agent } = await reach(application)
      const { headers, body } = await agent.get('/slow').expect(503)
      expect([body.error, headers['retry-after']]).toEqual(['temporarily_unavailable', '1'])
      expect(application.lines()).toMatchObject([{ reason: 'handler_timeout' }])
    })
  })

  describe('error', () => {
    const fails = (error: unknown) =>
      app(() => {
        throw error
      })

    it('of the protocol keeps its reason to the log', async () => {
      const application = fails(invalidGrant('refresh_token_forged'))
      const { agent } = await reach(application)
      const { text } = await agent.post('/oauth2/token').set(form).send('a=1').expect(400)
      expect(text).not.toContain('forged')
      expect(application.lines()).toMatchObject([{ status: 400, reason: 'refresh_token_forged' }])
    })

    it('that an operator can mend says how, in the log alone', async () => {
      const application = fails(
        invalidTarget('resource_ambiguous', { choices: ['https://a.example', 'https://b.example'] }),
      )
      const { agent } = await reach(application)
      const { text } = await agent.post('/oauth2/token').set(form).send('a=1').expect(400)
      expect(text).not.toContain('a.example')
      expect(application.lines()).toMatchObject([{ detail: { choices: ['https://a.example', 'https://b.example'] } }])
    })

    it('of client authentication challenges, RFC 9110 §15.5.2', async () => {
      const { agent } = await reach(fails(invalidClient('client_unknown')))
      const post = () => agent.post('/oauth2/token').set(form)
      const challenged = await post().set('authorization', 'Basic eDp5').send('a=1').expect(401)
      expect(challenged.headers['www-authenticate']).toBe('Basic realm="oauth2"')
      const plain = await post().send('a=1').expect(401)
      expect(plain.headers['www-authenticate']).toBe('Basic realm="oauth2"')
    })

    it('that nobody foresaw is 500 with the request id, and its detail is in the log alone', async () => {
      const application = fails(new Error('secret detail'))
      const { agent } = await reach(application)
      const { text, body, headers } = await agent.post('/oauth2/token').set(form).send('a=1').expect(500)
      expect(text).not.toContain('secret detail')
      expect(body.request_id).toBe(headers['x-request-id'])
      expect(application.lines()).toMatchObject([{ id: body.request_id, level: 50, err: { message: 'secret detail' } }])
    })
  })

  describe('log', () => {
    it('has one line per request, with nothing that the caller chose', async () => {
      const application = app((request) => {
        formParams(request)
        throw invalidGrant('refresh_token_forged')
      })
      const { agent } = await reach(application)
      const secret = 's3cret-value'
      await agent
        .post(`/t/acme/oauth2/token?client_secret=${secret}`)
        .set(form)
        .set({
          authorization: `Basic ${secret}`,
          cookie: secret,
          'user-agent': secret,
          referer: secret,
          origin: secret,
        })
        .set({ 'x-request-id': secret, 'x-forwarded-for': secret })
        .send(`refresh_token=${secret}&${secret}=1`)
        .expect(400)
      await agent.get(`/${secret}?${secret}`).expect(404)
      await eventually(() => expect(application.lines()).toHaveLength(2))
      expect(application.output()).not.toContain(secret)
      expect(application.lines()).toMatchObject([
        {
          method: 'POST',
          route: 'token',
          tenant: 'acme',
          status: 400,
          reason: 'parameters_in_url',
          ms: expect.any(Number),
        },
        { method: 'GET', route: 'none', status: 404, reason: 'no_such_path', ms: expect.any(Number) },
      ])
    })

    it('names every request by an id of ours, also in the answer', async () => {
      const application = app()
      const { agent } = await reach(application)
      const { headers } = await agent.get('/jwks').set('x-request-id', 'theirs')
      expect(headers['x-request-id']).not.toBe('theirs')
      expect(application.lines()).toMatchObject([{ id: headers['x-request-id'] }])
    })

    it('goes with one measurement by endpoint, status and time', async () => {
      const observe = vi.fn()
      const { agent } = await reach(app(undefined, { observe }))
      await agent.get('/jwks')
      await agent.get('/nothing')
      await eventually(() => expect(observe).toHaveBeenCalledTimes(2))
      expect(observe.mock.calls).toEqual([
        ['jwks', 200, expect.any(Number)],
        ['none', 404, expect.any(Number)],
      ])
    })
  })
})
