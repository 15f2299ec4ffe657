import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parsePostLogoutRedirectUri, parseRedirectUri } from '../../../src/oauth/registration/uris.js'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { PLAIN_OPENID } from '../../support/ports.js'
import { callbackOf } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
})
afterEach(() => app.close())

/** What looks like `https://ok.example/cb` to some parser, and is another string. RFC 9700 §4.1. */
const LIKE_HTTPS = [
  'https://ok.example@evil.example/cb',
  'https://ok.example\\@evil.example/cb',
  'https://ok.example%2f@evil.example/cb',
  'https://ok.example%5c@evil.example/cb',
  'https://evil.example\\.ok.example/cb',
  'https://ok.example:80:443/cb',
  'https://ok.example:443/cb',
  'https://ok.example.evil.example/cb',
  'https://evil.example/ok.example/cb',
  'https://evil.example#ok.example/cb',
  'https://evil.example?ok.example/cb',
  'https://OK.example/cb',
  'HTTPS://ok.example/cb',
  'https://ok.example/CB',
  'https://ok.example./cb',
  'https://ok.example',
  'https://ok.example/',
  'https://ok.example/cb/',
  'https://ok.example//cb',
  'https://ok.example/./cb',
  'https://ok.example/x/../cb',
  'https://ok.example/cb/..',
  'https://ok.example/cb/../../evil',
  'https://ok.example/%2e%2e/cb',
  'https://ok.example/%63b',
  'https://ok.example/cb%00',
  'https://ok.example/cb%0d%0a',
  'https://ok.example/cb;x',
  'https://ok.example/cb?',
  'https://ok.example/cb?a=1',
  'https://ok.example/cb#',
  'https://ok.example/cb#a',
  'https://ok.example/cb?a=1#',
  'https://ok.example/cb\t',
  'https://ok.example/cb\r\nx: y',
  'https://ok.example/c\nb',
  ' https://ok.example/cb',
  'https://ok.example/cb ',
  '\ufeffhttps://ok.example/cb',
  'https://ok\u3002example/cb',
  'https://ok\uff0eexample/cb',
  'https://\u043ek.example/cb',
  'https://xn--k-fvb.example/cb',
  'https://ok.example\u200b/cb',
  'http://ok.example/cb',
  '//ok.example/cb',
  '///ok.example/cb',
  'https:ok.example/cb',
  'https:/ok.example/cb',
  'https:///ok.example/cb',
  'https:\\\\ok.example\\cb',
  '/cb',
  'cb',
  'javascript:alert(1)//https://ok.example/cb',
  'data:text/html,https://ok.example/cb',
  'about:blank',
  'https://*.example/cb',
  'https://user:pass@ok.example/cb',
  'https://@ok.example/cb',
  'https://id.example.com/cb',
]

/** The same for `http://127.0.0.1/cb`, whose port alone is free. RFC 8252 §7.3. */
const LIKE_LOOPBACK = [
  'http://127.0.0.1:80@evil.example/cb',
  'http://127.0.0.1:@evil.example/cb',
  'http://127.0.0.1@evil.example/cb',
  'http://127.0.0.1.evil.example/cb',
  'http://127.0.0.1:65536/cb',
  'http://127.0.0.1:0/cb',
  'http://127.0.0.1:080/cb',
  'http://127.0.0.1:/cb',
  'http://127.0.0.1:80:81/cb',
  'http://127.0.0.1:8e1/cb',
  'http://127.0.0.1:-1/cb',
  'http://127.0.0.1:%38/cb',
  'http://127.1/cb',
  'http://127.0.0.2/cb',
  'http://0x7f.0.0.1/cb',
  'http://0x7f.1:4711/cb',
  'http://2130706433/cb',
  'http://0177.0.0.1/cb',
  'http://[::ffff:127.0.0.1]/cb',
  'http://[::1]/cb',
  'http://localhost/cb',
  'http://localhost.:4711/cb',
  'https://127.0.0.1/cb',
  'https://127.0.0.1:4711/cb',
  'http://127.0.0.1:4711/cb/',
  'http://127.0.0.1:4711/CB',
  'http://127.0.0.1:4711/cb?x=1',
  'http://127.0.0.1:4711/cb#x',
  'http://127.0.0.1:4711/../cb',
  'http://127.0.0.1:4711\\cb',
  'http://127.0.0.1:4711',
  'http://127.0.0.1:4711/cb\n',
  'http://127.0.0.1:4711//evil.example/cb',
]

