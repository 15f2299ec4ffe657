import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { askRaw, browserCookie, csrfOf, OWN_PAGE } from '../../support/front-channel.js'
import type { relyingParty } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let ann: ReturnType<BrowserApp['person']>
let client: ReturnType<BrowserApp['client']>
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  ann = app.person('ann@example.com')
  client = app.client()
  rp = app.rp(client)
})
afterEach(() => app.close())

const FORM = 'application/x-www-form-urlencoded'
const basic = () => ({ authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` })
const query = (asked = {}) => rp.authorizationUrl(asked).search

describe('a parameter that comes twice', () => {
  const NAMES = [
    ...new URL('https://x/?response_type&scope&state&code_challenge&code_challenge_method').searchParams.keys(),
  ]
  const MORE = [
    'nonce',
    'prompt',
    'max_age',
    'claims',
    'login_hint',
    'ui_locales',
    'acr_values',
    'request',
    'x_unknown',
  ]

  it.each([...NAMES, ...MORE])('F19 is told to the client: %s, in whichever way', async (name) => {
    for (const [first, second] of [
      [name, name],
      [name, `${name}[]`],
      [`${name}[0]`, name],
      [name, `${name}[a][b]`],
    ] as const) {
      const url = rp.authorizationUrl({ [name]: undefined, prompt: undefined })
      url.searchParams.delete(name)
      url.searchParams.append(first, 'a')
      url.searchParams.append(second, 'b')
      const { headers, status } = await browser.ask(url)
      expect([status, headers.location]).toEqual([
        303,
        expect.stringContaining('https://rp.example/cb?error=invalid_request'),
      ])
    }
  })

  it.each(['client_id', 'redirect_uri', 'request_uri'])(
    'F19 leads nowhere where it says where to: %s',
    async (name) => {
      const { headers, status } = await browser.ask(`/oauth2/authorize${query()}&${name}=a&${name}=b`)
      expect([status, headers.location]).toEqual([400, undefined])
    },
  )

  it('F19 counts in no form either', async () => {
    const page = await rp.begin(browser)
    const csrf = csrfOf(page)
    const cookie = `${browserCookie()}=${browser.cookies.get(browserCookie())}`
    for (const body of [
      `csrf=${csrf}&csrf=${csrf}&decision=cancel`,
      `csrf=${csrf}&decision=cancel&decision=sign_in`,
      `csrf=${csrf}&username=a&username[]=b&password=x&decision=sign_in`,
      `csrf[]=x&csrf=${csrf}&decision=cancel`,
    ]) {
      const headers = { 'content-type': FORM, cookie, ...OWN_PAGE }
      expect((await askRaw(app.url, page.url.pathname, { method: 'POST', headers, body })).status).toBe(400)
    }
    expect(app.throttled.tries).toEqual([])
    for (const path of ['/oauth2/token', '/oauth2/par', '/oauth2/userinfo', '/oauth2/logout']) {
      const headers = { 'content-type': FORM, ...basic() }
      const body = 'grant_type=authorization_code&grant_type=x&client_id=a&client_id=b&id_token_hint=a&id_token_hint=b'
      expect((await askRaw(app.url, path, { method: 'POST', headers, body })).status, path).toBe(400)
    }
  })
})

describe('what is encoded', () => {
  it('F20 is the same with + and %20, and by POST', async () => {
    await rp.signIn(browser, ann)
    for (const scope of ['openid+email', 'openid%20email', '%6fpenid%20email']) {
      const at = `/oauth2/authorize${query({ scope: undefined, prompt: 'none' })}&scope=${scope}`
      const { headers } = await browser.ask(at)
      expect(headers.location, scope).toContain('code=')
      const { body } = await rp.redeem(new URL(headers.location ?? '').searchParams.get('code') ?? '')
      expect(body['scope']).toBe('openid email')
    }
  })

  it.each([
    '%',
    '%f',
    '%zz',
    '%c0%af',
    '%ff',
    '%ed%a0%80',
    '%f4%90%80%80',
    '%e0%80%af',
    '%00',
    'a%00b',
    '\u00e9',
    '\u0000',
    '%u0041',
  ])('F20 is refused where two parsers would read two things: %j', async (value) => {
    const raw = Buffer.from(value).toString('latin1')
    for (const name of ['state', 'scope', 'nonce', 'x']) {
      const answer = await askRaw(app.url, `/oauth2/authorize${query({ [name]: undefined })}&${name}=${raw}`).catch(
        () => undefined,
      )
      // Node's own client sends no NUL.
      if (answer) expect([answer.status, answer.headers.location]).toEqual([400, undefined])
    }
  })

  it.each([
    ['JSON', 'application/json', '{"client_id":"x"}', 415],
    [
      'multipart',
      'multipart/form-data; boundary=x',
      '--x\r\ncontent-disposition: form-data; name="client_id"\r\n\r\nx\r\n--x--',
      415,
    ],
    ['text', 'text/plain', 'client_id=x', 415],
    ['no type', '', 'client_id=x', 415],
    ['UTF-7', `${FORM}; charset=utf-7`, 'client_id=+AHg-', 415],
    ['UTF-16', `${FORM}; charset=utf-16`, 'client_id=x', 415],
    ['a mark of the byte order', FORM, '\ufeffclient_id=x', 400],
    ['100,000 pairs', FORM, 'a=b&'.repeat(4_000), 400],
    ['a megabyte', FORM, `state=${'a'.repeat(1_000_000)}`, 413],
  ])('F20 comes as a form of UTF-8 and of some size: not as %s', async (_, type, body, status) => {
    const page = await rp.begin(browser)
    for (const path of ['/oauth2/authorize', '/oauth2/par', '/oauth2/token', '/oauth2/logout', page.url.pathname]) {
      const headers = { 'content-type': type, ...OWN_PAGE, ...(path === '/oauth2/par' && basic()) }
      const answer = await askRaw(app.url, path, { method: 'POST', headers, body }).catch(() => undefined)
      if (!answer) continue
      // What is read of a body comes before who asks; what is unknown in it is overlooked.
      const allowed = status === 400 ? [400, 401, 303, 410] : [status]
      expect(allowed, `${path} ${answer.status}`).toContain(answer.status)
      expect(answer.headers.location ?? '/').toMatch(/^\//)
    }
  })

  it('D4 is read in no time, however it was made to take long', async () => {
    const long = 7_500
    for (const value of [
      'a'.repeat(long),
      ' '.repeat(long),
      '('.repeat(long),
      'a-'.repeat(long / 2),
      'a.'.repeat(long / 2),
      '['.repeat(long),
    ]) {
      for (const name of [
        'state',
        'scope',
        'claims',
        'ui_locales',
        'prompt',
        'redirect_uri',
        'id_token_hint',
        'max_age',
        'resource',
        'code_challenge',
      ]) {
        const { pathname, search } = rp.authorizationUrl({ prompt: 'none', [name]: value })
        const { status } = await askRaw(app.url, pathname + search)
        // One that is slow by its shape takes longer than a test may.
        expect([303, 400, 431]).toContain(status)
      }
    }
  })
})

describe('a name that objects have anyway', () => {
  const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf']

  it.each(NAMES)('D5 is a name like any other: %s', async (name) => {
    for (const asked of [
      { client_id: name },
      { scope: `openid ${name}` },
      { prompt: name },
      { response_mode: name },
      { response_type: name },
      { resource: name },
      { state: name },
      { [name]: 'x', [`${name}[x]`]: 'y' },
      { claims: `{"id_token":{"${name}":{"essential":true}},"${name}":{"x":1}}` },
      { claims: `{"userinfo":{"acr":{"values":["${name}"]},"${name}":null}}` },
      { request_uri: `urn:ietf:params:oauth:request_uri:${name}` },
      { ui_locales: name },
    ]) {
      const { status } = await browser.ask(rp.authorizationUrl(asked))
      expect([303, 400]).toContain(status)
    }
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as Record<string, unknown>)['x']).toBeUndefined()
    expect(app.reasons()).not.toContain('unexpected_error')
  })
})

describe('where a request says that it was sent to', () => {
  const POISONED = {
    host: 'evil.example',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': '/evil.example',
    'x-original-url': '/evil.example',
    'x-rewrite-url': '/evil.example',
    forwarded: 'host=evil.example;proto=http',
  }

  it('F22 changes nothing of what comes back', async () => {
    await rp.signIn(browser, ann)
    const cookie = `${browserCookie()}=${browser.cookies.get(browserCookie())}`
    const page = await rp.begin(browser, { prompt: 'login' })
    for (const path of [
      `/oauth2/authorize${query()}`,
      `/oauth2/authorize${query({ prompt: 'none' })}`,
      `/oauth2/authorize${query({ prompt: 'none', response_mode: 'form_post' })}`,
      `/oauth2/authorize${query({ prompt: 'login' })}`,
      `/oauth2/authorize${query({ client_id: 'x' })}`,
      page.url.pathname,
      '/account',
      '/oauth2/logout',
      '/nowhere',
    ]) {
      const answer = await askRaw(app.url, path, { headers: { ...POISONED, cookie } })
      expect(JSON.stringify(answer), path).not.toContain('evil.example')
      expect(answer.headers.location ?? '/').toMatch(/^(?:\/(?!\/)|https:\/\/rp\.example\/cb\?)/)
    }
    // The absolute form of a request is no other.
    const absolute = await askRaw(app.url, `https://evil.example/oauth2/authorize${query({ prompt: 'none' })}`, {
      headers: { cookie },
    })
    expect(JSON.stringify(absolute)).not.toContain('evil.example')
  })
})

