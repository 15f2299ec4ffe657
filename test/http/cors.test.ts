import { expect, it } from 'vitest'
import { json } from '../../src/http/handler.js'
import type { Route } from '../../src/http/route.js'
import { invalidGrant } from '../../src/oauth/errors.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'

const fail = async () => {
  throw invalidGrant('refresh_token_forged')
}
const routes: readonly Route<unknown>[] = [
  { name: 'jwks', path: '/jwks', cors: 'any', methods: { GET: async () => json(200, {}) } },
  { name: 'token', path: '/oauth2/token', cors: 'clients', body: 'form', methods: { POST: fail } },
  { name: 'introspect', path: '/introspect', body: 'form', methods: { POST: async () => json(200, {}) } },
]

const APP = 'https://app.example.com'
const ORIGINS = new Map([
  [DEFAULT_TENANT.id, [APP, 'null', 'capacitor://localhost']],
  [ACME.id, ['https://acme.example.com']],
])

const app = () =>
  testApp(routes, {
    deps: {},
    clients: { allowsOrigin: async (tenantId, origin) => ORIGINS.get(tenantId)?.includes(origin) ?? false },
  })

overBothTransports('CORS', (reach) => {
  const answerTo = async (origin: string | undefined, { path = '/oauth2/token', preflight = false } = {}) => {
    const { agent } = await reach(app())
    const call = preflight
      ? agent.options(path).set('access-control-request-method', 'POST').set('access-control-request-headers', 'x-evil')
      : path === '/jwks'
        ? agent.get(path)
        : agent.post(path).type('form').send('a=1')
    return origin === undefined ? await call : await call.set('origin', origin)
  }

  it('lets any page read a public document, the same answer for all', async () => {
    for (const origin of [undefined, APP, 'null', 'https://evil.example']) {
      const { headers } = await answerTo(origin, { path: '/jwks' })
      expect(headers['access-control-allow-origin']).toBe('*')
      expect(headers).not.toHaveProperty('vary')
    }
  })

  it("lets pages of the tenant's clients read answers, errors too", async () => {
    for (const origin of [APP, 'capacitor://localhost']) {
      const { status, headers } = await answerTo(origin)
      expect(status).toBe(400)
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'Origin' })
      expect(headers['access-control-expose-headers']).toContain('WWW-Authenticate')
    }
  })

  it.each([
    'https://evil.example',
    'https://app.example.com.evil.example',
    'https://app.example.com/',
    'https://APP.example.com',
    'http://app.example.com',
    'https://app.example.com:444',
    'https://acme.example.com',
    'null',
    '*',
    '__proto__',
  ])('lets %s read nothing, and tells caches that the origin decides', async (origin) => {
    for (const preflight of [false, true]) {
      const { headers } = await answerTo(origin, { preflight })
      expect(headers).not.toHaveProperty('access-control-allow-origin')
      expect(headers['vary']).toBe('Origin')
    }
  })

  it('says that the origin decides also where there is none', async () => {
    const { headers } = await answerTo(undefined)
    expect(headers['vary']).toBe('Origin')
  })

  it('keeps the origins of tenants apart', async () => {
    const path = '/t/acme/oauth2/token'
    expect((await answerTo(APP, { path })).headers).not.toHaveProperty('access-control-allow-origin')
    const { headers } = await answerTo('https://acme.example.com', { path })
    expect(headers['access-control-allow-origin']).toBe('https://acme.example.com')
  })

  it('answers a preflight with what the route takes, whatever was asked', async () => {
    const { status, headers, text } = await answerTo(APP, { preflight: true })
    expect({ status, text }).toEqual({ status: 204, text: '' })
    expect(headers).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization, Content-Type',
      'access-control-max-age': '600',
    })
  })

  it('never allows credentials', async () => {
    for (const path of ['/jwks', '/oauth2/token', '/introspect']) {
      for (const preflight of [false, true]) {
        const { headers } = await answerTo(APP, { path, preflight })
        expect(headers).not.toHaveProperty('access-control-allow-credentials')
      }
    }
  })

  it('lets no page read an endpoint that says nothing of CORS', async () => {
    const preflight = await answerTo(APP, { path: '/introspect', preflight: true })
    expect(preflight.status).toBe(405)
    for (const { headers } of [preflight, await answerTo(APP, { path: '/introspect' })]) {
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
  })
})