const SHOWN = { status: 400, headers: { 'content-type': 'text/html; charset=utf-8' } }

describe.each([
  ['https://ok.example/cb', LIKE_HTTPS],
  ['http://127.0.0.1/cb', LIKE_LOOPBACK],
])('a client whose redirect URI is %s', (registered, corpus) => {
  it('F5 is sent to no other, nor anybody else: with a page, and never a Location', async () => {
    const rp = app.rp(app.client({ redirectUris: [registered] }))
    for (const redirect_uri of corpus) {
      for (const more of [{}, { prompt: 'none' }, { response_mode: 'form_post', scope: 'burn' }]) {
        const answer = await browser.ask(rp.authorizationUrl({ redirect_uri, ...more }))
        expect(answer, redirect_uri).toMatchObject(SHOWN)
        expect(answer.headers.location, redirect_uri).toBeUndefined()
        expect(answer.html, redirect_uri).not.toContain('evil.example')
      }
    }
    expect(new Set(app.reasons())).toEqual(new Set(['redirect_uri_not_registered']))
  })

  it('F5 is sent to it as it was registered', async () => {
    const rp = app.rp(app.client({ redirectUris: [registered] }))
    const { headers } = await browser.ask(rp.authorizationUrl({ prompt: 'none' }))
    expect(headers.location).toMatch(new RegExp(`^${registered}\\?error=login_required&`))
  })
})

it('F5 is sent to any port of a loopback address, and stays on it', async () => {
  const redirectUris = ['http://127.0.0.1/cb', 'http://[::1]:1/cb?a=1']
  const rp = app.rp(app.client({ redirectUris, public: true }))
  for (const [asked, begins] of [
    ['http://127.0.0.1:1/cb', 'http://127.0.0.1:1/cb?error='],
    ['http://127.0.0.1:65535/cb', 'http://127.0.0.1:65535/cb?error='],
    ['http://[::1]:4711/cb?a=1', 'http://[::1]:4711/cb?a=1&error='],
    ['http://[::1]/cb?a=1', 'http://[::1]/cb?a=1&error='],
  ] as const) {
    const { headers } = await browser.ask(rp.authorizationUrl({ redirect_uri: asked, prompt: 'none' }))
    expect(headers.location?.startsWith(begins), headers.location).toBe(true)
  }
})

it('F5 has none that two parsers read as two places, when it is registered', () => {
  const taken = [
    'https://ok.example',
    'https://ok.example/',
    'https://xn--k-fvb.example/cb',
    'https://id.example.com/cb',
  ]
  const spelledAsItIs = ['https://ok.example/cb/', 'https://ok.example/CB', 'https://ok.example//cb']
  const further = [
    'https://ok.example/cb;x',
    'https://ok.example/cb?',
    'https://ok.example/cb?a=1',
    'https://ok.example/%63b',
  ]
  const other = [
    'https://ok.example.evil.example/cb',
    'https://evil.example/ok.example/cb',
    'https://evil.example?ok.example/cb',
  ]
  const fine = new Set([...taken, ...spelledAsItIs, ...further, ...other])
  for (const uri of LIKE_HTTPS.filter((one) => !fine.has(one))) {
    if (uri === 'https://ok.example/cb%00' || uri === 'https://ok.example/cb%0d%0a') continue
    expect(() => parseRedirectUri(uri), uri).toThrow()
    expect(() => parsePostLogoutRedirectUri(uri), uri).toThrow()
  }
})

