import { expect, it } from 'vitest'
import { authorizeRoute } from '../../src/http/routes/authorize.js'
import { authorizeChallengeRoute } from '../../src/http/routes/authorize-challenge.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import type { Client } from '../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { ANN, CHALLENGE, firstPartyWorld, ORIGIN, REDIRECT_URI, VERIFIER } from '../support/first-party.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic } from '../support/oauth-app.js'

type Form = Readonly<Record<string, string | undefined>>

const PATH = '/oauth2/authorize-challenge'
const CREDENTIALS = { username: ANN.username, password: ANN.password }
const given = (form: Form) => Object.fromEntries(Object.entries(form).filter(([, value]) => value !== undefined))

function scene(client: Partial<Client> = {}) {
  const all = firstPartyWorld(client)
  const { world, deps } = all
  const routes = [authorizeChallengeRoute, tokenRoute, authorizeRoute]
  const app = testApp(routes, { deps, tenants: world.ports.tenants, clients: world.ports.clients })
  const request = {
    response_type: 'code',
    client_id: all.client.id,
    scope: 'orders:read',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  }
  const ask = (agent: Agent, change: Form = {}, path = PATH) =>
    agent
      .post(path)
      .type('form')
      .send(given({ ...request, ...change }))
  const goOn = (agent: Agent, form: Form) =>
    agent
      .post(PATH)
      .type('form')
      .send(given({ client_id: all.client.id, ...form }))
  const redeem = (agent: Agent, code: string, change: Form = {}) =>
    agent
      .post('/oauth2/token')
      .type('form')
      .send(
        given({
          grant_type: 'authorization_code',
          client_id: all.client.id,
          code,
          code_verifier: VERIFIER,
          ...change,
        }),
      )
  return { ...all, app, request, ask, goOn, redeem, reason: () => app.lines().at(-1)?.['reason'] }
}

