import { customFetch, discovery, None } from 'openid-client'
import { describe, expect, it } from 'vitest'
import { routes } from '../../src/app.js'
import { metadata } from '../../src/oauth/metadata.js'
import { ACME, DEFAULT_TENANT } from '../support/app.js'
import { overBothTransports } from '../support/http.js'
import { BROWSER_POLICY, oauthApp } from '../support/oauth-app.js'

const WELL_KNOWN = '/.well-known/oauth-authorization-server'

const OPENID = '/.well-known/openid-configuration'

overBothTransports('the metadata', (reach) => {
  it.each([
    { path: WELL_KNOWN, tenant: DEFAULT_TENANT },
    { path: `${WELL_KNOWN}/t/acme`, tenant: ACME },
    { path: OPENID, tenant: DEFAULT_TENANT },
    { path: `${OPENID}/t/acme`, tenant: ACME },
    { path: `/t/acme${OPENID}`, tenant: ACME },
  ])('says what works at $tenant.issuer, asked at $path', async ({ path, tenant }) => {
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

  it('is the same, byte for byte, wherever it is asked for', async () => {
    const { agent } = await reach(oauthApp().app)
    const at = async (path: string) => (await agent.get(path).expect(200)).text
    expect(await at(OPENID)).toBe(await at(WELL_KNOWN))
    const acme = await at(`${WELL_KNOWN}/t/acme`)
    expect([await at(`${OPENID}/t/acme`), await at(`/t/acme${OPENID}`)]).toEqual([acme, acme])
  })

  it.each([
    { algorithm: 'oauth2', tenant: DEFAULT_TENANT },
    { algorithm: 'oauth2', tenant: ACME },
    { algorithm: 'oidc', tenant: DEFAULT_TENANT },
    { algorithm: 'oidc', tenant: ACME },
  ] as const)('is taken by a client nobody here wrote, $algorithm, $tenant.issuer', async ({ algorithm, tenant }) => {
    const { agent } = await reach(oauthApp().app)
    const found = await discovery(new URL(tenant.issuer), 'client', undefined, None(), {
      algorithm,
      [customFetch]: async (url) => {
        const { status, text, headers } = await agent.get(new URL(url).pathname)
        return new Response(text, { status, headers: { 'content-type': String(headers['content-type']) } })
      },
    })
    expect(found.serverMetadata()).toMatchObject({
      issuer: tenant.issuer,
      userinfo_endpoint: `${tenant.issuer}/oauth2/userinfo`,
    })
    expect(found.serverMetadata().supportsPKCE()).toBe(true)
  })

  it('names no endpoint that is not there', () => {
    const served = new Set<string>(routes.map(({ path }) => path))
    const document = metadata(DEFAULT_TENANT, {
      maxStaleness: 5,
      jwksMaxAge: 300,
      ...BROWSER_POLICY,
      uiLocales: ['en'],
    })
    const endpoints = Object.entries(document).filter(([name]) => /_(endpoint|uri)$/.test(name))
    const missing = endpoints.filter(([, url]) => !served.has(new URL(String(url)).pathname))
    expect(endpoints.length).toBeGreaterThan(10)
    expect(missing.map(([name]) => name)).toEqual([])
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
    '/t/default/.well-known/openid-configuration',
    '/t/nobody/.well-known/openid-configuration',
    '/t/acme/.well-known/openid-configuration/t/acme',
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
