import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseRedirectUri } from '../../../src/oauth/registration/uris.js'
import { ACME } from '../../support/app.js'
import { formOf, type TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { answerPages, callbackOf } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
})
afterEach(() => app.close())

const MODES = ['query', 'fragment', 'form_post'] as const
const ISSUER = 'https://id.example.com'

describe.each(MODES)('a response by %s', (response_mode) => {
  it.each<{ name: string; asked: Record<string, string>; error: string }>([
    { name: 'nobody signed in', asked: { prompt: 'none' }, error: 'login_required' },
    { name: 'a scope nobody has', asked: { scope: 'burn' }, error: 'invalid_scope' },
    { name: 'a resource nobody has', asked: { resource: 'https://nobody.example' }, error: 'invalid_target' },
    { name: 'no challenge', asked: { code_challenge: '' }, error: 'invalid_request' },
    { name: 'another response type', asked: { response_type: 'token' }, error: 'unsupported_response_type' },
    { name: 'a request object', asked: { request: 'a.b.c' }, error: 'request_not_supported' },
    { name: 'a request elsewhere', asked: { request_uri: 'https://a.example' }, error: 'request_uri_not_supported' },
  ])('F1 names the issuer in an error: $name', async ({ asked, error }) => {
    const rp = app.rp(app.client())
    const answer = callbackOf(await rp.begin(browser, { response_mode, ...asked }))
    expect(answer).toMatchObject({ error, iss: ISSUER, state: 'a state & more=1' })
    const theirs = app.rp(app.client({ tenant: ACME }), {}, ACME)
    expect(callbackOf(await theirs.begin(browser, { response_mode, ...asked }))).toMatchObject({
      error,
      iss: ACME.issuer,
    })
  })

  it('F1 names the issuer with a code, and when a person refuses', async () => {
    const ann = app.person('ann@example.com')
    const rp = app.rp(app.client({ firstParty: false }), { response_mode })
    expect((await rp.signIn(browser, ann)).callback).toMatchObject({ code: expect.any(String), iss: ISSUER })
    await rp.begin(browser, { prompt: 'consent' })
    expect(callbackOf(await browser.submit({ decision: 'deny' }))).toMatchObject({
      error: 'access_denied',
      iss: ISSUER,
    })
    await rp.begin(browser, { prompt: 'login' })
    expect(callbackOf(await browser.submit({ decision: 'cancel' }))).toMatchObject({ iss: ISSUER })
    expect(callbackOf(await rp.begin(browser, { prompt: 'none consent' }))).toMatchObject({ iss: ISSUER })
    expect(callbackOf(await rp.begin(browser, { prompt: 'none', scope: 'openid email' }))).toMatchObject({
      error: 'consent_required',
      iss: ISSUER,
    })
  })

  it('F1 names the issuer where another person signed in than was asked for', async () => {
    const [ann, bob] = [app.person('ann@example.com'), app.person('bob@example.com')]
    const rp = app.rp(app.client(), { response_mode })
    const { body } = await rp.signIn(browser, ann)
    const elsewhere = app.browser()
    const asked = await rp.begin(elsewhere, { id_token_hint: body.id_token })
    expect(callbackOf(await answerPages(elsewhere, asked, bob))).toMatchObject({ error: 'login_required', iss: ISSUER })
  })

  it('F7 has each parameter once, whatever the state looks like', async () => {
    const state = 'x&code=evil&iss=https://evil.example#code=evil?error=1;state=2'
    const ann = app.person('ann@example.com')
    const { callback } = await app.rp(app.client(), { response_mode, state }).signIn(browser, ann)
    expect(callback).toEqual({ code: expect.stringMatching(/^[\w-]{43}$/), state, iss: ISSUER })
  })

  it.each([
    'white space\tand\nlines\r\n',
    'ünïcödé 漢字 🦊 \u202e\u200b',
    '%00%0d%0a+&amp;',
    '"><script>alert(1)</script>',
    "'; DROP TABLE",
  ])('F8 gives back the state as it came, and no header of it: %j', async (state) => {
    const { url, headers, status } = await app.rp(app.client()).begin(browser, {
      prompt: 'none',
      state: `${state}\r\nx-injected: 1\r\n\r\n<b>`,
      response_mode,
    })
    const wanted = `${state}\r\nx-injected: 1\r\n\r\n<b>`
    const here = { url, headers, status, html: browser.here().html }
    // A form sends line ends as CR LF anyway, HTML §4.10.21.4.
    expect(callbackOf(here)['state']).toBe(wanted)
    expect(headers).not.toHaveProperty('x-injected')
    expect(headers.location ?? '').toMatch(/^[\x21-\x7e]*$/)
  })
})

