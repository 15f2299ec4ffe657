import { describe, expect, it } from 'vitest'
import { ACME, DEFAULT_TENANT } from '../support/app.js'
import { overBothTransports } from '../support/http.js'
import { oauthApp } from '../support/oauth-app.js'

const WELL_KNOWN = '/.well-known/oauth-authorization-server'

overBothTransports('GET /.well-known/oauth-authorization-server', (reach) => {
  it.each([
    { path: WELL_KNOWN, tenant: DEFAULT_TENANT },
    { path: `${WELL_KNOWN}/t/acme`, tenant: ACME },
  ])('says what works at $tenant.issuer', async ({ path, tenant }) => {
    const { agent } = await reach(oauthApp().app)
    const { body, headers } = await agent.get(path).expect(200)
    // RFC 8414 §3.3: byte for byte.
    expect(body.issuer).toBe(tenant.issuer)
    for (const [name, value] of Object.entries(body)) {
      if (/_(endpoint|uri)$/.test(name)) expect(value).toContain(`${tenant.issuer}/`)
    }
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['cache-control']).toBe('public, max-age=300')
  })

  it('names no endpoint that is not there', async () => {
    const { agent } = await reach(oauthApp().app)
    const { body } = await agent.get(`${WELL_KNOWN}/t/acme`).expect(200)
    const endpoints = Object.entries(body).filter(([name]) => /_(endpoint|uri)$/.test(name))
    expect(endpoints.map(([name]) => name).sort()).toEqual([
      'introspection_endpoint',
      'jwks_uri',
      'revocation_endpoint',
      'revocation_list_endpoint',
      'status_list_aggregation_endpoint',
      'token_endpoint',
    ])
    for (const [, url] of endpoints) {
      const path = new URL(String(url)).pathname
      const { status } = await agent.get(path)
      expect([200, 401, 405]).toContain(status)
    }
  })

  it.each(['host', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded'])('does not believe %s', async (name) => {
    const { agent } = await reach(oauthApp().app)
    const clean = await agent.get(WELL_KNOWN)
    const poisoned = await agent.get(WELL_KNOWN).set(name, 'evil.example').expect(200)
    expect(poisoned.text).toBe(clean.text)
  })

  it('answers 304 to who has it already', async () => {
    const { agent } = await reach(oauthApp().app)
    const { headers } = await agent.get(WELL_KNOWN)
    await agent.get(WELL_KNOWN).set('if-none-match', String(headers['etag'])).expect(304)
    await agent.head(WELL_KNOWN).expect(200)
  })

  it.each([
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/t/acme',
    '/t/acme/.well-known/openid-configuration',
    '/t/acme/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/',
    '/.well-known/oauth-authorization-server/t/nobody',
    '/.well-known/oauth-authorization-server/t/default',
  ])('has nothing at %s', async (path) => {
    const { agent } = await reach(oauthApp().app)
    const { body } = await agent.get(path).expect(404)
    expect(body.error).toBe('not_found')
  })
})

describe('a disabled tenant', () => {
  overBothTransports('its documents', (reach) => {
    it('stay: what it signed must stay readable', async () => {
      const { app, world } = oauthApp()
      world.disableTenant(ACME)
      const { agent } = await reach(app)
      await agent.get(`${WELL_KNOWN}/t/acme`).expect(200)
      await agent.get('/t/acme/jwks').expect(200)
    })
  })
})
