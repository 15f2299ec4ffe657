import { expect, it } from 'vitest'
import { ACME } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic, oauthApp } from '../support/oauth-app.js'

type By = { readonly id: string; readonly secret: string }

const form = (agent: Agent, path: string, by: By, values: Record<string, string>) =>
  agent.post(path).type('form').set('authorization', basic(by)).send(new URLSearchParams(values).toString())
const revoke = (agent: Agent, token: string, by: By, path = '/oauth2/revoke') => form(agent, path, by, { token })
const isActive = async (agent: Agent, token: string, by: By) =>
  (await form(agent, '/oauth2/introspect', by, { token }).expect(200)).body.active
const refresh = (agent: Agent, refresh_token: string, by: By) =>
  form(agent, '/oauth2/token', by, { grant_type: 'refresh_token', refresh_token })

overBothTransports('POST /oauth2/revoke', (reach) => {
  it('ends an access token and leaves its grant', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    const { refreshToken } = await world.addGrant(client)
    const { body } = await refresh(agent, refreshToken, client).expect(200)
    expect(await isActive(agent, body.access_token, api)).toBe(true)
    await revoke(agent, body.access_token, client).expect(200, {})
    expect(await isActive(agent, body.access_token, api)).toBe(false)
    await refresh(agent, body.refresh_token, client).expect(200)
  })

  it('ends the grant of a refresh token, and all its access tokens with it', async () => {
    const { app, world, api, client } = oauthApp()
    const { agent } = await reach(app)
    const { refreshToken } = await world.addGrant(client)
    const { body } = await refresh(agent, refreshToken, client).expect(200)
    await revoke(agent, body.refresh_token, client).expect(200, {})
    expect(await isActive(agent, body.access_token, api)).toBe(false)
    await refresh(agent, body.refresh_token, client).expect(400)
  })

  it('answers an empty object as JSON, also for what is unknown or gone: some clients accept no other 200', async () => {
    const { app, world, client } = oauthApp()
    const { agent } = await reach(app)
    const { refreshToken } = await world.addGrant(client)
    for (const token of ['garbage', 'a.b.c', refreshToken, refreshToken]) {
      const { text, headers } = await revoke(agent, token, client).expect(200)
      expect(text).toBe('{}')
      expect(headers['content-type']).toMatch(/^application\/json/)
      expect(headers['cache-control']).toBe('no-store')
    }
  })

  it('serves a public client by its id, from a page of its own', async () => {
    const { app, world, api } = oauthApp()
    const { agent } = await reach(app)
    const page = world.addClient({ public: true, apis: [api.id], origins: ['https://app.example.com'] })
    const { grant, refreshToken } = await world.addGrant(page)
    const send = (origin: string) =>
      agent.post('/oauth2/revoke').type('form').set('origin', origin).send({ token: refreshToken, client_id: page.id })
    await send('https://evil.example').expect(400)
    expect(world.grant(grant.id)?.revoked).toBe(false)
    const { headers } = await send('https://app.example.com').expect(200)
    expect(headers['access-control-allow-origin']).toBe('https://app.example.com')
    expect(world.grant(grant.id)?.revoked).toBe(true)
  })

  it('refuses a token of another client, RFC 7009 §2.1, and it goes on to work', async () => {
    const { app, world, api, client, reasons } = oauthApp()
    const { agent } = await reach(app)
    const other = world.addClient({ apis: [api.id] })
    const { refreshToken } = await world.addGrant(client)
    const { body } = await refresh(agent, refreshToken, client).expect(200)
    for (const token of [body.access_token, body.refresh_token]) {
      expect((await revoke(agent, token, other).expect(400)).body.error).toBe('invalid_grant')
      expect(reasons().at(-1)).toBe('token_of_other_client')
    }
    expect(await isActive(agent, body.access_token, api)).toBe(true)
    await refresh(agent, body.refresh_token, client).expect(200)
  })

  it('does nothing for a token of another tenant', async () => {
    const { app, world, client } = oauthApp()
    const { agent } = await reach(app)
    const twin = world.addClient({ tenant: ACME, id: client.id })
    const { grant, refreshToken } = await world.addGrant(client)
    await revoke(agent, refreshToken, twin, '/t/acme/oauth2/revoke').expect(200, {})
    expect(world.grant(grant.id)?.revoked).toBe(false)
  })

  it('refuses who is not authenticated, and a request without a token', async () => {
    const { app, world, client } = oauthApp()
    const { agent } = await reach(app)
    const { grant, refreshToken } = await world.addGrant(client)
    await revoke(agent, refreshToken, { ...client, secret: 'wrong' }).expect(401)
    await agent.post('/oauth2/revoke').type('form').send({ token: refreshToken, client_id: client.id }).expect(401)
    await agent.post('/oauth2/revoke').type('form').send({ token: refreshToken }).expect(401)
    expect(world.grant(grant.id)?.revoked).toBe(false)
    await form(agent, '/oauth2/revoke', client, {}).expect(400)
    await agent.get('/oauth2/revoke').expect(405)
  })
})