overBothTransports('POST /oauth2/authorize-challenge', (reach) => {
  it('gives a first-party app a code for username and password, which the token endpoint takes', async () => {
    const { app, ask, redeem, world, ann } = scene()
    const { agent } = await reach(app)
    const answer = await ask(agent, { ...CREDENTIALS, scope: 'openid orders:read', nonce: 'n' }).expect(200)
    expect(answer.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
    expect(answer.body).toEqual({ authorization_code: expect.stringMatching(/^[\w-]{43}$/) })
    const { body } = await redeem(agent, answer.body.authorization_code).expect(200)
    expect(body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read', id_token: `id token of ${ann.id} for n` })
    const { grantId } = world.ports.refreshTokens.parse(body.refresh_token) ?? { grantId: '' }
    expect(world.grant(grantId)).toMatchObject({ userId: ann.id, amr: ['pwd'], acr: '1', sessionId: undefined })
  })

  it('gives a code that only the verifier redeems, once, and with no other redirect URI', async () => {
    const { app, ask, redeem } = scene()
    const { agent } = await reach(app)
    const code = async () => String((await ask(agent, CREDENTIALS).expect(200)).body.authorization_code)
    for (const change of [
      { code_verifier: VERIFIER.replace('a', 'b') },
      { code_verifier: undefined },
      { redirect_uri: 'https://evil.example/' },
    ]) {
      expect((await redeem(agent, await code(), change)).body.error).toBe('invalid_grant')
    }
    const once = await code()
    await redeem(agent, once, { redirect_uri: REDIRECT_URI }).expect(200)
    expect((await redeem(agent, once)).body.error).toBe('invalid_grant')
  })

  it('holds a code of no redirect URI to none', async () => {
    const { app, ask, redeem } = scene({ redirectUris: [REDIRECT_URI, `${REDIRECT_URI}2`] })
    const { agent } = await reach(app)
    const { body } = await ask(agent, CREDENTIALS).expect(200)
    expect((await redeem(agent, body.authorization_code, { redirect_uri: REDIRECT_URI })).body.error).toBe(
      'invalid_grant',
    )
    await redeem(agent, body.authorization_code).expect(200)
  })

  it('asks for what is missing with 403 and an auth_session that holds the request', async () => {
    const { app, ask, goOn, redeem, world } = scene()
    const { agent } = await reach(app)
    const first = await ask(agent).expect(403)
    expect(first.body).toEqual({
      error: 'insufficient_authorization',
      error_description: expect.any(String),
      auth_session: expect.any(String),
    })
    const second = await goOn(agent, { auth_session: first.body.auth_session, username: ANN.username }).expect(403)
    expect(second.body.auth_session).not.toBe(first.body.auth_session)
    const last = { auth_session: second.body.auth_session, password: ANN.password }
    const { body } = await goOn(agent, last).expect(200)
    const tokens = (await redeem(agent, body.authorization_code).expect(200)).body
    expect(tokens.scope).toBe('orders:read')
    world.advance(600)
    const late = await goOn(agent, last).expect(400)
    expect(late.body.error).toBe('invalid_session')
  })

  it('takes a login_hint for the username, and no other username after it', async () => {
    const { app, ask, goOn } = scene()
    const { agent } = await reach(app)
    const { body } = await ask(agent, { login_hint: ANN.username }).expect(403)
    const other = await goOn(agent, { auth_session: body.auth_session, ...CREDENTIALS, username: 'bob@example.com' })
    expect(other.body.error).toBe('invalid_request')
    await goOn(agent, { auth_session: body.auth_session, password: ANN.password }).expect(200)
  })

  it.each([
    ['another code challenge', { code_challenge: 'B'.repeat(43) }],
    ['another scope', { scope: 'orders:write' }],
    ['something that was not asked before', { nonce: 'n' }],
  ])('takes an auth_session for no request but its own: %s', async (_, change) => {
    const { app, ask, reason } = scene()
    const { agent } = await reach(app)
    const { auth_session } = (await ask(agent).expect(403)).body
    await ask(agent, { auth_session, ...CREDENTIALS }).expect(200)
    const answer = await ask(agent, { auth_session, ...CREDENTIALS, ...change }).expect(400)
    expect([answer.body.error, reason()]).toEqual(['invalid_session', 'auth_session_of_other_request'])
  })

  it('takes no auth_session but one of its own, for this client, at this tenant', async () => {
    const { app, ask, goOn, world, client, api, deps } = scene()
    const { agent } = await reach(app)
    const other = world.addClient({ ...client, id: 'other' })
    world.addClient({
      ...client,
      tenant: ACME,
      tenantId: ACME.id,
      apis: [world.addApi({ tenant: ACME, id: api.id }).id],
    })
    const ofLogin = deps.authSessions.issue({ username: ANN.username }, { tenant: DEFAULT_TENANT, client })
    const { auth_session: ofOther } = (await ask(agent, { client_id: other.id }).expect(403)).body
    const { auth_session: ofTenant } = (await ask(agent, {}, `/t/acme${PATH}`).expect(403)).body
    const { auth_session: own } = (await ask(agent).expect(403)).body
    for (const auth_session of [ofLogin, ofOther, ofTenant, 'made-up', `${own}A`, own.slice(0, -4)]) {
      expect((await goOn(agent, { auth_session, ...CREDENTIALS })).body.error).toBe('invalid_session')
    }
  })

  it.each([
    ['a name nobody has', { username: 'bob@example.com' }],
    ['a wrong password', { password: 'wrong' }],
    ['a disabled user', {}],
  ])('answers %s with one and the same invalid_grant', async (who, change) => {
    const { app, ask, world, ann } = scene()
    const { agent } = await reach(app)
    if (who === 'a disabled user') world.disableUser(ann.id)
    const answer = await ask(agent, { ...CREDENTIALS, ...change })
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: 'invalid_grant', error_description: 'The grant is invalid, expired or revoked.' },
    ])
  })

  it('tells nobody whether a name has an account', async () => {
    const { app, ask } = scene()
    const { agent } = await reach(app)
    const [known, unknown] = await Promise.all(
      [ANN.username, 'bob@example.com'].map((username) => ask(agent, { username }).expect(403)),
    )
    const { auth_session: _, ...ofKnown } = known?.body ?? {}
    const { auth_session: __, ...ofUnknown } = unknown?.body ?? {}
    expect(ofKnown).toEqual(ofUnknown)
  })

  it('gives no code when the password changes while it is checked', async () => {
    const { app, ask, meanwhile, browsers, ann, reason } = scene()
    const { agent } = await reach(app)
    meanwhile.happens = () => browsers.changePassword(DEFAULT_TENANT.id, ann.id)
    expect((await ask(agent, CREDENTIALS)).body.error).toBe('invalid_grant')
    expect(reason()).toBe('credentials_superseded')
  })

  it('gives no code for a client or an API that is disabled while the password is checked', async () => {
    for (const what of ['client', 'api'] as const) {
      const { app, ask, world, client, api, deps } = scene()
      const { agent } = await reach(app)
      const { forSignIn } = deps.users
      deps.users.forSignIn = async (...args) => {
        world.update(what === 'client' ? client : api, { disabled: true })
        return forSignIn(...args)
      }
      const { body } = await ask(agent, CREDENTIALS)
      expect(body.error).toBe(what === 'client' ? 'unauthorized_client' : 'invalid_target')
    }
  })

  it('gives a code to whom the request names alone', async () => {
    const { app, ask, ann } = scene()
    const { agent } = await reach(app)
    const naming = (value: string) => JSON.stringify({ id_token: { sub: { value } } })
    const scope = 'openid orders:read'
    await ask(agent, { ...CREDENTIALS, scope, claims: naming(ann.id) }).expect(200)
    const other = await ask(agent, { ...CREDENTIALS, scope, claims: naming('somebody else') }).expect(400)
    expect(other.body.error).toBe('login_required')
  })

  it.each([
    ['is not first-party', { firstParty: false }, 'unauthorized_client'],
    ['has no codes', { grantTypes: ['refresh_token'] }, 'unauthorized_client'],
    ['is disabled', { disabled: true }, 'invalid_client'],
  ])('refuses a client that %s, before any password is looked at', async (_, change, error) => {
    const { app, ask, deps } = scene(change)
    deps.passwords.verify = () => Promise.reject(new Error('A password was looked at.'))
    const { agent } = await reach(app)
    expect((await ask(agent, CREDENTIALS)).body.error).toBe(error)
  })

  it('authenticates a confidential client as the token endpoint does', async () => {
    const { app, ask, request, world, api } = scene()
    const server = world.addClient({
      firstParty: true,
      redirectUris: [REDIRECT_URI],
      apis: [api.id],
      grantTypes: ['authorization_code'],
    })
    const { agent } = await reach(app)
    await ask(agent, { ...CREDENTIALS, client_id: server.id }).expect(401)
    await ask(agent, { ...CREDENTIALS, client_id: server.id, client_secret: server.secret }).expect(200)
    const form = { ...request, ...CREDENTIALS, client_id: server.id }
    await agent.post(PATH).type('form').set('authorization', basic(server)).send(form).expect(200)
  })

  it.each([
    ['no response type', { response_type: undefined }, 'invalid_request'],
    ['no code challenge', { code_challenge: undefined }, 'invalid_request'],
    ['a plain one', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['a redirect URI that is not registered', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
    ['a scope that nobody has', { scope: 'payments:make' }, 'invalid_scope'],
    ['a resource of others', { resource: 'https://else.example' }, 'invalid_target'],
    ['a pushed request', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'request_uri_not_supported'],
    ['a request object', { request: 'e30.e30.' }, 'request_not_supported'],
    ['prompt none', { prompt: 'none' }, 'login_required'],
  ])('refuses %s before any password is looked at', async (_, change, error) => {
    const { app, ask, deps } = scene()
    deps.passwords.verify = () => Promise.reject(new Error('A password was looked at.'))
    const { agent } = await reach(app)
    const answer = await ask(agent, { ...CREDENTIALS, ...change }).expect(400)
    expect(answer.body.error).toBe(error)
  })

  it('sends who must be asked for consent to a browser, with the request waiting there', async () => {
    const { app, ask, client, signedIn } = scene()
    const { agent } = await reach(app)
    const answer = await ask(agent, { ...CREDENTIALS, prompt: 'consent', state: 's' }).expect(403)
    expect(answer.body).toMatchObject({ error: 'redirect_to_web', expires_in: 90 })
    expect(answer.body).not.toHaveProperty('auth_session')
    const query = new URLSearchParams({ client_id: client.id, request_uri: answer.body.request_uri })
    const { headers } = await agent
      .get(`/oauth2/authorize?${query}`)
      .set('cookie', await signedIn())
      .expect(303)
    expect(headers['location']).toMatch(/^\/sign-in\//)
  })

  it('has nothing waiting in a browser for an app that says not where to go from there', async () => {
    const { app, ask } = scene({ redirectUris: [REDIRECT_URI, `${REDIRECT_URI}2`] })
    const { agent } = await reach(app)
    const answer = await ask(agent, { prompt: 'consent' }).expect(403)
    expect(Object.keys(answer.body)).toEqual(['error', 'error_description'])
  })

  it('tells an address that has too much waiting to come back later', async () => {
    const { app, ask, deps } = scene()
    Object.assign(deps.throttle, { flowBegun: async () => ({ retryAfter: 60 }) })
    const { agent } = await reach(app)
    await ask(agent, { prompt: 'consent' }).expect(429)
  })

  it('counts every password as a try', async () => {
    const { app, ask, deps } = scene()
    Object.assign(deps.throttle, { take: async () => ({ retryAfter: 30, bucket: 'account' }) })
    const { agent } = await reach(app)
    const answer = await ask(agent, CREDENTIALS).expect(429)
    expect(answer.headers['retry-after']).toBe('30')
  })

  it('is open to the pages of its own client alone', async () => {
    const { app, ask, world } = scene()
    world.addClient({ public: true, origins: ['https://other.example.com'] })
    const { agent } = await reach(app)
    const own = await ask(agent, CREDENTIALS).set('origin', ORIGIN).expect(200)
    expect(own.headers['access-control-allow-origin']).toBe(ORIGIN)
    expect(own.headers).not.toHaveProperty('access-control-allow-credentials')
    expect((await ask(agent, CREDENTIALS).set('origin', 'https://other.example.com')).body.error).toBe(
      'unauthorized_client',
    )
  })

  it('takes POST alone, and each parameter once', async () => {
    const { app } = scene()
    const { agent } = await reach(app)
    await agent.get(PATH).expect(405)
    await agent.post(PATH).type('form').send('client_id=a&client_id=b').expect(400)
    await agent.post(PATH).send({ client_id: 'a' }).expect(415)
  })

  it('logs neither password nor name nor code', async () => {
    const { app, ask } = scene()
    const { agent } = await reach(app)
    const { body } = await ask(agent, CREDENTIALS).expect(200)
    const { auth_session } = (await ask(agent, { username: ANN.username }).expect(403)).body
    for (const secret of [ANN.password, ANN.username, body.authorization_code, auth_session]) {
      expect(app.output()).not.toContain(secret)
    }
  })
})
