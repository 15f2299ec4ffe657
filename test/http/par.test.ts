import { expect, it } from 'vitest'
import { authorizeRoute } from '../../src/http/routes/authorize.js'
import { parRoute } from '../../src/http/routes/par.js'
import type { Client } from '../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { CHALLENGE, firstPartyWorld, ORIGIN, REDIRECT_URI } from '../support/first-party.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic } from '../support/oauth-app.js'

type Form = Readonly<Record<string, string | readonly string[] | undefined>>

const encoded = (form: Form) => {
  const pairs = Object.entries(form).flatMap(([name, values]) => [values ?? []].flat().map((value) => [name, value]))
  return new URLSearchParams(pairs as [string, string][]).toString()
}

function scene(given: Partial<Client> = {}) {
  const all = firstPartyWorld(given)
  const { world, deps, client } = all
  const app = testApp([parRoute, authorizeRoute], { deps, tenants: world.ports.tenants, clients: world.ports.clients })
  const request = {
    response_type: 'code',
    client_id: client.id,
    redirect_uri: REDIRECT_URI,
    scope: 'orders:read',
    state: 'a state',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  }
  const push = (agent: Agent, change: Form = {}, headers: Record<string, string> = {}) =>
    agent
      .post('/oauth2/par')
      .type('form')
      .set(headers)
      .send(encoded({ ...request, ...change }))
  const pushed = async (agent: Agent, change: Form = {}, headers: Record<string, string> = {}) =>
    String((await push(agent, change, headers).expect(201)).body.request_uri)
  const authorize = (agent: Agent, asked: Form, cookie?: string) => {
    const call = agent.get(`/oauth2/authorize?${encoded({ client_id: client.id, ...asked })}`)
    return cookie === undefined ? call : call.set('cookie', cookie)
  }
  return { ...all, app, request, push, pushed, authorize, reason: () => app.lines().at(-1)?.['reason'] }
}

const answerOf = (location: string | undefined) => Object.fromEntries(new URL(location ?? '').searchParams)

