import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ACME } from '../../support/app.js'
import { formOf, type TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { browserCookie, copyOf, csrfOf, OWN_PAGE } from '../../support/front-channel.js'
import { answerPages, callbackOf, type relyingParty } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let ann: ReturnType<BrowserApp['person']>
let bob: ReturnType<BrowserApp['person']>
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  ann = app.person('ann@example.com')
  bob = app.person('bob@example.com')
  rp = app.rp(app.client({ firstParty: false, name: 'Shop' }))
})
afterEach(() => app.close())

const signIn = (who: { username: string; password: string }) => ({ ...who, decision: 'sign_in' })
const authTime = (idToken: string) =>
  JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString())['auth_time'] as number

describe('a flow that another browser gets hold of', () => {
  it('F12 is worth nothing there: neither shown nor answered', async () => {
    const page = await rp.begin(browser)
    const thief = app.browser()
    expect((await thief.ask(page.url)).status).toBe(410)
    await app.rp(app.client()).begin(thief)
    expect((await thief.ask(page.url)).status).toBe(410)
    const form = { csrf: csrfOf(page), ...signIn(ann) }
    const posted = await thief.ask(page.url, { method: 'POST', form, headers: OWN_PAGE })
    expect([posted.status, posted.headers['set-cookie']]).toEqual([410, undefined])
    expect(app.throttled.tries).toEqual([])
  })

  it('F12 is not finished for whoever began it by who was led to it', async () => {
    // The attacker begins, and has the victim, who is signed in, open the page.
    const attacker = app.browser()
    const begun = await rp.begin(attacker)
    await rp.signIn(browser, ann)
    const lured = await browser.go(begun.url)
    expect([lured.status, lured.headers.location]).toEqual([410, undefined])
    expect((await attacker.go(begun.url)).html).toContain('name="password"')
  })

  it('F12 is of its own tenant alone, and so is every cookie', async () => {
    const page = await rp.begin(browser)
    const theirs = app.rp(app.client({ tenant: ACME }), {}, ACME)
    await theirs.begin(browser)
    const [, id = ''] = /\/sign-in\/([\w-]{22})/.exec(page.url.pathname) ?? []
    expect((await browser.ask(`/t/acme/sign-in/${id}`)).status).toBe(410)
    // The value of one under the name of the other.
    await rp.signIn(browser, ann)
    const planted = app.browser()
    planted.cookies.set(browserCookie(ACME), browser.cookies.get(browserCookie()) ?? '')
    expect(callbackOf(await theirs.begin(planted, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
    expect((await planted.ask(`/t/acme/sign-in/${id}`)).status).toBe(410)
  })
})

describe('what a browser is known by', () => {
  it('F13 changes at every sign-in, and what it was before is nobody’s', async () => {
    await rp.begin(browser)
    const before = copyOf(app, browser)
    await answerPages(browser, browser.here(), ann)
    expect(callbackOf(await rp.begin(before, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
    const first = copyOf(app, browser)
    expect(callbackOf(await rp.begin(first, { prompt: 'none' }))).toHaveProperty('code')
    // She confirms that it is her: what was known of the same session is no more.
    await answerPages(browser, await rp.begin(browser, { prompt: 'login' }), ann)
    expect(callbackOf(await rp.begin(first, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
    expect(callbackOf(await rp.begin(browser, { prompt: 'none' }))).toHaveProperty('code')
  })

  it('F13 ends on the server when another person signs in, and at sign-out', async () => {
    await rp.signIn(browser, ann)
    const ofAnn = copyOf(app, browser)
    const page = await rp.begin(browser, { prompt: 'consent' })
    expect(page.html).toContain('ann')
    await browser.submit({ decision: 'switch' })
    await answerPages(browser, await browser.submit(signIn(bob)), bob)
    expect(callbackOf(await rp.begin(ofAnn, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
    const ofBob = copyOf(app, browser)
    expect(callbackOf(await rp.begin(ofBob, { prompt: 'none' }))).toHaveProperty('code')
    await browser.go('/oauth2/logout')
    await browser.submit({ decision: 'sign_out' })
    expect(callbackOf(await rp.begin(ofBob, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
    expect(callbackOf(await rp.begin(browser, { prompt: 'none' }))).toMatchObject({ error: 'login_required' })
  })

  it('F14 is one cookie that no sibling can plant, and none when it comes twice', async () => {
    const { headers } = await browser.ask(rp.authorizationUrl())
    const [set = ''] = headers['set-cookie'] ?? []
    expect(set).toMatch(/^__Host-bulla\.id-of-default=[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
    await rp.signIn(browser, ann)
    const value = browser.cookies.get(browserCookie()) ?? ''
    const ask = (cookie: string) => app.browser().ask(rp.authorizationUrl({ prompt: 'none' }), { headers: { cookie } })
    const name = browserCookie()
    expect((await ask(`${name}=${value}`)).headers.location).toContain('code=')
    for (const cookie of [
      `bulla.id-of-default=${value}`,
      `${name}=${value}; ${name}=${value}`,
      `${name}=${'A'.repeat(22)}; ${name}=${value}`,
      `${name} =${value}`,
      `__host-bulla.id-of-default=${value}`,
      `${name}="${value}"`,
      `${name}=${value}A`,
      `${name}=${value.slice(0, -1)}`,
      `x="; ${name}=${value}x`,
      `${name}=${value.replace('.', '')}`,
    ]) {
      expect((await ask(cookie)).headers.location, cookie).toContain('error=login_required')
    }
  })

  it('T6 is worth nothing when a single character of it is another', async () => {
    await rp.signIn(browser, ann)
    const value = browser.cookies.get(browserCookie()) ?? ''
    for (let at = 23; at < value.length; at += 3) {
      const other = `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`
      const headers = { cookie: `${browserCookie()}=${other}` }
      const answer = await app.browser().ask(rp.authorizationUrl({ prompt: 'none' }), { headers })
      expect(answer.headers.location).toContain('error=login_required')
    }
  })
})

describe('signing in again', () => {
  it('F17 is not walked around by loading the page again, by another tab, or by an older flow', async () => {
    const older = await rp.begin(browser)
    await rp.signIn(browser, ann)
    const asked = await rp.begin(browser, { prompt: 'login' })
    for (const again of [1, 2]) expect((await browser.go(asked.url)).html, String(again)).toContain('name="password"')
    // In another tab she signs in, again: that was for something else.
    await answerPages(browser, await rp.begin(browser, { prompt: 'login' }), ann)
    expect((await browser.go(asked.url)).html).toContain('name="password"')
    expect((await browser.go(older.url)).status).toBe(303)
    // No answer to another question is one to this.
    await browser.go(asked.url)
    for (const fields of [{ decision: 'allow' }, { account: 'current' }, { decision: 'sign_in' }]) {
      expect((await browser.submit(fields)).html).toContain('name="password"')
    }
  })

  it('F17 is asked for after max_age, and a sign-in of before does not count', async () => {
    const first = await rp.signIn(browser, ann)
    app.world.advance(61)
    const asked = await rp.begin(browser, { max_age: '60' })
    expect(asked.html).toContain('name="password"')
    expect((await browser.go(asked.url)).html).toContain('name="password"')
    const callback = callbackOf(await answerPages(browser, asked, ann))
    const { body } = await rp.redeem(callback['code'] ?? '')
    expect(authTime(body.id_token)).toBe(authTime(first.body.id_token) + 61)
    expect(callbackOf(await rp.begin(browser, { max_age: '0', prompt: 'none' }))).toMatchObject({
      error: 'login_required',
    })
  })

  it('F17 is of the person who then goes on: who signed in before in the flow does not count', async () => {
    const page = await rp.begin(browser, { prompt: 'login' })
    const consent = await browser.submit(signIn(ann))
    expect(consent.html).toContain('value="allow"')
    // In another tab somebody else signs in, for something else.
    await answerPages(browser, await rp.begin(browser, { prompt: 'login' }), bob)
    expect((await browser.go(page.url)).html).toContain('name="password"')
  })

  it('F17 asks again which account is meant when it is another one now', async () => {
    await rp.signIn(browser, bob)
    await answerPages(browser, await rp.begin(browser, { prompt: 'login' }), ann)
    await rp.signIn(browser, ann, { prompt: 'consent' })
    const asked = await rp.begin(browser, { prompt: 'select_account consent' })
    await browser.submit({ account: 'current' })
    expect(browser.here().html).toContain('value="allow"')
    // In another tab the account is switched.
    await answerPages(browser, await rp.begin(browser, { prompt: 'login' }), bob)
    expect((await browser.go(asked.url)).html).toContain('value="current"')
  })
})

describe('an answer to a page', () => {
  it('F11 counts only from the page of this flow, this browser and this session', async () => {
    const [first, second] = [await rp.begin(browser), await rp.begin(browser)]
    const stranger = await rp.begin(app.browser())
    for (const csrf of ['', 'x', csrfOf(second), csrfOf(stranger), `${csrfOf(first)}x`, csrfOf(first).slice(0, -1)]) {
      const form = { ...(csrf && { csrf }), ...signIn(ann) }
      const answer = await browser.ask(first.url, { method: 'POST', form, headers: OWN_PAGE })
      expect([answer.status, answer.headers.location]).toEqual([303, first.url.pathname])
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    expect(app.throttled.tries).toEqual([])
    // One that was made before somebody signed in is none after.
    await browser.go(first.url)
    const before = csrfOf(first)
    await browser.submit(signIn(ann))
    const form = { csrf: before, decision: 'allow' }
    const answer = await browser.ask(first.url, { method: 'POST', form, headers: OWN_PAGE })
    expect(answer.headers.location).toBe(first.url.pathname)
  })

  it.each<Record<string, string>>([
    { origin: 'https://evil.example' },
    { origin: 'https://id.example.com.evil.example' },
    { origin: 'http://id.example.com' },
    { origin: 'https://sibling.example.com' },
    { origin: 'null', 'sec-fetch-site': 'cross-site' },
    { origin: 'https://id.example.com', 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site' },
  ])('F11 never counts from the page of another site, csrf token or not: %j', async (headers) => {
    const page = await rp.begin(browser)
    const form = { csrf: csrfOf(page), ...signIn(ann) }
    const answer = await browser.ask(page.url, { method: 'POST', form, headers })
    expect([answer.status, answer.headers.location, answer.headers['set-cookie']]).toEqual([403, undefined, undefined])
    expect(app.throttled.tries).toEqual([])
  })

  it('F11 is never given by GET', async () => {
    const page = await rp.begin(browser)
    const query = new URLSearchParams({ csrf: csrfOf(page), ...signIn(ann) })
    expect((await browser.go(`${page.url.pathname}?${query}`)).html).toContain('name="password"')
    await browser.go(page.url)
    const consent = await browser.submit(signIn(ann))
    const allow = new URLSearchParams({ csrf: csrfOf(consent), decision: 'allow' })
    expect((await browser.go(`${consent.url.pathname}?${allow}`)).html).toContain('value="allow"')
    expect(app.throttled.tries).toHaveLength(1)
  })

  it('F18 changes nothing of what was asked for', async () => {
    const page = await rp.begin(browser, { scope: 'openid', nonce: 'mine' })
    const evil = app.client({ redirectUris: ['https://evil.example/cb'] })
    const smuggled = {
      client_id: evil.id,
      redirect_uri: 'https://evil.example/cb',
      response_type: 'token',
      response_mode: 'fragment',
      scope: 'openid email offline_access',
      state: 'other',
      nonce: 'other',
      code_challenge: 'A'.repeat(43),
      prompt: 'none',
      request: '{}',
      purpose: 'account',
      session: 'x',
      __proto__x: 'y',
      constructor: 'z',
    }
    const { username, password } = ann
    await browser.go(`${page.url.pathname}?${new URLSearchParams(smuggled)}`)
    await browser.submit({ ...smuggled, username, password, decision: 'sign_in' })
    const callback = callbackOf(await browser.submit({ ...smuggled, decision: 'allow' }))
    expect(browser.here().url.href).toMatch(/^https:\/\/rp\.example\/cb\?code=/)
    expect(callback['state']).toBe('a state & more=1')
    const { body } = await rp.redeem(callback['code'] ?? '')
    expect(body['scope']).toBe('openid')
    expect(JSON.parse(Buffer.from(body.id_token.split('.')[1] ?? '', 'base64url').toString())['nonce']).toBe('mine')
  })

  it('F18 takes nothing from the URL of a form', async () => {
    const page = await rp.begin(browser)
    const form = { csrf: csrfOf(page), ...signIn(ann) }
    const to = `${page.url.pathname}?decision=sign_in`
    expect((await browser.ask(to, { method: 'POST', form, headers: OWN_PAGE })).status).toBe(400)
  })

  it('F4 brings one code, however often and in however many tabs it is given', async () => {
    await rp.begin(browser)
    const consent = await browser.submit(signIn(ann))
    const form = { csrf: csrfOf(consent), decision: 'allow' }
    const twice = () => browser.ask(consent.url, { method: 'POST', form, headers: OWN_PAGE })
    const answers = await Promise.all([twice(), twice(), twice(), twice()])
    expect(answers.filter(({ headers }) => headers.location?.includes('code='))).toHaveLength(1)
    expect(answers.filter(({ status }) => status === 410)).toHaveLength(3)
    expect((await browser.go(consent.url)).status).toBe(410)
  })

  it('F12 for one client is none for another, when two tabs are open', async () => {
    const other = app.rp(app.client({ firstParty: false, name: 'Evil', redirectUris: ['https://evil.example/cb'] }))
    await rp.signIn(browser, ann)
    const [mine, theirs] = [await rp.begin(browser, { prompt: 'consent' }), await other.begin(browser)]
    expect(formOf(mine.html).action).toBe(mine.url.pathname)
    // The page of one client answered at the address of the other.
    const form = { csrf: csrfOf(mine), decision: 'allow' }
    const swapped = await browser.ask(theirs.url, { method: 'POST', form, headers: OWN_PAGE })
    expect(swapped.headers.location).toBe(theirs.url.pathname)
    expect((await browser.go(theirs.url)).html).toContain('Evil')
  })

  it('F6 is not sent to a redirect URI that the client has lost since', async () => {
    const client = app.client({ firstParty: false, redirectUris: ['https://stolen.example/cb'] })
    await app.rp(client).begin(browser)
    await browser.submit(signIn(ann))
    app.world.update(client, { redirectUris: ['https://rp.example/cb'] })
    const answer = await browser.submit({ decision: 'allow' })
    expect([answer.status, answer.headers.location]).toEqual([410, undefined])
  })
})

it('F11 a no stays one when another tab has allowed the same meanwhile', async () => {
  await rp.begin(browser)
  const first = await browser.submit(signIn(ann))
  const { hidden } = formOf(first.html)
  await rp.begin(browser)
  expect(callbackOf(await browser.submit({ decision: 'allow' }))).toHaveProperty('code')
  const form = { ...hidden, decision: 'deny' }
  const denied = await browser.go(first.url, { method: 'POST', form, headers: OWN_PAGE })
  expect(callbackOf(denied)).toMatchObject({ error: 'access_denied' })
})
