import { expect, it } from 'vitest'
import { createAuthSessions } from '../../src/accounts/auth-session.js'
import type { SignInState } from '../../src/accounts/sign-in.js'
import { createEnvelope } from '../../src/crypto/envelope.js'
import { loginRoute } from '../../src/http/routes/login.js'
import { logoutRoute } from '../../src/http/routes/logout.js'
import type { Grants, Passwords, Users } from '../../src/oauth/ports.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'
import { createWorld } from '../support/ports.js'

const ANN = { id: '6f1c1d9e-5c0b-4f27-9d6b-2f4f5f3d8a11', username: 'ann@example.com', password: 'correct horse' }

function signInWorld() {
  const world = createWorld()
  const api = world.addApi()
  const payments = world.addApi({ scopes: ['payments:make'] })
  const client = world.addClient({
    public: true,
    firstParty: true,
    apis: [api.id, payments.id],
    origins: ['https://app.example.com'],
  })
  const known = { disabled: false, version: 1 }
  const users: Users = {
    forSignIn: async (tenantId, username, { clientId, apis }) => ({
      rev: 1_000,
      wide: 0,
      user:
        username === ANN.username && tenantId === DEFAULT_TENANT.id
          ? {
              id: ANN.id,
              credentialVersion: known.version,
              disabled: known.disabled,
              passwordHash: `hash of ${ANN.password}`,
            }
          : undefined,
      clientLive: (await world.ports.clients.find(tenantId, clientId ?? ''))?.disabled === false,
      liveApis: apis,
    }),
    upgradePassword: async () => 'upgraded',
  }
  const passwords: Passwords = {
    verify: async (password, phc) => ({ ok: phc === `hash of ${password}`, rehash: false }),
    hash: async (password) => `hash of ${password}`,
  }
  const make: Grants['make'] = async ({ tenantId: _, credentialVersion, rev, wide, ...grant }) => {
    if (credentialVersion !== 1) return { result: 'superseded' }
    const made = await world.addGrant(client, { ...grant, sessionId: undefined })
    return { result: 'made', grant: { ...made.grant, state: 'live', rev, wide } }
  }
  const authSessions = createAuthSessions<SignInState>(createEnvelope(Buffer.alloc(32, 1)), world.now, 'login')
  const deps = { ...world.ports, users, passwords, authSessions, grants: { ...world.ports.grants, make } }
  const app = testApp([loginRoute, logoutRoute], { deps, clients: world.ports.clients })
  const body = { client_id: client.id, username: ANN.username, password: ANN.password }
  return { world, app, deps, api, payments, client, known, body }
}

