import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Arrival, TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { callbackOf } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let ann: ReturnType<BrowserApp['person']>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  ann = app.person('ann@example.com')
})
afterEach(() => app.close())

const signIn = () => browser.submit({ ...ann, decision: 'sign_in' })

/** Every page that a sign-in may come by, by name. `leadsBack`: to a client that may have opened it in a window. */
async function everyPage(): Promise<[name: string, page: Arrival, leadsBack: boolean][]> {
  const rp = app.rp(app.client({ firstParty: false, name: 'Shop' }))
  const found: [string, Arrival, boolean][] = []
  const see = (name: string, page: Arrival, leadsBack = false) => void found.push([name, page, leadsBack])
  see('bad link', await browser.ask(rp.authorizationUrl({ redirect_uri: 'https://evil.example/' })))
  see('nobody there', await browser.ask('/sign-in/AAAAAAAAAAAAAAAAAAAAAA'))
  see('sign-in', await rp.begin(browser), true)
  see('wrong password', await browser.submit({ ...ann, password: 'wrong', decision: 'sign_in' }), true)
  see('consent', await signIn(), true)
  see('select account', await rp.begin(browser, { prompt: 'select_account' }), true)
  see('form post', await rp.begin(browser, { prompt: 'none', response_mode: 'form_post' }), true)
  see('account', await browser.go('/account'))
  see(
    'another site',
    await browser.ask('/account', { method: 'POST', form: {}, headers: { origin: 'https://e.example' } }),
  )
  see('sign-out', await browser.go('/oauth2/logout'))
  see('signed out', await browser.submit({ decision: 'sign_out' }))
  see('method', await browser.ask('/oauth2/authorize', { headers: { 'x-x': 'y' }, method: 'POST', form: { a: 'é%' } }))
  return found
}

describe('every page', () => {
  it('F10 can be framed by nobody', async () => {
    for (const [name, { headers, status }] of await everyPage()) {
      if (status === 303) continue
      expect(headers['x-frame-options'], name).toBe('DENY')
      expect(headers['content-security-policy'], name).toContain("frame-ancestors 'none'")
    }
  })

  it('F26 sends no referrer, loads nothing of others, and is no window of theirs', async () => {
    for (const [name, { headers, html }, leadsBack] of await everyPage()) {
      expect(headers['referrer-policy'], name).toBe('no-referrer')
      for (const [, loaded = ''] of html.matchAll(
        /<(?:script|img|iframe|link|source|object|embed)[^>]*\s(?:src|href|data)="([^"]*)"/g,
      )) {
        expect(loaded, name).toMatch(/^\/(?!\/)/)
      }
      expect(html, name).not.toMatch(/@import|url\(/)
      if (headers.location !== undefined) continue
      // Else an app that signs people in in a window loses it: docs/decisions/openers.md.
      expect(headers['cross-origin-opener-policy'], name).toBe(leadsBack ? 'unsafe-none' : 'same-origin')
      expect(headers['content-security-policy'], name).toMatch(/default-src 'none'.*base-uri 'none'/)
      expect(headers['content-security-policy'], name).not.toMatch(/unsafe|\*|data:/)
    }
  })

  it('F24 is stored by nobody, and is another for another cookie', async () => {
    for (const [name, { headers, status }] of await everyPage()) {
      expect(headers['cache-control'], name).toMatch(/no-store/)
      expect(headers, name).not.toHaveProperty('etag')
      if (status === 200) expect(headers.vary, name).toContain('Cookie')
      expect(headers['x-content-type-options'], name).toBe('nosniff')
    }
    const rp = app.rp(app.client())
    const { headers } = await browser.ask(rp.authorizationUrl({ prompt: 'none' }))
    expect(headers['cache-control']).toMatch(/no-store/)
  })

  it('F25 is read by no page of another origin, a client’s own included', async () => {
    const rp = app.rp(app.client({ origins: ['https://app.example'] }))
    const { url } = await rp.begin(browser)
    for (const origin of ['https://app.example', 'https://evil.example', 'null', 'https://id.example.com']) {
      for (const path of [rp.authorizationUrl(), url, '/account', '/oauth2/logout']) {
        const { headers } = await browser.ask(path, { headers: { origin } })
        const preflight = await fetch(new URL(path, app.url), {
          method: 'OPTIONS',
          headers: { origin, 'access-control-request-method': 'POST' },
        })
        expect(preflight.status).toBe(405)
        for (const name of [...Object.keys(headers), ...preflight.headers.keys()])
          expect(name).not.toMatch(/^access-control/)
      }
    }
  })
})

it('F25 lets pages of clients read tokens, none of them with what the browser holds, and none that is null', async () => {
  app.client({ origins: ['https://app.example'] })
  for (const [origin, allowed] of [
    ['https://app.example', 'https://app.example'],
    ['https://app.example.evil.example', null],
    ['https://evil.example', null],
    ['HTTPS://app.example', null],
    ['null', null],
  ] as const) {
    for (const path of ['/oauth2/token', '/oauth2/userinfo', '/oauth2/par']) {
      const { headers } = await fetch(`${app.url}${path}`, { method: 'POST', headers: { origin } })
      expect(headers.get('access-control-allow-origin'), path).toBe(allowed)
      expect(headers.get('access-control-allow-credentials'), path).toBeNull()
      expect(headers.get('vary'), path).toContain('Origin')
      expect(headers.get('cache-control'), path).toContain('no-store')
    }
  }
})

