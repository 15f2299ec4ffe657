import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TestBrowser } from '../support/browser.js'
import { type BrowserApp, browserApp, CALLBACK } from '../support/browser-app.js'
import { answerPages, callbackOf, type relyingParty } from '../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let ann: ReturnType<BrowserApp['person']>
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  ann = app.person('ann@example.com')
  rp = app.rp(app.client())
})
afterEach(() => app.close())

const errorOf = async (asked: Record<string, string | undefined>) => callbackOf(await rp.begin(browser, asked))
const to = (path: string) => browser.go(path)

describe('the authorization endpoint', () => {
  it.each<{ name: string; asked: Record<string, string | undefined>; error: string; reason?: string }>([
    { name: 'no response type', asked: { response_type: undefined }, error: 'invalid_request' },
    { name: 'another response type', asked: { response_type: 'token' }, error: 'unsupported_response_type' },
    { name: 'another response mode', asked: { response_mode: 'web_message' }, error: 'invalid_request' },
    { name: 'no challenge', asked: { code_challenge: undefined }, error: 'invalid_request' },
    { name: 'a challenge of another length', asked: { code_challenge: 'a'.repeat(44) }, error: 'invalid_request' },
    { name: 'the method plain', asked: { code_challenge_method: 'plain' }, error: 'invalid_request' },
    { name: 'a scope nobody has', asked: { scope: 'orders:burn' }, error: 'invalid_scope' },
    { name: 'a scope that is none', asked: { scope: 'a"b' }, error: 'invalid_scope' },
    { name: 'a resource nobody has', asked: { resource: 'https://nobody.example' }, error: 'invalid_target' },
    { name: 'a prompt nobody knows', asked: { prompt: 'create' }, error: 'invalid_request' },
    { name: 'prompt none with another', asked: { prompt: 'none login' }, error: 'invalid_request' },
    { name: 'a max_age that is no number', asked: { max_age: '-1' }, error: 'invalid_request' },
    { name: 'claims that are no JSON', asked: { claims: '{' }, error: 'invalid_request' },
    { name: 'a hint that is no ID token', asked: { id_token_hint: 'a.b.c' }, error: 'invalid_request' },
    { name: 'a request object', asked: { request: 'a.b.c' }, error: 'request_not_supported' },
    {
      name: 'a request by reference',
      asked: { request_uri: 'https://rp.example/r' },
      error: 'request_uri_not_supported',
    },
    {
      name: 'an acr that is insisted on',
      asked: { claims: '{"id_token":{"acr":{"essential":true,"values":["9"]}}}' },
      error: 'unmet_authentication_requirements',
    },
    { name: 'nobody signed in, and nobody to be asked', asked: { prompt: 'none' }, error: 'login_required' },
  ])('tells the client of $name', async ({ asked, error }) => {
    expect(await errorOf(asked)).toMatchObject({ error, state: 'a state & more=1', iss: 'https://id.example.com' })
  })

  it('tells the client of a parameter that came twice', async () => {
    const url = rp.authorizationUrl()
    url.searchParams.append('nonce', '1')
    url.searchParams.append('nonce', '2')
    expect(callbackOf(await browser.go(url))).toMatchObject({ error: 'invalid_request' })
  })

  it.each(['client_id', 'redirect_uri'])('shows the person a page when %s came twice', async (name) => {
    const url = rp.authorizationUrl()
    url.searchParams.append(name, url.searchParams.get(name) ?? '')
    expect(await browser.go(url)).toMatchObject({ status: 400, html: expect.stringContaining('<html') })
  })

  it('shows a page for a client it does not know, or no longer', async () => {
    expect((await rp.begin(browser, { client_id: 'nobody' })).status).toBe(400)
    const client = app.client({ disabled: true })
    expect((await app.rp(client).begin(browser)).status).toBe(400)
    expect(app.reasons()).toEqual(['client_unknown', 'client_disabled'])
  })

  it('tells a client that may not use codes', async () => {
    const client = app.client({ grantTypes: ['refresh_token'] })
    expect(callbackOf(await app.rp(client).begin(browser))).toMatchObject({ error: 'unauthorized_client' })
  })

  it('asks for a pushed request of a client that must push', async () => {
    const client = app.client({ requirePushedRequests: true })
    expect(callbackOf(await app.rp(client).begin(browser))).toMatchObject({ error: 'invalid_request' })
    expect(app.reasons()).toContain('request_not_pushed')
  })

  it('answers a form that another site posts with the same request by GET', async () => {
    const form = Object.fromEntries(rp.authorizationUrl().searchParams)
    const answer = await browser.ask('/oauth2/authorize', {
      method: 'POST',
      form,
      headers: { origin: 'https://rp.example' },
    })
    expect(answer.status).toBe(303)
    expect(answer.headers['set-cookie']).toBeUndefined()
    const again = new URL(answer.headers.location ?? '', app.url)
    expect(Object.fromEntries(again.searchParams)).toEqual(form)
  })

  it('answers a form that is too long with a page that says what to do', async () => {
    const form = { ...Object.fromEntries(rp.authorizationUrl().searchParams), login_hint: 'a'.repeat(9_000) }
    const answer = await browser.ask('/oauth2/authorize', { method: 'POST', form })
    expect(answer.status).toBe(400)
    expect(answer.html).toContain('pushed')
  })

  it('is reached by its own path alone, and by no other method', async () => {
    expect((await to('/oauth2/authorize/')).status).toBe(404)
    expect(
      (await browser.ask('/oauth2/authorize', { method: 'POST', headers: { 'content-type': 'text/plain' } })).status,
    ).toBe(415)
  })

  it('keeps no more flows of an address than it should, and says when to come again', async () => {
    app.throttled.flows = 60
    const answer = await rp.begin(browser)
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '60' } })
  })
})

