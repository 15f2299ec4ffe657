import { expect, it } from 'vitest'
import { overBothTransports } from '../support/http.js'
import { oauthApp } from '../support/oauth-app.js'

overBothTransports('GET /jwks', (reach) => {
  it('gives everybody the keys of the tenant, to keep as long as the keys allow', async () => {
    const { agent } = await reach(oauthApp().app)
    const { text, headers } = await agent.get('/jwks').expect(200)
    expect(JSON.parse(text)).toEqual({ keys: [{ kty: 'EC', kid: 'key-of-default', use: 'sig' }] })
    expect(headers['content-type']).toBe('application/jwk-set+json')
    expect(headers['cache-control']).toBe('public, max-age=300')
    expect(headers['access-control-allow-origin']).toBe('*')
  })

  it('gives each tenant its own', async () => {
    const { agent } = await reach(oauthApp().app)
    const { text } = await agent.get('/t/acme/jwks').expect(200)
    expect(text).toContain('key-of-acme')
    expect(text).not.toContain('key-of-default')
  })

  it('answers 304 to who has them already', async () => {
    const { agent } = await reach(oauthApp().app)
    const { headers } = await agent.get('/jwks')
    await agent.get('/jwks').set('if-none-match', String(headers['etag'])).expect(304)
  })

  it('is for reading', async () => {
    const { agent } = await reach(oauthApp().app)
    await agent.post('/jwks').expect(405)
  })
})