overBothTransports('POST /oauth2/par', (reach) => {
  it('answers with a request_uri that nobody stores, and how long it is good for', async () => {
    const { app, push } = scene()
    const { agent } = await reach(app)
    const answer = await push(agent).expect(201)
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-cache, no-store',
    })
    expect(answer.body).toEqual({
      request_uri: expect.stringMatching(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/),
      expires_in: 90,
    })
  })

  it('keeps what was asked for, and nothing that the client proved itself with', async () => {
    const { app, world, pushed, deps, api } = scene()
    const server = world.addClient({ redirectUris: [REDIRECT_URI], apis: [api.id], grantTypes: ['authorization_code'] })
    const { agent } = await reach(app)
    const own = { client_id: server.id, client_secret: server.secret, username: 'ann', resource: [api.identifier] }
    const id = (await pushed(agent, own)).split(':').at(-1) ?? ''
    const kept = await deps.pushedRequests.find(DEFAULT_TENANT.id, { id, clientId: server.id })
    expect(kept).toEqual({
      response_type: ['code'],
      redirect_uri: [REDIRECT_URI],
      scope: ['orders:read'],
      state: ['a state'],
      code_challenge: [CHALLENGE],
      code_challenge_method: ['S256'],
      resource: [api.identifier],
    })
  })

  it('authenticates the client as the token endpoint does', async () => {
    const { app, push, world, api, client } = scene()
    const server = world.addClient({ redirectUris: [REDIRECT_URI], apis: [api.id], grantTypes: ['authorization_code'] })
    const { agent } = await reach(app)
    const as = { client_id: server.id }
    await push(agent, as, { authorization: basic(server) }).expect(201)
    for (const [change, headers, error, status] of [
      [as, {}, 'invalid_client', 401],
      [{ ...as, client_secret: 'wrong' }, {}, 'invalid_client', 401],
      [{ client_id: 'nobody' }, {}, 'invalid_client', 401],
      [{ client_id: client.id, client_secret: 'x' }, {}, 'invalid_client', 401],
      [{ client_id: undefined }, {}, 'invalid_client', 401],
      // Whose request it is must be said, and be who says it.
      [{ client_id: undefined }, { authorization: basic(server) }, 'invalid_request', 400],
      [{ client_id: client.id }, { authorization: basic(server) }, 'invalid_request', 400],
    ] as const) {
      const answer = await push(agent, change, headers)
      expect([answer.status, answer.body.error]).toEqual([status, error])
    }
    const { body } = await push(agent, { client_id: undefined }, { authorization: basic(server) })
    expect(body.error_description).toBe('client_id is required.')
  })

  it.each([
    ['a request_uri', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['a parameter twice', { scope: ['orders:read', 'orders:write'] }, 'invalid_request'],
    ['a redirect URI that is not registered', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['no code challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a plain code challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
    ['a scope that nobody has', { scope: 'payments:make' }, 'invalid_scope'],
    ['a resource that is not the client’s', { resource: 'https://else.example' }, 'invalid_target'],
    ['an ID token that is none as a hint', { id_token_hint: 'e30.e30.e30' }, 'invalid_request'],
  ])('refuses %s as JSON, as the authorization endpoint would', async (_, change, error) => {
    const { app, push } = scene()
    const { agent } = await reach(app)
    const answer = await push(agent, change)
    expect([answer.status, answer.body.error]).toEqual([400, error])
    expect(answer.headers).not.toHaveProperty('location')
  })

  it('refuses a client that has no codes, and one that names none of its redirect URIs', async () => {
    const [none, several] = [
      scene({ grantTypes: ['refresh_token'] }),
      scene({ redirectUris: [REDIRECT_URI, `${REDIRECT_URI}2`] }),
    ]
    const first = await none.push((await reach(none.app)).agent)
    expect([first.status, first.body.error]).toEqual([400, 'unauthorized_client'])
    const second = await several.push((await reach(several.app)).agent, { redirect_uri: undefined })
    expect([second.status, second.body.error]).toEqual([400, 'invalid_request'])
  })

  it('issues nothing in a disabled tenant', async () => {
    const { app, push, world } = scene()
    world.disableTenant(DEFAULT_TENANT)
    const { agent } = await reach(app)
    expect((await push(agent)).body.error).toBe('unauthorized_client')
  })

  it('takes POST alone, a form alone, and no more than 16 KiB of it', async () => {
    const { app, push } = scene()
    const { agent } = await reach(app)
    for (const method of ['get', 'put', 'delete'] as const) {
      const answer = await agent[method]('/oauth2/par').expect(405)
      expect(answer.headers['allow']).toBe('POST, OPTIONS')
    }
    await agent.post('/oauth2/par').send({ client_id: 'x' }).expect(415)
    await push(agent, { state: 'x'.repeat(17_000) }).expect(413)
    await agent.post('/oauth2/par?client_id=x').type('form').send('a=1').expect(400)
  })

  it('tells an address that pushes too much without proving who it is to come back later', async () => {
    const { app, push, deps, world, api } = scene()
    const server = world.addClient({ redirectUris: [REDIRECT_URI], apis: [api.id], grantTypes: ['authorization_code'] })
    Object.assign(deps.throttle, { flowBegun: async () => ({ retryAfter: 60 }) })
    const { agent } = await reach(app)
    const answer = await push(agent).expect(429)
    expect(answer.headers['retry-after']).toBe('60')
    await push(agent, { client_id: server.id }, { authorization: basic(server) }).expect(201)
  })

  it('is open to the pages of its own client alone', async () => {
    const { app, push, world } = scene()
    world.addClient({ public: true, origins: ['https://other.example.com'] })
    const { agent } = await reach(app)
    const own = await push(agent, {}, { origin: ORIGIN }).expect(201)
    expect(own.headers['access-control-allow-origin']).toBe(ORIGIN)
    expect((await push(agent, {}, { origin: 'https://other.example.com' })).body.error).toBe('unauthorized_client')
  })

  it('logs nothing of the request', async () => {
    const { app, pushed } = scene()
    const { agent } = await reach(app)
    const uri = await pushed(agent)
    for (const secret of ['a state', CHALLENGE, uri.split(':').at(-1) ?? '']) expect(app.output()).not.toContain(secret)
  })
})

overBothTransports('GET /oauth2/authorize with a pushed request', (reach) => {
  it('goes by what was pushed, whatever stands beside it', async () => {
    const { app, pushed, authorize, signedIn } = scene()
    const { agent } = await reach(app)
    const request_uri = await pushed(agent)
    const beside = {
      state: 'other',
      scope: 'payments:make',
      redirect_uri: 'https://evil.example/',
      prompt: ['none', 'x'],
    }
    const answer = await authorize(agent, { request_uri, ...beside }, await signedIn()).expect(303)
    expect(answer.headers['location']).toMatch(`${REDIRECT_URI}?code=`)
    expect(answerOf(answer.headers['location'])).toMatchObject({ state: 'a state', iss: DEFAULT_TENANT.issuer })
  })

  it('may be loaded again before sign-in, and is used once', async () => {
    const { app, pushed, authorize, signedIn } = scene()
    const { agent } = await reach(app)
    const request_uri = await pushed(agent)
    for (let visit = 0; visit < 2; visit++) {
      const { headers } = await authorize(agent, { request_uri }).expect(303)
      expect(headers['location']).toMatch(/^\/sign-in\//)
    }
    const cookie = await signedIn()
    const both = await Promise.all([1, 2].map(() => authorize(agent, { request_uri }, cookie)))
    expect(both.filter(({ headers }) => headers['location']?.includes('code='))).toHaveLength(1)
    const again = await authorize(agent, { request_uri }, cookie)
    expect([again.status, again.headers['location']]).toEqual([400, undefined])
  })

  it.each([
    ['of another client', 'client'],
    ['of another tenant', 'tenant'],
    ['that is over', 'over'],
    ['that nobody pushed', 'unknown'],
    ['given twice', 'twice'],
  ])('shows a page and goes nowhere for one %s', async (_, which) => {
    const { app, pushed, world, request, client, api, signedIn } = scene()
    const { agent } = await reach(app)
    const other = world.addClient({ ...client, id: 'other' })
    world.addClient({
      ...client,
      tenant: ACME,
      tenantId: ACME.id,
      apis: [world.addApi({ tenant: ACME, id: api.id }).id],
    })
    const uri = await pushed(agent)
    if (which === 'over') world.advance(90)
    const query = {
      ...request,
      client_id: which === 'client' ? other.id : client.id,
      request_uri: which === 'unknown' ? `${uri}x` : which === 'twice' ? [uri, uri] : uri,
    }
    const path = which === 'tenant' ? '/t/acme/oauth2/authorize' : '/oauth2/authorize'
    const answer = await agent.get(`${path}?${encoded(query)}`).set('cookie', await signedIn())
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined])
    expect(answer.headers['content-type']).toMatch('text/html')
  })

  it('sends nobody to a redirect URI that the client has lost since', async () => {
    const { app, pushed, authorize, world, client, signedIn } = scene()
    const { agent } = await reach(app)
    const request_uri = await pushed(agent)
    world.update(client, { redirectUris: [`${ORIGIN}/elsewhere`] })
    const answer = await authorize(agent, { request_uri }, await signedIn())
    expect([answer.status, answer.headers['location']]).toEqual([400, undefined])
  })

  it('tells a client that must push, and has not', async () => {
    for (const by of ['client', 'server'] as const) {
      const { app, deps, request, authorize, pushed, signedIn } = scene({ requirePushedRequests: by === 'client' })
      Object.assign(deps.browserPolicy, { requirePushedRequests: by === 'server' })
      const { agent } = await reach(app)
      const cookie = await signedIn()
      const refused = await authorize(agent, request, cookie).expect(303)
      expect(answerOf(refused.headers['location'])).toMatchObject({ error: 'invalid_request', state: 'a state' })
      const { headers } = await authorize(agent, { request_uri: await pushed(agent) }, cookie).expect(303)
      expect(answerOf(headers['location'])).toHaveProperty('code')
    }
  })

  it('refuses a request_uri of any other kind, to the client', async () => {
    const { app, request, authorize } = scene()
    const { agent } = await reach(app)
    const answer = await authorize(agent, { ...request, request_uri: 'https://client.example/request.jwt' }).expect(303)
    expect(answerOf(answer.headers['location'])).toMatchObject({ error: 'request_uri_not_supported' })
  })
})