describe('the query of a redirect URI', () => {
  it.each([
    ['https://rp.example/cb?a=1&b=', 'https://rp.example/cb?a=1&b=&error='],
    ['https://rp.example/cb?', 'https://rp.example/cb?error='],
    ['https://rp.example', 'https://rp.example?error='],
    ['com.example.app:/cb?a=%2526', 'com.example.app:/cb?a=%2526&error='],
  ])('F7 is kept byte for byte: %s', async (redirectUri, begins) => {
    const rp = app.rp(app.client({ redirectUris: [redirectUri] }))
    const { headers } = await browser.ask(rp.authorizationUrl({ prompt: 'none' }))
    expect(headers.location?.startsWith(begins)).toBe(true)
  })

  it('F7 stays where the form of form_post goes, and holds nothing of the response', async () => {
    const rp = app.rp(app.client({ redirectUris: ['https://rp.example/cb?a=1'] }), { response_mode: 'form_post' })
    const { html } = await rp.begin(browser, { prompt: 'none' })
    expect(formOf(html).action).toBe('https://rp.example/cb?a=1')
  })

  it.each(['code', 'state', 'iss', 'error', 'error_description', 'error_uri', 'response', '%63ode', 'cod%65', '%69ss'])(
    'F7 has none that a response has, when it is registered: %s',
    (name) => {
      expect(() => parseRedirectUri(`https://rp.example/cb?a=1&${name}=x`)).toThrow('must not have the parameter')
    },
  )
})

describe('the page of form_post', () => {
  const EVIL = '"><script>alert(1)</script><base href="https://evil.example/">'

  it('F9 runs one script, by a nonce, whatever client and state are called', async () => {
    const rp = app.rp(app.client({ name: EVIL }), { response_mode: 'form_post', state: EVIL })
    const nonces = await Promise.all(
      [1, 2].map(async () => {
        const { html, headers } = await rp.begin(app.browser(), { prompt: 'none' })
        expect(html.match(/<script/g)).toHaveLength(1)
        expect(html).not.toContain('<base')
        expect(formOf(html).hidden).toMatchObject({ state: EVIL })
        const policy = String(headers['content-security-policy'])
        const [, nonce = ''] = /script-src 'nonce-([\w-]{22})'/.exec(policy) ?? []
        expect(html).toContain(`<script nonce="${nonce}">`)
        expect(policy).toContain("default-src 'none'")
        expect(policy).toContain("base-uri 'none'")
        expect(policy).toMatch(/form-action 'self' https:(?:;|$)/)
        expect(policy).not.toContain('unsafe')
        expect(headers['cache-control']).toBe('no-store')
        return nonce
      }),
    )
    expect(new Set(nonces).size).toBe(2)
  })

  it('F9 is never one of a scheme that a form must not post to', async () => {
    const rp = app.rp(app.client({ redirectUris: ['com.example.app:/cb'] }))
    const { headers, status } = await browser.ask(rp.authorizationUrl({ response_mode: 'form_post' }))
    expect(status).toBe(303)
    expect(headers.location).toMatch(/^com\.example\.app:\/cb\?error=invalid_request&/)
  })
})

it('F8 has no description in other characters than RFC 6749 §4.1.2.1 allows, whatever was asked', async () => {
  const rp = app.rp(app.client())
  const evil = 'é"\\\r\n\t\u202e<x>'
  for (const name of [
    'scope',
    'prompt',
    'max_age',
    'claims',
    'resource',
    'code_challenge',
    'acr_values',
    'response_type',
  ]) {
    const answer = callbackOf(await rp.begin(browser, { prompt: 'none', [name]: evil }))
    expect(answer['error_description'] ?? '').toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/)
    expect(answer['error']).toMatch(/^[a-z_]+$/)
  }
})