describe('a browser', () => {
  const EVIL = ['https://evil.example/', '//evil.example', '/\\evil.example', '/%09/evil.example', '/\t/evil.example']

  it.each([
    { client_id: 'nobody' },
    { client_id: '' },
    { client_id: '__proto__' },
    { client_id: 'constructor' },
    { redirect_uri: 'https://evil.example/' },
    { request_uri: 'urn:ietf:params:oauth:request_uri:nothing' },
  ])('F6 is never sent on for a client that is not proven: %j', async (asked) => {
    const rp = app.rp(app.client({ redirectUris: ['https://ok.example/a', 'https://ok.example/b'] }))
    for (const more of [{}, { prompt: 'none' }, { response_type: 'x' }, { scope: 'burn' }, { redirect_uri: '' }]) {
      const answer = await browser.ask(rp.authorizationUrl({ ...more, ...asked }))
      expect([answer.status, answer.headers.location]).toEqual([400, undefined])
    }
  })

  it('F6 finds in no parameter of ours where it would go next', async () => {
    const ann = app.person('ann@example.com')
    const names = ['return_to', 'returnTo', 'continue', 'continueTo', 'next', 'redirect', 'url', 'to', 'RelayState']
    const pages = ['/account', '/oauth2/logout', '/sign-in/AAAAAAAAAAAAAAAAAAAAAA', '/sign-out/AAAAAAAAAAAAAAAAAAAAAA']
    await app.rp(app.client()).signIn(browser, ann)
    for (const evil of EVIL) {
      const query = new URLSearchParams(names.map((name): [string, string] => [name, evil]))
      for (const path of pages) {
        const { headers, html } = await app.browser().ask(`${path}?${query}`)
        expect(headers.location ?? '/').toMatch(/^\/(?![/\\])[\w/-]*$/)
        expect(html).not.toContain('evil')
        expect(String(headers['refresh'])).not.toContain('evil')
      }
    }
  })

  it('F6 goes from sign-out to what the client registered, byte for byte, or nowhere', async () => {
    const ann = app.person('ann@example.com')
    const bye = 'https://ok.example/bye'
    const client = app.client({ openid: { ...PLAIN_OPENID, postLogoutRedirectUris: [bye] } })
    const { body } = await app.rp(client).signIn(browser, ann)
    const ask = (uri: string, more: Record<string, string> = {}) => {
      const query = { post_logout_redirect_uri: uri, client_id: client.id, ...more }
      return browser.ask(`/oauth2/logout?${new URLSearchParams(query)}`)
    }
    const corpus = [...LIKE_HTTPS.map((uri) => uri.replaceAll('/cb', '/bye')), ...EVIL]
    for (const uri of corpus) {
      for (const more of [{}, { id_token_hint: body.id_token }]) {
        const { status, headers } = await ask(uri, more)
        expect([status, headers.location, headers['refresh']], uri).toEqual([400, undefined, undefined])
      }
    }
    // She is signed in still, and no hint vouches for the client: it is she who says.
    const { status, headers } = await ask(bye)
    expect([status, headers.location]).toEqual([200, undefined])
    // Without the client nothing is known of a URI at all.
    const nobody = await browser.ask(`/oauth2/logout?${new URLSearchParams({ post_logout_redirect_uri: bye })}`)
    expect([nobody.status, nobody.headers.location]).toEqual([200, undefined])
    expect(nobody.html).not.toContain('ok.example')
    expect((await ask(bye, { id_token_hint: body.id_token, state: 'a&b\r\nc' })).headers.location).toBe(
      `${bye}?state=a%26b%0D%0Ac`,
    )
  })
})

it('F6 leads to our own origin only with an answer for the client, which our pages take for no form of theirs', async () => {
  // Who registers such a URI gets nothing by it: the code comes to us, in a form without our csrf token.
  const ann = app.person('ann@example.com')
  const client = app.client({ redirectUris: ['https://id.example.com/account'] })
  const { callback } = await app.rp(client, { response_mode: 'form_post' }).signIn(browser, ann)
  const posted = await browser.ask('/account', {
    method: 'POST',
    form: { ...callback, action: 'sign_out' },
    headers: { origin: 'null', 'sec-fetch-site': 'same-origin' },
  })
  expect(posted.status).toBe(403)
  expect(callbackOf(await app.rp(app.client()).begin(browser, { prompt: 'none' }))).toHaveProperty('code')
})
