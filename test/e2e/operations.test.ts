import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { secretsIn } from '../support/issued-secrets.js'
import { everyRefusal, type Issuer, issuerAt, type Party, type Tokens, tokensOf } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import {
  admin,
  type Environment,
  freePort,
  installation,
  type RunningServer,
  startServer,
  stopServers,
} from '../support/server.js'

let database: TestDatabase
let env: Environment
let server: RunningServer
let issuer: Issuer
let orders: Api
let ann: User
let service: Party

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url, { METRICS_PORT: String(await freePort()), LOG_LEVEL: 'trace' })
  server = await startServer(env)
  issuer = issuerAt(server.url, env['PUBLIC_URL'] ?? '')
  ;[orders, ann] = await Promise.all([registerApi(env, 'https://orders.example'), registerUser(env, 'ann@example.com')])
  const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
  service = await registerClient(env, '--first-party', '--api', orders.identifier, '--grace', '0', ...grants)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const metrics = (path = '/metrics') => fetch(`http://127.0.0.1:${env['METRICS_PORT']}${path}`)

/** One of everything that succeeds. */
async function use(): Promise<Tokens> {
  const first = tokensOf(await issuer.login(service, ann))
  const second = tokensOf(await issuer.refresh(service, first.refresh_token))
  tokensOf(await issuer.clientCredentials(service))
  await issuer.introspect(orders, second.access_token)
  await issuer.list(orders)
  return second
}

describe('the metrics', () => {
  it('are there on a port of their own alone', async () => {
    expect((await metrics()).status).toBe(200)
    expect((await metrics('/health/live')).status).toBe(404)
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404)
  })

  it('count requests, and how refreshing ended', async () => {
    const { refresh_token } = await use()
    await issuer.refresh(
      service,
      refresh_token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
    )
    tokensOf(await issuer.refresh(service, refresh_token))
    await issuer.refresh(service, refresh_token)
    const text = await (await metrics()).text()
    for (const line of [
      'bulla_http_request_duration_seconds_count{endpoint="token",status="200"}',
      'bulla_http_request_duration_seconds_count{endpoint="login",status="200"}',
      'bulla_http_request_duration_seconds_count{endpoint="token",status="400"}',
      'bulla_refresh_total{outcome="rotated"}',
      'bulla_refresh_total{outcome="forged"}',
      'bulla_refresh_total{outcome="reused"}',
    ]) {
      expect(
        Number(
          text
            .split('\n')
            .find((one) => one.startsWith(line))
            ?.slice(line.length),
        ),
        line,
      ).toBeGreaterThan(0)
    }
  })

  it('tell of the queue for passwords, the pool, the view, the keys and the event loop', async () => {
    const text = await (await metrics()).text()
    for (const name of [
      'bulla_argon2_jobs{state=',
      'bulla_pool_connections{state="open"}',
      'bulla_view_age_seconds',
      'bulla_key_age_seconds{',
      'nodejs_eventloop_lag_seconds',
    ]) {
      expect(text).toContain(`\n${name}`)
    }
  })
})

describe('the log', () => {
  const lines = () =>
    server
      .stdout()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  const requests = () => lines().filter(({ msg }) => msg === 'request')

  it('has one line of JSON for each request, with an id that its answer has too', async () => {
    const asked = [
      () => fetch(`${server.url}/jwks`),
      () => fetch(`${server.url}/nowhere`),
      () => fetch(`${server.url}/t/nobody/jwks`),
      () => fetch(`${server.url}/oauth2/token`),
      () => fetch(`${server.url}/oauth2/token`, { method: 'POST', body: 'x=y' }),
      () =>
        fetch(`${server.url}/auth/login`, {
          method: 'POST',
          body: '{',
          headers: { 'content-type': 'application/json' },
        }),
      () => fetch(`${server.url}/auth/login`, { method: 'OPTIONS' }),
      () =>
        fetch(`${server.url}/oauth2/revoke`, {
          method: 'POST',
          body: new URLSearchParams({ token: 'x'.repeat(200_000) }),
        }),
    ]
    const answers = []
    for (const ask of asked) answers.push(await ask())
    const ids = answers.map(({ headers }) => headers.get('x-request-id'))
    expect(new Set(ids).size).toBe(asked.length)
    // Lines of requests before these may still be on their way.
    const written = () => requests().filter(({ id }) => ids.includes(String(id)))
    await expect.poll(() => written().map(({ id }) => id)).toEqual(ids)
    expect(written().map(({ status }) => status)).toEqual(answers.map(({ status }) => status))
    expect(answers.map(({ status }) => status)).toEqual([200, 404, 404, 405, 415, 400, 204, 413])
  })

  it('has no secret in it, wherever somebody puts one, and nor has a metric or a refusal', async () => {
    const { access_token, refresh_token } = await use()
    const { password } = ann
    const secret = service.secret ?? ''
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const json = { 'content-type': 'application/json' }
    for (const held of [access_token, refresh_token, password, secret, orders.secret ?? '']) {
      await Promise.all([
        fetch(`${server.url}/oauth2/token?client_secret=${held}&refresh_token=${held}`, {
          method: 'POST',
          headers: form,
        }),
        fetch(`${server.url}/${held.slice(0, 1000)}`),
        fetch(`${server.url}/t/${held.slice(0, 60)}/jwks`),
        fetch(`${server.url}/jwks`, {
          headers: { authorization: `Bearer ${held}`, cookie: `s=${held}`, 'user-agent': held, 'x-request-id': held },
        }),
        fetch(`${server.url}/revocations?since=${held}`, { headers: { authorization: `Basic ${held}` } }),
        fetch(`${server.url}/oauth2/token`, {
          method: 'POST',
          headers: form,
          body: `grant_type=${held}&client_id=${held}`,
        }),
        fetch(`${server.url}/oauth2/token`, { method: 'POST', headers: form, body: `${held}=${held}` }),
        fetch(`${server.url}/auth/login`, { method: 'POST', headers: json, body: `{"password":"${held}"` }),
        fetch(`${server.url}/auth/login`, {
          method: 'POST',
          headers: json,
          body: JSON.stringify({
            client_id: service.id,
            client_secret: secret,
            username: held,
            password: held,
            scope: held,
          }),
        }),
        fetch(`${server.url}/auth/login`, {
          method: 'POST',
          headers: { ...json, origin: `https://${held.slice(0, 40)}` },
          body: '{}',
        }),
        issuer.introspect(orders, held),
        issuer.token(service, { grant_type: 'client_credentials', resource: held, scope: held }),
      ])
    }
    await admin(env, 'client', 'rotate-secret', '--id', service.id)
    await admin(env, 'revoke', `--token=${refresh_token}`)
    const trail = JSON.stringify(await admin(env, 'audit', 'list', '--limit', '1000'))
    const { found, of } = secretsIn([server.output(), await (await metrics()).text(), everyRefusal(), trail].join('\n'))
    expect(of).toBeGreaterThan(5)
    expect(found).toEqual([])
  })

  it('says when it starts and stops, in order though it is asked twice, as by Ctrl-C under npm', async () => {
    expect(lines()).toContainEqual(expect.objectContaining({ msg: 'listening', url: env['PUBLIC_URL'] }))
    server.process.kill('SIGTERM')
    expect(await server.stop('SIGINT')).toBe(0)
    expect(lines().filter(({ msg }) => msg === 'stopping')).toHaveLength(1)
    expect(lines().at(-1)).toMatchObject({ msg: 'stopping' })
  })
})