it.each([
  '/oauth2/authorize;x',
  '/oauth2/authorize/',
  '/oauth2/authorize/.',
  '//oauth2/authorize',
  '/oauth2//authorize',
  '/oauth2/./authorize',
  '/x/../oauth2/authorize',
  '/oauth2/x/..;/authorize',
  '/oauth2%2fauthorize',
  '/oauth2/authori%7ae',
  '/OAuth2/Authorize',
  '/oauth2/authorize%00',
  '/oauth2/authorize%20',
  '/oauth2/authorize.json',
  '/oauth2\\authorize',
  '/t/default/oauth2/authorize',
  '/t/ACME/oauth2/authorize',
  '/t//oauth2/authorize',
  '/t/acme/../oauth2/authorize',
  '/t/acme/t/acme/oauth2/authorize',
  '/t/acme%2f/oauth2/authorize',
])('F23 is no other way to the authorization endpoint: %s', async (path) => {
  const { status, headers } = await askRaw(app.url, path + query({ prompt: 'none' }))
  expect([status, headers.location]).toEqual([404, undefined])
})

it('F23 is no other way to a flow', async () => {
  const page = await rp.begin(browser)
  const cookie = `${browserCookie()}=${browser.cookies.get(browserCookie())}`
  const { pathname } = page.url
  for (const path of [
    `${pathname}/`,
    `${pathname};x`,
    `${pathname}/x`,
    `/${pathname}`,
    pathname.toUpperCase(),
    `${pathname}%00`,
    pathname.slice(0, -1),
  ]) {
    const answer = await askRaw(app.url, path, { headers: { cookie } })
    expect([404, 410], path).toContain(answer.status)
  }
})
