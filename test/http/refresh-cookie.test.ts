import { expect, it } from 'vitest'
import { loginRoute } from '../../src/http/routes/login.js'
import { logoutRoute } from '../../src/http/routes/logout.js'
import { refreshRoute } from '../../src/http/routes/refresh.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import type { Client } from '../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT, PUBLIC_URL, testApp } from '../support/app.js'
import { ANN, firstPartyWorld, ORIGIN } from '../support/first-party.js'
import { type Agent, overBothTransports } from '../support/http.js'

const PAGE = { origin: ORIGIN, 'x-requested-with': 'bulla' }
const COOKIE =
  /^__Host-bulla\.refresh\.[\w-]{22}=([\w-]{72}); Path=\/; Max-Age=(\d+); HttpOnly; SameSite=Strict; Secure$/

type Headers = Readonly<Record<string, string | undefined>>

function scene(given: Partial<Client> = {}) {
  const all = firstPartyWorld(given)
  const { world, deps, client } = all
  const routes = [loginRoute, refreshRoute, logoutRoute, tokenRoute]
  const app = testApp(routes, { deps, tenants: world.ports.tenants, clients: world.ports.clients })
  const call = (agent: Agent, path: string, { body = {}, headers = {} }: { body?: object; headers?: Headers }) => {
    const set = Object.entries({ ...PAGE, ...headers }).filter((one): one is [string, string] => one[1] !== undefined)
    return agent
      .post(path)
      .set(Object.fromEntries(set))
      .send({ client_id: client.id, ...body })
  }
  const login = (agent: Agent, body: object = {}, headers: Headers = {}) => {
    const all = { ...ANN, scope: 'orders:read', refresh_token_delivery: 'cookie', ...body }
    return call(agent, '/auth/login', { body: all, headers })
  }
  const refresh = (agent: Agent, cookie: string | undefined, headers: Headers = {}) =>
    call(agent, '/auth/refresh', { headers: { cookie, ...headers } })
  const logout = (agent: Agent, cookie: string | undefined, headers: Headers = {}) =>
    call(agent, '/auth/logout', { headers: { cookie, ...headers } })
  const signIn = async (agent: Agent) => cookieOf(await login(agent).expect(200))
  const grantOf = (cookie: string) => {
    const { grantId } = world.ports.refreshTokens.parse(cookie.split('=')[1] ?? '') ?? { grantId: '' }
    return world.grant(grantId)
  }
  return { ...all, app, call, login, refresh, logout, signIn, grantOf, reason: () => app.lines().at(-1)?.['reason'] }
}

const setCookie = ({ headers }: { headers: Record<string, unknown> }) => String([headers['set-cookie'] ?? ''].flat()[0])
const cookieOf = (answer: { headers: Record<string, unknown> }) => setCookie(answer).split(';', 1)[0] ?? ''
const isForgotten = (answer: { headers: Record<string, unknown> }) => /=; Path=\/; Max-Age=0;/.test(setCookie(answer))