overBothTransports('POST /auth/login', (reach) => {
  it('gives a first-party client the token response for username and password', async () => {
    const { app, body, world } = signInWorld()
    const { agent } = await reach(app)
    const answer = await agent.post('/auth/login').send({ ...body, scope: 'orders:read' })
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'content-type': 'application/json' })
    expect(answer.body).toEqual({
      access_token: expect.any(String),
      refresh_token: expect.stringMatching(/^[\w-]{72}$/),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read',
    })
    const { grantId } = world.ports.refreshTokens.parse(answer.body.refresh_token) ?? { grantId: '' }
    expect(world.grant(grantId)).toMatchObject({ userId: ANN.id, scope: ['orders:read'], amr: ['pwd'] })
  })

  it('covers several APIs by one grant and gives a token for the first', async () => {
    const { app, body, api, payments, world } = signInWorld()
    const { agent } = await reach(app)
    const answer = await agent.post('/auth/login').send({ ...body, resource: [api.identifier, payments.identifier] })
    expect(answer.status).toBe(200)
    expect(answer.body.scope).toBe('orders:read orders:write')
    const { grantId } = world.ports.refreshTokens.parse(answer.body.refresh_token) ?? { grantId: '' }
    expect(world.grant(grantId)?.apis).toEqual([api.id, payments.id])
  })

  it.each([
    ['a name nobody has', { username: 'bob@example.com' }],
    ['a wrong password', { password: 'wrong' }],
    ['a disabled user', 'disabled'],
    ['a name of another tenant', 'tenant'],
  ])('answers %s with one and the same invalid_grant', async (_, change) => {
    const { app, body, known, world, api } = signInWorld()
    const { agent } = await reach(app)
    known.disabled = change === 'disabled'
    const there = world.addClient({
      tenant: ACME,
      public: true,
      firstParty: true,
      apis: [world.addApi({ tenant: ACME, id: api.id }).id],
    })
    const elsewhere = change === 'tenant'
    const answer = await agent.post(elsewhere ? '/t/acme/auth/login' : '/auth/login').send({
      ...body,
      scope: 'orders:read',
      ...(elsewhere && { client_id: there.id }),
      ...(typeof change === 'object' && change),
    })
    expect(answer.status).toBe(400)
    expect(answer.body).toEqual({
      error: 'invalid_grant',
      error_description: 'The grant is invalid, expired or revoked.',
    })
  })

  it('gives no tokens when the password changes while it is checked', async () => {
    const { app, body, known } = signInWorld()
    const { agent } = await reach(app)
    known.version = 2
    const answer = await agent.post('/auth/login').send({ ...body, scope: 'orders:read' })
    expect(answer.body).toMatchObject({ error: 'invalid_grant' })
    expect(app.lines().at(-1)).toMatchObject({ reason: 'credentials_superseded' })
  })

  it('asks for what is missing with an auth_session, and goes on from there', async () => {
    const { app, body, client } = signInWorld()
    const { agent } = await reach(app)
    const asked = await agent.post('/auth/login').send({ ...body, password: undefined, scope: 'orders:read' })
    expect(asked.status).toBe(403)
    expect(asked.body).toMatchObject({ error: 'insufficient_authorization', auth_session: expect.any(String) })
    const { auth_session } = asked.body
    const answer = await agent
      .post('/auth/login')
      .send({ client_id: client.id, auth_session, password: ANN.password, scope: 'orders:read' })
    expect(answer.status).toBe(200)
  })

  it('goes on with no auth_session but one of its own for this client', async () => {
    const { app, body, world, api } = signInWorld()
    const { agent } = await reach(app)
    const other = world.addClient({ public: true, firstParty: true, apis: [api.id] })
    const asked = await agent.post('/auth/login').send({ client_id: other.id, username: ANN.username })
    for (const auth_session of [asked.body.auth_session, 'made-up', `${asked.body.auth_session}A`]) {
      const answer = await agent
        .post('/auth/login')
        .send({ ...body, username: undefined, auth_session, scope: 'orders:read' })
      expect(answer.body).toMatchObject({ error: 'invalid_grant' })
      expect(app.lines().at(-1)).toMatchObject({ reason: 'auth_session_invalid' })
    }
  })

  it.each([
    ['is not first-party', { firstParty: false }, 'unauthorized_client'],
    ['is disabled', { disabled: true }, 'invalid_client'],
    ['can reach no API', { apis: [] }, 'invalid_target'],
  ])('refuses a client that %s, before any password is looked at', async (_, change, error) => {
    const { app, body, world, client } = signInWorld()
    const { agent } = await reach(app)
    world.update(client, change)
    const answer = await agent.post('/auth/login').send({ ...body, password: 'wrong' })
    expect(answer.body).toMatchObject({ error })
  })

  it('refuses a confidential client without its secret, and takes it with it', async () => {
    const { app, body, world, api } = signInWorld()
    const { agent } = await reach(app)
    const server = world.addClient({ firstParty: true, apis: [api.id] })
    const without = await agent.post('/auth/login').send({ ...body, client_id: server.id })
    expect(without.status).toBe(401)
    const withSecret = await agent
      .post('/auth/login')
      .send({ ...body, client_id: server.id, client_secret: server.secret })
    expect(withSecret.status).toBe(200)
    const basic = await agent
      .post('/auth/login')
      .auth(server.id, server.secret)
      .send({ ...body, client_id: undefined })
    expect(basic.status).toBe(200)
  })

  it('gives no refresh token to a client that may not refresh', async () => {
    const { app, body, world, client } = signInWorld()
    const { agent } = await reach(app)
    world.update(client, { grantTypes: [] })
    const answer = await agent.post('/auth/login').send({ ...body, scope: 'orders:read' })
    expect(answer.status).toBe(200)
    expect(answer.body).not.toHaveProperty('refresh_token')
  })

  it('issues nothing in a disabled tenant', async () => {
    const { deps, body, world } = signInWorld()
    world.disableTenant(DEFAULT_TENANT)
    const disabled = testApp([loginRoute], { deps, tenants: world.ports.tenants, clients: world.ports.clients })
    const { agent } = await reach(disabled)
    const answer = await agent.post('/auth/login').send({ ...body, scope: 'orders:read' })
    expect(answer.body).toMatchObject({ error: 'unauthorized_client' })
  })

  it.each([
    ['a form', 'application/x-www-form-urlencoded', 'client_id=x', 415],
    ['no JSON', 'application/json', '{', 400],
    ['a list', 'application/json', '[]', 400],
    ['a client_id that is no string', 'application/json', '{"client_id":{"$ne":1}}', 400],
    ['a member twice', 'application/json', '{"client_id":"x","client_id":"y"}', 400],
  ])('refuses %s', async (_, type, text, status) => {
    const { app } = signInWorld()
    const { agent } = await reach(app)
    const answer = await agent.post('/auth/login').set('content-type', type).send(text)
    expect(answer.status).toBe(status)
    expect(answer.body).toHaveProperty('error')
  })

  it('is open to the pages of its own client alone', async () => {
    const { app, body, world, api } = signInWorld()
    const { agent } = await reach(app)
    world.addClient({ public: true, firstParty: true, apis: [api.id], origins: ['https://other.example.com'] })
    const own = await agent
      .post('/auth/login')
      .set('origin', 'https://app.example.com')
      .send({ ...body, scope: 'orders:read' })
    expect(own.headers['access-control-allow-origin']).toBe('https://app.example.com')
    const other = await agent
      .post('/auth/login')
      .set('origin', 'https://other.example.com')
      .send({ ...body, scope: 'orders:read' })
    expect(other.body).toMatchObject({ error: 'unauthorized_client' })
    const stranger = await agent
      .post('/auth/login')
      .set('origin', 'https://evil.example')
      .send({ ...body, scope: 'orders:read' })
    expect(stranger.headers).not.toHaveProperty('access-control-allow-origin')
    expect(stranger.body).toMatchObject({ error: 'unauthorized_client' })
  })

  it('logs neither password nor token nor name', async () => {
    const { app, body } = signInWorld()
    const { agent } = await reach(app)
    const answer = await agent.post('/auth/login').send({ ...body, scope: 'orders:read' })
    await agent.post('/auth/login').send({ ...body, password: 'wr0ng-but-telling' })
    for (const secret of [
      ANN.password,
      'wr0ng-but-telling',
      ANN.username,
      answer.body.access_token,
      answer.body.refresh_token,
    ])
      expect(app.output()).not.toContain(secret)
  })
})

