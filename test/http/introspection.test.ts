import { expect, it } from 'vitest'
import { ACME } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic, oauthApp } from '../support/oauth-app.js'

type By = { readonly id: string; readonly secret: string }

const ask = (agent: Agent, token: string, by?: By, path = '/oauth2/introspect') => {
  const request = agent
    .post(path)
    .set('content-type', 'application/x-www-form-urlencoded')
    .send(new URLSearchParams({ token }).toString())
  return by ? request.set('authorization', basic(by)) : request
}
const clientToken = async (agent: Agent, client: By) => {
  const { body } = await agent
    .post('/oauth2/token')
    .set('content-type', 'application/x-www-form-urlencoded')
    .set('authorization', basic(client))
    .send('grant_type=client_credentials')
    .expect(200)
  return body.access_token as string
}

overBothTransports('POST /oauth2/introspect', (reach) => {
  it('tells the API about a token for it, with the client as subject where there is no user', async () => {
    const { app, api, client } = oauthApp()
    const { agent } = await reach(app)
    const { body, headers } = await ask(agent, await clientToken(agent, client), api).expect(200)
    expect(body).toMatchObject({
      active: true,
      token_type: 'Bearer',
      sub: client.id,
      client_id: client.id,
      aud: api.identifier,
      scope: 'orders:read orders:write',
    })
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['cache-control']).toBe('no-store')
  })

  it('tells an API the same as often as it asks, each time under another id, and the client no more meanwhile', async () => {
    const { app, api, client } = oauthApp()
    const { agent } = await reach(app)
    const token = await clientToken(agent, client)
    const answers = [await ask(agent, token, api).expect(200), await ask(agent, token, api).expect(200)] as const
    const [first, second] = answers
    expect(second.body).toMatchObject({ active: true, iss: expect.any(String) })
    expect(second.text).toBe(first.text)
    expect(second.headers['content-length']).toBe(String(Buffer.byteLength(first.text)))
    expect(second.headers['x-request-id']).not.toBe(first.headers['x-request-id'])
    const { body } = await ask(agent, token, client).expect(200)
    expect(Object.keys(body).sort()).toEqual(['active', 'client_id', 'exp', 'iat', 'scope', 'token_type'])
    expect((await ask(agent, token, api).expect(200)).text).toBe(first.text)
  })

  it('tells everybody else no more than that it is inactive', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    const token = await clientToken(agent, client)
    const { refreshToken } = await world.addGrant(client)
    for (const [asked, by] of [
      [token, world.addApi()],
      [token, world.addClient({ apis: [api.id] })],
      [refreshToken, api],
      [refreshToken, world.addClient({ apis: [api.id] })],
      ['garbage', api],
      ['a.b.c.d.e', client],
    ] as const) {
      const { text } = await ask(agent, asked, by).expect(200)
      expect(text).toBe('{"active":false}')
    }
  })

  it('is no oracle at another tenant', async () => {
    const { app, world, client, api } = oauthApp()
    const { agent } = await reach(app)
    const token = await clientToken(agent, client)
    const twin = world.addApi({ tenant: ACME, id: api.id, identifier: api.identifier })
    const { text } = await ask(agent, token, twin, '/t/acme/oauth2/introspect').expect(200)
    expect(text).toBe('{"active":false}')
    await ask(agent, token, api, '/t/acme/oauth2/introspect').expect(401)
  })

  it('stops at a revocation of any layer', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    const token = await clientToken(agent, client)
    await ask(agent, token, api).expect(200, /"active":true/)
    world.revoke('client', client.id)
    await ask(agent, token, api).expect(200, { active: false })
  })

  it('needs credentials that prove something, RFC 7662 §2.1', async () => {
    const { app, world, api } = oauthApp()
    const { agent } = await reach(app)
    const { headers } = await ask(agent, 'x').expect(401)
    expect(headers['www-authenticate']).toBe('Basic realm="oauth2"')
    await ask(agent, 'x', { ...api, secret: 'wrong' }).expect(401)
    const page = world.addClient({ public: true })
    await agent.post('/oauth2/introspect').type('form').send({ token: 'x', client_id: page.id }).expect(401)
  })

  it('counts failed credentials against the address', async () => {
    const { app, world, api } = oauthApp()
    world.allowFailures(0)
    const { agent } = await reach(app)
    const { headers } = await ask(agent, 'x', { ...api, secret: 'wrong' }).expect(429)
    expect(headers['retry-after']).toBe('900')
  })

  it('takes one token by POST and nothing from the URL', async () => {
    const { app, api } = oauthApp()
    const { agent } = await reach(app)
    const send = (body: string, path = '/oauth2/introspect') =>
      agent.post(path).type('form').set('authorization', basic(api)).send(body)
    await send('').expect(400)
    await send('token=a&token=b').expect(400)
    await send('token_type_hint=a&token_type_hint=b&token=a').expect(400)
    await send('a=b', '/oauth2/introspect?token=x').expect(400)
    await agent.get('/oauth2/introspect').expect(405)
  })

  it('has no CORS: a page can keep no secret', async () => {
    const { app, world } = oauthApp()
    world.addClient({ origins: ['https://app.example.com'] })
    const { agent } = await reach(app)
    const { headers } = await ask(agent, 'x').set('origin', 'https://app.example.com')
    expect(headers).not.toHaveProperty('access-control-allow-origin')
  })
})