describe('single sign-on', () => {
  it('is for every client of the tenant, and for no other tenant', async () => {
    await rp.signIn(browser, ann)
    const second = app.rp(app.client())
    expect(callbackOf(await second.begin(browser, { prompt: 'none' }))).toHaveProperty('code')
  })

  it('ends when the session does', async () => {
    const { body } = await rp.signIn(browser, ann)
    const { sid } = JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString())
    await app.people.endSession(
      'id-of-default',
      Buffer.from(sid, 'base64url')
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    )
    expect(callbackOf(await rp.begin(browser, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
  })

  it('knows the person that a hint names, and asks for nobody else', async () => {
    const { body } = await rp.signIn(browser, ann)
    const bob = app.person('bob@example.com')
    const elsewhere = app.browser()
    const hint = { id_token_hint: body.id_token }
    expect(callbackOf(await rp.begin(browser, { ...hint, prompt: 'none' }))).toHaveProperty('code')
    // Another is signed in: who the client means is not, and signs in, or it is told.
    await rp.signIn(elsewhere, bob)
    expect(callbackOf(await rp.begin(elsewhere, { ...hint, prompt: 'none' }))).toMatchObject({
      error: 'login_required',
    })
    const asked = await rp.begin(elsewhere, hint)
    expect(asked.html).toContain('name="password"')
    expect(callbackOf(await answerPages(elsewhere, asked, bob))).toMatchObject({ error: 'login_required' })
    expect(callbackOf(await answerPages(elsewhere, await rp.begin(elsewhere, hint), ann))).toHaveProperty('code')
  })

  it('brings the codes of a grant that covers several APIs, one token for one of them', async () => {
    const [orders, stock] = [app.world.addApi(), app.world.addApi({ scopes: ['stock:read'] })]
    const client = app.client({ apis: [orders.id, stock.id] })
    const both = { resource: [orders.identifier, stock.identifier], scope: 'openid orders:read stock:read' }
    const party = app.rp(client)
    const { callback } = await party
      .signIn(browser, ann, both)
      .catch(async () => ({ callback: {} as Record<string, string> }))
    expect(callback['code']).toBeDefined()
    const code = callbackOf(await party.begin(browser, both))['code'] ?? ''
    const one = await party.redeem(code, { resource: stock.identifier })
    expect(one.body).toMatchObject({ scope: 'stock:read', id_token: expect.any(String) })
    const other = await party.token({
      grant_type: 'refresh_token',
      refresh_token: one.body.refresh_token,
      resource: orders.identifier,
    })
    expect(other.body).toMatchObject({ scope: 'orders:read' })
    const userinfo = await party.token({
      grant_type: 'refresh_token',
      refresh_token: other.body.refresh_token,
      resource: 'https://id.example.com',
    })
    expect(userinfo.body).toMatchObject({ scope: 'openid' })
  })
})

it('is sent to the registered redirect URI', () => {
  expect(rp.client.redirectUri).toBe(CALLBACK)
})