overBothTransports('POST /auth/logout', (reach) => {
  async function signedIn() {
    const all = signInWorld()
    const reached = await reach(all.app)
    const { body: tokens } = await reached.agent.post('/auth/login').send({ ...all.body, scope: 'orders:read' })
    const { grantId } = all.world.ports.refreshTokens.parse(tokens.refresh_token) ?? { grantId: '' }
    return { ...all, ...reached, tokens, revoked: () => all.world.grant(grantId)?.revoked }
  }

  it('ends the grant of a refresh token', async () => {
    const { agent, client, tokens, revoked } = await signedIn()
    const answer = await agent.post('/auth/logout').send({ client_id: client.id, refresh_token: tokens.refresh_token })
    expect([answer.status, answer.body, revoked()]).toEqual([200, {}, true])
  })

  it('ends the grant of the access token it is called with', async () => {
    const { agent, tokens, revoked } = await signedIn()
    const answer = await agent.post('/auth/logout').set('authorization', `Bearer ${tokens.access_token}`).send({})
    expect([answer.status, answer.body, revoked()]).toEqual([200, {}, true])
  })

  it('does nothing for an access token that has expired, and says the same', async () => {
    const { agent, tokens, revoked, world } = await signedIn()
    world.advance(301)
    const answer = await agent.post('/auth/logout').set('authorization', `Bearer ${tokens.access_token}`).send({})
    expect([answer.status, answer.body, revoked()]).toEqual([200, {}, false])
  })

  it('does nothing for a token of another client, of another tenant, or that is forged', async () => {
    const { agent, tokens, revoked, world, client } = await signedIn()
    const other = world.addClient({ public: true, firstParty: true })
    const there = world.addClient({ tenant: ACME, public: true, firstParty: true, id: client.id })
    const forged = `${tokens.refresh_token.slice(0, -1)}${tokens.refresh_token.endsWith('A') ? 'E' : 'A'}`
    const answers = [
      await agent.post('/auth/logout').send({ client_id: other.id, refresh_token: tokens.refresh_token }),
      await agent.post('/t/acme/auth/logout').send({ client_id: there.id, refresh_token: tokens.refresh_token }),
      await agent.post('/t/acme/auth/logout').set('authorization', `Bearer ${tokens.access_token}`).send({}),
      await agent.post('/auth/logout').send({ client_id: client.id, refresh_token: forged }),
      await agent.post('/auth/logout').send({ client_id: client.id, refresh_token: 'nonsense' }),
      await agent.post('/auth/logout').set('authorization', 'Bearer nonsense').send({}),
    ]
    expect(answers.map((answer) => [answer.status, answer.body])).toEqual(answers.map(() => [200, {}]))
    expect(revoked()).toBe(false)
  })

  it('asks for credentials when there are none', async () => {
    const { agent, client } = await signedIn()
    expect((await agent.post('/auth/logout').send({})).status).toBe(401)
    expect((await agent.post('/auth/logout').send({ client_id: client.id })).body).toMatchObject({
      error: 'invalid_request',
    })
  })
})