it.each(['/oauth2/userinfo/x.css', '/oauth2/authorize/x.css', '/account/x.css', '/account.css', '/oauth2/token/a.js'])(
  'F24 is nothing that a cache could take for a file: %s',
  async (path) => {
    expect((await browser.ask(path)).status).toBe(404)
  },
)

describe('what a client is called', () => {
  const consentOf = async (name: string, more: Parameters<BrowserApp['client']>[0] = {}) => {
    const rp = app.rp(app.client({ firstParty: false, name, ...more }))
    await rp.begin(browser, { prompt: 'consent login' })
    return (await signIn()).html
  }

  it.each([
    ['bidirectional overrides', 'Ann\u202elluB\u202c Bank\u2066\u2069', 'AnnlluB Bank'],
    ['zero-width characters', 'Bul\u200bla\u200d\u2060\ufeff\u00ad', 'Bulla'],
    ['line ends and controls', 'Bulla\r\n\u0000\u001b[31m\u0085x', 'Bulla [31mx'],
    ['fillers', '\u3164\u115f\u2800Bulla\u{e0041}', 'Bulla'],
  ])('F15 is shown without %s', async (_, name, shown) => {
    const html = await consentOf(name)
    expect(html).toContain(`<bdi>${shown}</bdi>`)
    expect(html).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u)
  })

  it('F15 is text, and no longer than a name', async () => {
    const html = await consentOf(`</bdi></h1><img src=x onerror=alert(1)>${'A'.repeat(5_000)}`)
    expect(html).not.toContain('<img')
    expect(html).not.toContain('A'.repeat(100))
    const nameless = await consentOf('\u200b\u202e')
    expect(nameless).not.toContain('<bdi></bdi>')
  })

  it('F15 comes with where it leads, as the browser will write it, and whether anybody has looked', async () => {
    const html = await consentOf('Bank', { redirectUris: ['https://xn--bnk-7na.example/cb'] })
    expect(html).toContain('xn--bnk-7na.example')
    expect(html).toContain('Nobody at')
    expect(await consentOf('Bank', { verified: true })).not.toContain('Nobody at')
    expect(await consentOf('B\u0430nk', { verified: true })).toContain('class="note warn"')
    expect(await consentOf('Bank', { redirectUris: ['com.evil.app:/cb'], public: true })).toContain('com.evil.app')
    expect(await consentOf('Bank', { redirectUris: ['http://127.0.0.1/cb'], public: true })).toContain('127.0.0.1')
  })

  it('F15 mixes no alphabets unseen, with something invisible between them', async () => {
    expect(await consentOf('B\u200b\u0430\u200bnk', { verified: true })).toContain('class="note warn"')
  })

  it('F15 is never allowed without a question where it is not the tenant’s own, for what was not allowed before', async () => {
    const [orders] = [app.world.addApi()]
    const client = app.client({ firstParty: false, apis: [orders.id] })
    const rp = app.rp(client)
    await rp.signIn(browser, ann)
    expect(callbackOf(await rp.begin(browser, { prompt: 'none' }))).toHaveProperty('code')
    for (const scope of ['openid email', 'openid offline_access', 'openid orders:read']) {
      expect(callbackOf(await rp.begin(browser, { prompt: 'none', scope }))['error'], scope).toBe('consent_required')
    }
    // What Ann allowed, Bob did not; nor another client of the same name.
    const bob = app.person('bob@example.com')
    const his = app.browser()
    await app.rp(app.client()).signIn(his, bob)
    expect(callbackOf(await rp.begin(his, { prompt: 'none' }))['error']).toBe('consent_required')
    const twin = app.rp(app.client({ firstParty: false, name: client.name, apis: [orders.id] }))
    expect(callbackOf(await twin.begin(browser, { prompt: 'none' }))['error']).toBe('consent_required')
  })

  it.each(['http://127.0.0.1/cb', 'http://localhost:4711/cb', 'com.example.app:/cb'])(
    'F16 is asked every time of who could be any program of the device: %s',
    async (redirectUri) => {
      for (const firstParty of [false, true]) {
        const client = app.client({ public: true, firstParty, redirectUris: [redirectUri] })
        const rp = app.rp({ id: client.id, redirectUri })
        await rp.signIn(browser, ann)
        expect((await rp.begin(browser)).html).toContain('value="allow"')
        expect(callbackOf(await rp.begin(browser, { prompt: 'none' }))['error']).toBe('consent_required')
      }
    },
  )

  it('F16 is not asked again of a public client whose redirect URI no other can have', async () => {
    const client = app.client({ public: true, firstParty: false })
    const rp = app.rp({ id: client.id, redirectUri: client.redirectUri })
    await rp.signIn(browser, ann)
    expect(callbackOf(await rp.begin(browser))).toHaveProperty('code')
  })
})

it('F26 says back neither hint nor language, but as text', async () => {
  const evil = '"><script>alert(1)</script>\r\nx: y'
  const rp = app.rp(app.client())
  for (const asked of [
    { login_hint: evil },
    { ui_locales: `${evil} de` },
    { claims_locales: evil },
    { display: evil },
  ]) {
    const { html, headers, status } = await rp.begin(browser, asked)
    expect(status).toBe(200)
    expect(html).not.toContain('<script')
    expect(headers).not.toHaveProperty('x')
    expect(headers['content-language']).toMatch(/^[a-z-]+$/)
  }
})
