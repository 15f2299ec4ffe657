import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ACME } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic, oauthApp } from '../support/oauth-app.js'

/** Posts a form; a list of pairs says one name several times. */
const post = (agent: Agent, form: Record<string, string> | [string, string][] | string, path = '/oauth2/token') =>
  agent
    .post(path)
    .set('content-type', 'application/x-www-form-urlencoded')
    .send(typeof form === 'string' ? form : new URLSearchParams(form).toString())

overBothTransports('POST /oauth2/token', (reach) => {
  describe('answers', () => {
    it('with JSON that nobody stores, RFC 6749 §5.1', async () => {
      const { app, client } = oauthApp()
      const { agent } = await reach(app)
      const { body, headers } = await post(agent, { grant_type: 'client_credentials' })
        .set('authorization', basic(client))
        .expect(200)
      expect(body).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 300,
        scope: 'orders:read orders:write',
      })
      expect(headers['content-type']).toMatch(/^application\/json/)
      expect(headers['cache-control']).toBe('no-store')
    })

    it('a client that sends its secret in the body, and a refresh of a public one', async () => {
      const { app, world, api, client } = oauthApp()
      const { agent } = await reach(app)
      const secret = { client_id: client.id, client_secret: client.secret }
      await post(agent, { grant_type: 'client_credentials', ...secret }).expect(200)

      const page = world.addClient({ public: true, apis: [api.id] })
      const { refreshToken } = await world.addGrant(page)
      const form = { grant_type: 'refresh_token', client_id: page.id, refresh_token: refreshToken }
      const { body } = await post(agent, form).expect(200)
      expect(body.refresh_token).not.toBe(refreshToken)
      expect((await post(agent, form).expect(200)).body.refresh_token).toBe(body.refresh_token)
    })

    it('as if what is empty or unknown to it were not there, RFC 6749 §3.2', async () => {
      const { app, client } = oauthApp()
      const { agent } = await reach(app)
      const form = { grant_type: 'client_credentials', scope: '', resource: '', client_secret: '', nonsense: 'x' }
      await post(agent, form).set('authorization', basic(client)).expect(200)
    })
  })

  describe('refuses', () => {
    it.each([
      ['another method', 'get', 405],
      ['another method', 'put', 405],
    ] as const)('%s: %s', async (_name, method, status) => {
      const { agent } = await reach(oauthApp().app)
      const { headers } = await agent[method]('/oauth2/token').expect(status)
      expect(headers['allow']).toBe('POST, OPTIONS')
    })

    it('a body that is no form', async () => {
      const { agent } = await reach(oauthApp().app)
      await agent.post('/oauth2/token').send({ grant_type: 'client_credentials' }).expect(415)
    })

    it.each(['grant_type', 'scope', 'client_id', 'client_secret', 'refresh_token', 'nonsense', '__proto__'])(
      'a repeated %s, RFC 6749 §3.2',
      async (name) => {
        const { app, client } = oauthApp()
        const { agent } = await reach(app)
        const form: [string, string][] = [
          ['grant_type', 'client_credentials'],
          [name, 'a'],
          [name, 'a'],
        ]
        const { body } = await post(agent, form).set('authorization', basic(client)).expect(400)
        expect(body.error).toBe('invalid_request')
      },
    )

    it('two resources, RFC 8707 §2', async () => {
      const { app, client, api, world } = oauthApp()
      const second = world.addApi()
      world.update(client, { apis: [api.id, second.id] })
      const { agent } = await reach(app)
      const form: [string, string][] = [
        ['grant_type', 'client_credentials'],
        ['resource', api.identifier],
        ['resource', second.identifier],
      ]
      const { body } = await post(agent, form).set('authorization', basic(client)).expect(400)
      expect(body.error).toBe('invalid_target')
    })

    it('a secret in the URL, and does not log it, RFC 6749 §2.3.1', async () => {
      const { app, client } = oauthApp()
      const { agent } = await reach(app)
      const query = new URLSearchParams({ client_id: client.id, client_secret: client.secret })
      const path = `/oauth2/token?${query}`
      const { body } = await post(agent, { grant_type: 'client_credentials' }, path).expect(400)
      expect(body.error).toBe('invalid_request')
      expect(app.output()).not.toContain(client.secret)
    })

    it('two ways to authenticate at once, RFC 6749 §2.3', async () => {
      const { app, client } = oauthApp()
      const { agent } = await reach(app)
      const form = { grant_type: 'client_credentials', client_id: client.id, client_secret: client.secret }
      const { body } = await post(agent, form).set('authorization', basic(client)).expect(400)
      expect(body.error).toBe('invalid_request')
    })

    it('two Authorization headers', async () => {
      const { app, client } = oauthApp()
      const { raw } = await reach(app)
      const line = `Authorization: ${basic(client)}\r\n`
      const form = 'grant_type=client_credentials'
      const answer = await raw(
        `POST /oauth2/token HTTP/1.1\r\nHost: id.example.com\r\nConnection: close\r\n${line}${line}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${form.length}\r\n\r\n${form}`,
      )
      expect(answer).toMatch(/^HTTP\/1.1 400 /)
    })

    it('a wrong secret, an unknown client and a disabled one with one and the same answer', async () => {
      const { app, client, world, reasons } = oauthApp()
      const { agent } = await reach(app)
      const disabled = world.addClient({ disabled: true })
      const answers = []
      for (const one of [{ ...client, secret: 'wrong' }, { id: 'nobody', secret: 'wrong' }, disabled]) {
        const { body, headers } = await post(agent, { grant_type: 'client_credentials' })
          .set('authorization', basic(one))
          .expect(401)
        answers.push({ body, challenge: headers['www-authenticate'], store: headers['cache-control'] })
      }
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
      expect(answers[0]).toEqual({
        body: { error: 'invalid_client', error_description: 'Client authentication failed.' },
        challenge: 'Basic realm="oauth2"',
        store: 'no-store',
      })
      expect(reasons()).toEqual(['client_secret_wrong', 'client_unknown', 'client_disabled'])
    })

    it('an address that failed too often, with 429 and Retry-After', async () => {
      const { app, client, world } = oauthApp()
      world.allowFailures(1)
      const { agent } = await reach(app)
      const wrong = () =>
        post(agent, { grant_type: 'client_credentials' }).set('authorization', basic({ ...client, secret: 'wrong' }))
      await wrong().expect(401)
      const { headers } = await wrong().expect(429)
      expect(headers['retry-after']).toBe('900')
    })

    it.each([
      ['password', 'unsupported_grant_type'],
      ['constructor', 'unsupported_grant_type'],
      ['__proto__', 'unsupported_grant_type'],
      ['urn:ietf:params:oauth:grant-type:device_code', 'unsupported_grant_type'],
      ['', 'invalid_request'],
    ])('the grant type %j as %s', async (grant_type, error) => {
      const { app, client } = oauthApp()
      const { agent } = await reach(app)
      const { body } = await post(agent, { grant_type }).set('authorization', basic(client)).expect(400)
      expect(body.error).toBe(error)
    })

    it('a grant type the client is not registered for, and client credentials of a public client', async () => {
      const { app, world } = oauthApp()
      const { agent } = await reach(app)
      const other = world.addClient({ grantTypes: ['refresh_token'] })
      const form = { grant_type: 'client_credentials' }
      expect((await post(agent, form).set('authorization', basic(other)).expect(400)).body.error).toBe(
        'unauthorized_client',
      )
      const page = world.addClient({ public: true })
      expect((await post(agent, { ...form, client_id: page.id }).expect(400)).body.error).toBe('unauthorized_client')
    })

    it('a spent refresh token after the grace, and from then on its successor too', async () => {
      const { app, world, client } = oauthApp()
      const { agent } = await reach(app)
      const { refreshToken } = await world.addGrant(client)
      const refresh = (refresh_token: string) =>
        post(agent, { grant_type: 'refresh_token', refresh_token }).set('authorization', basic(client))
      const { body: successor } = await refresh(refreshToken).expect(200)
      world.advance(11)
      expect((await refresh(refreshToken).expect(400)).body.error).toBe('invalid_grant')
      expect((await refresh(successor.refresh_token).expect(400)).body.error).toBe('invalid_grant')
    })

    it('everything of another tenant: clients, refresh tokens, APIs', async () => {
      const { app, world, client } = oauthApp()
      const { agent } = await reach(app)
      const path = '/t/acme/oauth2/token'
      const form = { grant_type: 'client_credentials' }
      expect((await post(agent, form, path).set('authorization', basic(client)).expect(401)).body.error).toBe(
        'invalid_client',
      )
      // The same id at both: the refresh token of one is unknown to the other.
      const api = world.addApi({ tenant: ACME })
      const twin = world.addClient({ tenant: ACME, id: client.id, apis: [api.id] })
      const { refreshToken } = await world.addGrant(client)
      const refresh = { grant_type: 'refresh_token', refresh_token: refreshToken }
      expect((await post(agent, refresh, path).set('authorization', basic(twin)).expect(400)).body.error).toBe(
        'invalid_grant',
      )
      await post(agent, refresh).set('authorization', basic(client)).expect(200)
      const foreign = { ...form, resource: api.identifier }
      expect((await post(agent, foreign).set('authorization', basic(client)).expect(400)).body.error).toBe(
        'invalid_target',
      )
    })

    it('a page of an origin that its client does not have', async () => {
      const { app, world, api } = oauthApp()
      const { agent } = await reach(app)
      const page = world.addClient({ public: true, apis: [api.id], origins: ['https://app.example.com'] })
      world.addClient({ origins: ['https://other.example.com'] })
      const { refreshToken } = await world.addGrant(page)
      const refresh = (origin: string) =>
        post(agent, { grant_type: 'refresh_token', client_id: page.id, refresh_token: refreshToken }).set(
          'origin',
          origin,
        )
      expect((await refresh('https://other.example.com').expect(400)).body.error).toBe('unauthorized_client')
      const { headers } = await refresh('https://app.example.com').expect(200)
      expect(headers['access-control-allow-origin']).toBe('https://app.example.com')
      expect(headers).not.toHaveProperty('access-control-allow-credentials')
    })
  })

  it('names the choices in the log where a resource is missing, not to the client', async () => {
    const { app, client, api, world } = oauthApp()
    const second = world.addApi()
    world.update(client, { apis: [api.id, second.id] })
    const { agent } = await reach(app)
    const { text } = await post(agent, { grant_type: 'client_credentials' })
      .set('authorization', basic(client))
      .expect(400)
    expect(text).not.toContain(second.identifier)
    expect(app.lines()).toMatchObject([
      { reason: 'resource_missing', detail: { choices: [api.identifier, second.identifier] } },
    ])
  })

  it('never says back a character that RFC 6749 §5.2 forbids, nor writes more than one log line, whatever it is sent', async () => {
    const { app, client } = oauthApp()
    const { agent } = await reach(app)
    const names = ['grant_type', 'scope', 'resource', 'client_id', 'client_secret', 'refresh_token', 'client_assertion']
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        '"',
        '\\',
        '\r\nx: y',
        '\u001b[31m',
        '$' + '{jndi:ldap://x}',
        '\u202e',
        'client_credentials',
        'refresh_token',
      ),
    )
    const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...names) }, { weight: 1, arbitrary: nasty })
    let sent = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(name, nasty), { maxLength: 5 }),
        fc.boolean(),
        async (pairs, authenticated) => {
          const request = post(agent, pairs)
          const { body, status } = await (authenticated ? request.set('authorization', basic(client)) : request)
          sent += 1
          expect(status).toBeLessThan(500)
          if (status === 200) return
          expect(body.error).toMatch(/^[a-z_]+$/)
          expect(body.error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
        },
      ),
      { numRuns: 150 },
    )
    expect(app.output().trimEnd().split('\n')).toHaveLength(sent)
    expect([...app.output()].filter((c) => c !== '\n' && (c < ' ' || c > '~'))).toEqual([])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.keys(Object.prototype)).toEqual([])
  })

  it('logs no token and no secret', async () => {
    const { app, world, client } = oauthApp()
    const { agent } = await reach(app)
    const { refreshToken } = await world.addGrant(client)
    const { body } = await post(agent, { grant_type: 'refresh_token', refresh_token: refreshToken })
      .set('authorization', basic(client))
      .expect(200)
    for (const secret of [client.secret, basic(client), refreshToken, body.access_token, body.refresh_token]) {
      expect(app.output()).not.toContain(secret)
    }
  })
})