overBothTransports('a refresh token in a cookie', (reach) => {
  it('is given to the browser alone, for as long as its grant lasts', async () => {
    const { app, login } = scene()
    const { agent } = await reach(app)
    const answer = await login(agent).expect(200)
    expect(Object.keys(answer.body)).toEqual(['access_token', 'token_type', 'expires_in', 'scope'])
    const [, token, maxAge] = COOKIE.exec(setCookie(answer)) ?? []
    expect([token?.length, maxAge]).toEqual([72, '2592000'])
    expect(answer.text).not.toContain(token)
  })

  it('has neither prefix nor Secure where the server is on http', async () => {
    const { world, deps, login } = scene()
    const local = { ...DEFAULT_TENANT, issuer: 'http://localhost:3000' }
    const tenants = { find: async () => local }
    const app = testApp([loginRoute], { deps, tenants, clients: world.ports.clients, publicUrl: local.issuer })
    const { agent } = await reach(app)
    expect(setCookie(await login(agent))).toMatch(
      /^bulla\.refresh\.[\w-]{22}=[\w-]{72}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/,
    )
  })

  it('comes in the body where nothing else was asked for, and no cookie with it', async () => {
    const { app, login } = scene()
    const { agent } = await reach(app)
    for (const refresh_token_delivery of [undefined, 'body']) {
      const answer = await login(agent, { refresh_token_delivery }, { origin: undefined }).expect(200)
      expect(answer.body).toHaveProperty('refresh_token')
      expect(answer.headers).not.toHaveProperty('set-cookie')
    }
    await login(agent, { refresh_token_delivery: 'carrier pigeon' }).expect(400)
  })

  it('is exchanged for an access token and its successor', async () => {
    const { app, signIn, refresh, world, grantOf } = scene()
    const { agent } = await reach(app)
    const first = await signIn(agent)
    world.advance(100)
    const answer = await refresh(agent, first).expect(200)
    expect(Object.keys(answer.body)).toEqual(['access_token', 'token_type', 'expires_in', 'scope'])
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
    // Rotation never extends what the first was good for.
    expect(COOKIE.exec(setCookie(answer))?.[2]).toBe('2591900')
    expect(cookieOf(answer)).not.toBe(first)
    expect(grantOf(first)).toMatchObject({ generation: 1, revoked: false })
  })

  it('brings an ID token where the grant is about who the user is', async () => {
    const { app, signIn, refresh, world, ann, client, api } = scene()
    const { agent } = await reach(app)
    const name = (await signIn(agent)).split('=')[0]
    const about = { userId: ann.id, apis: [api.id], scope: ['openid', 'orders:read'] }
    const { refreshToken } = await world.addGrant(client, about)
    const { body } = await refresh(agent, `${name}=${refreshToken}`).expect(200)
    expect(body.id_token).toMatch(ann.id)
  })

  it('gives two tabs that refresh at once the same successor', async () => {
    const { app, signIn, refresh, grantOf } = scene()
    const { agent } = await reach(app)
    const first = await signIn(agent)
    const answers = await Promise.all([1, 2].map(() => refresh(agent, first).expect(200)))
    expect(new Set(answers.map(cookieOf)).size).toBe(1)
    expect(grantOf(first)).toMatchObject({ generation: 1, revoked: false })
  })

  it('ends the grant when a spent one comes back, and is forgotten', async () => {
    const { app, signIn, refresh, world, grantOf } = scene()
    const { agent } = await reach(app)
    const stolen = await signIn(agent)
    const current = cookieOf(await refresh(agent, stolen).expect(200))
    world.advance(11)
    const replayed = await refresh(agent, stolen).expect(400)
    expect([replayed.body.error, isForgotten(replayed), grantOf(stolen)?.revoked]).toEqual([
      'invalid_grant',
      true,
      true,
    ])
    expect((await refresh(agent, current)).body.error).toBe('invalid_grant')
  })

  it('is kept through every refusal that it may outlive', async () => {
    const { app, signIn, call, world, client, deps, grantOf } = scene()
    const { agent } = await reach(app)
    const cookie = await signIn(agent)
    const { grants } = deps
    for (const [error, body, happens] of [
      ['invalid_scope', { scope: 'payments:make' }, () => {}],
      ['invalid_target', { resource: 'https://else.example' }, () => {}],
      [
        'too_many_requests',
        {},
        () => Object.assign(grants, { refresh: async () => ({ result: 'crowded', retryAfter: 9 }) }),
      ],
      ['unauthorized_client', {}, () => world.update(client, { grantTypes: [] })],
    ] as const) {
      happens()
      const answer = await call(agent, '/auth/refresh', { body, headers: { cookie } })
      expect([answer.body.error, answer.headers['set-cookie']]).toEqual([error, undefined])
    }
    expect(grantOf(cookie)?.revoked).toBe(false)
  })

  it('is asked for where there is none, and nothing is forgotten', async () => {
    const { app, refresh, reason } = scene()
    const { agent } = await reach(app)
    const answer = await refresh(agent, undefined).expect(400)
    expect([answer.body.error, answer.headers['set-cookie'], reason()]).toEqual([
      'invalid_grant',
      undefined,
      'refresh_cookie_missing',
    ])
  })

  it('counts for nothing when it is there twice', async () => {
    const { app, signIn, refresh, reason, grantOf } = scene()
    const { agent } = await reach(app)
    const [mine, planted] = [await signIn(agent), await signIn(agent)]
    const answer = await refresh(agent, `${mine}; ${planted}`).expect(400)
    expect([answer.body.error, reason()]).toEqual(['invalid_request', 'refresh_cookie_repeated'])
    expect([grantOf(mine)?.generation, grantOf(planted)?.generation]).toEqual([0, 0])
  })

  it('of another client or tenant is not looked at, under whatever name', async () => {
    const { app, signIn, call, world, client, api, grantOf, refresh } = scene()
    const { agent } = await reach(app)
    const mine = await signIn(agent)
    const other = world.addClient({ ...client, id: 'other' })
    const there = { apis: [world.addApi({ tenant: ACME, id: api.id }).id] }
    world.addClient({ ...client, tenant: ACME, tenantId: ACME.id, ...there })
    const attempts = [
      await call(agent, '/auth/refresh', { body: { client_id: other.id }, headers: { cookie: mine } }),
      await call(agent, '/t/acme/auth/refresh', { headers: { cookie: mine } }),
      await call(agent, '/auth/logout', { body: { client_id: other.id }, headers: { cookie: mine } }),
      await call(agent, '/t/acme/auth/logout', { headers: { cookie: mine } }),
    ]
    expect(attempts.map(({ status }) => status)).toEqual([400, 400, 200, 200])
    const reasons = app.lines().map((line) => line['reason'])
    expect(reasons.filter((one) => one === 'refresh_cookie_missing')).toHaveLength(2)
    // Renamed by hand it is still another client's.
    const ofOther = await call(agent, '/auth/login', {
      body: { ...ANN, client_id: other.id, refresh_token_delivery: 'cookie' },
    })
    const renamed = `${cookieOf(ofOther).split('=')[0]}=${mine.split('=')[1]}`
    const answer = await call(agent, '/auth/refresh', { body: { client_id: other.id }, headers: { cookie: renamed } })
    expect(answer.body.error).toBe('invalid_grant')
    expect(grantOf(mine)).toMatchObject({ generation: 0, revoked: false })
    await refresh(agent, mine).expect(200)
  })

  it.each([
    ['without an origin', { origin: undefined }, 403],
    ['from a sandboxed page', { origin: 'null' }, 400],
    ['from a page of another client', { origin: 'https://other.example.com' }, 400],
    ['from a page of nobody', { origin: 'https://evil.example' }, 400],
    ['without the header of a script', { 'x-requested-with': undefined }, 403],
    ['with another', { 'x-requested-with': 'XMLHttpRequest' }, 403],
  ])('is neither given nor taken %s', async (_, headers, status) => {
    const { app, signIn, login, refresh, world, client, grantOf } = scene()
    world.addClient({ ...client, id: 'other', origins: ['https://other.example.com'] })
    const { agent } = await reach(app)
    const cookie = await signIn(agent)
    for (const answer of [await login(agent, {}, headers), await refresh(agent, cookie, headers)]) {
      expect([answer.status, answer.headers['set-cookie']]).toEqual([status, undefined])
    }
    expect(grantOf(cookie)?.generation).toBe(0)
  })

  it('is given to a page of the server’s own', async () => {
    const { app, login } = scene()
    const { agent } = await reach(app)
    expect(setCookie(await login(agent, {}, { origin: PUBLIC_URL }).expect(200))).toMatch(COOKIE)
  })

  it.each([
    ['is confidential', { public: false }],
    ['has no pages', { origins: [] }],
    ['is not first-party', { firstParty: false }],
  ])('is not given to a client that %s', async (_, change) => {
    const { app, login, refresh, world, client } = scene()
    const { agent } = await reach(app)
    world.update(client, { ...change, secretHashes: client.secretHashes })
    for (const answer of [
      await login(agent, {}, { origin: PUBLIC_URL }),
      await refresh(agent, undefined, { origin: PUBLIC_URL }),
    ]) {
      expect([400, 401]).toContain(answer.status)
      expect(answer.headers).not.toHaveProperty('set-cookie')
    }
  })

  it('is taken as JSON alone, which no form can send', async () => {
    const { app, signIn, client } = scene()
    const { agent } = await reach(app)
    const cookie = await signIn(agent)
    const form = agent.post('/auth/refresh').set({ ...PAGE, cookie })
    await form.type('form').send({ client_id: client.id }).expect(415)
    await agent
      .post('/auth/refresh')
      .set({ ...PAGE, cookie, 'content-type': 'text/plain' })
      .send('{}')
      .expect(415)
  })

  it('ends when another sign-in takes its place', async () => {
    const { app, signIn, login, grantOf } = scene()
    const { agent } = await reach(app)
    const before = await signIn(agent)
    await login(agent, { password: 'wrong' }, { cookie: before }).expect(400)
    expect(grantOf(before)?.revoked).toBe(false)
    const after = cookieOf(await login(agent, {}, { cookie: before }).expect(200))
    expect([grantOf(before)?.revoked, grantOf(after)?.revoked]).toEqual([true, false])
  })

  it('ends its grant at sign-out, and is forgotten', async () => {
    const { app, signIn, logout, refresh, grantOf } = scene()
    const { agent } = await reach(app)
    const cookie = await signIn(agent)
    const answer = await logout(agent, cookie).expect(200, {})
    expect([isForgotten(answer), grantOf(cookie)?.revoked]).toEqual([true, true])
    expect((await refresh(agent, cookie)).body.error).toBe('invalid_grant')
    await logout(agent, cookie).expect(200, {})
    await logout(agent, undefined).expect(200, {})
    const [mine, planted] = [await signIn(agent), await signIn(agent)]
    await logout(agent, `${mine}; ${planted}`).expect(200, {})
    expect([grantOf(mine)?.revoked, grantOf(planted)?.revoked]).toEqual([true, true])
  })

  it.each([
    ['without an origin', { origin: undefined }],
    ['from a page of nobody', { origin: 'https://evil.example' }],
    ['without the header of a script', { 'x-requested-with': undefined }],
  ])('ends nothing at a sign-out %s', async (_, headers) => {
    const { app, signIn, logout, grantOf } = scene()
    const { agent } = await reach(app)
    const cookie = await signIn(agent)
    const answer = await logout(agent, cookie, headers)
    expect([answer.status >= 400, answer.headers['set-cookie'], grantOf(cookie)?.revoked]).toEqual([
      true,
      undefined,
      false,
    ])
  })

  it('may be sent by pages of the tenant’s clients, who are told so at three endpoints', async () => {
    const { app, world, login } = scene()
    world.addClient({ public: true, origins: ['https://other.example.com'] })
    const { agent } = await reach(app)
    for (const path of ['/auth/login', '/auth/refresh', '/auth/logout']) {
      const { headers } = await agent.options(path).set('origin', ORIGIN).expect(204)
      expect(headers).toMatchObject({
        'access-control-allow-origin': ORIGIN,
        'access-control-allow-credentials': 'true',
        'access-control-allow-headers': 'Authorization, Content-Type, X-Requested-With',
        vary: 'Origin',
      })
      const stranger = await agent.options(path).set('origin', 'https://evil.example')
      expect(Object.keys(stranger.headers).filter((name) => /allow-(?:origin|credentials)/.test(name))).toEqual([])
    }
    expect((await login(agent)).headers['access-control-allow-credentials']).toBe('true')
    const { headers } = await agent.options('/oauth2/token').set('origin', ORIGIN)
    expect(headers).not.toHaveProperty('access-control-allow-credentials')
  })

  it('is logged nowhere', async () => {
    const { app, signIn, refresh } = scene()
    const { agent } = await reach(app)
    const cookies = [await signIn(agent)]
    cookies.push(cookieOf(await refresh(agent, cookies[0])))
    for (const cookie of cookies) expect(app.output()).not.toContain(cookie.split('=')[1])
  })
})
