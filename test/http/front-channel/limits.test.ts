import { afterEach, beforeEach, expect, it } from 'vitest'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import { askRaw } from '../../support/front-channel.js'
import type { relyingParty } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let client: ReturnType<BrowserApp['client']>
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  client = app.client()
  rp = app.rp(client)
})
afterEach(() => app.close())

it('D3 counts every sign-in that is begun, that of the account page too', async () => {
  await rp.begin(browser)
  expect(app.throttled.counted).toBe(1)
  await browser.ask('/account')
  expect(app.throttled.counted).toBe(2)
  app.throttled.flows = 60
  expect(await app.browser().ask('/account')).toMatchObject({ status: 429, headers: { 'retry-after': '60' } })
})

it('D3 counts every page that asks whether to sign out', async () => {
  await rp.signIn(browser, app.person('ann@example.com'))
  const before = app.throttled.counted
  expect((await browser.ask('/oauth2/logout')).status).toBe(200)
  expect(app.throttled.counted).toBe(before + 1)
  app.throttled.flows = 60
  expect(await browser.ask('/oauth2/logout')).toMatchObject({ status: 429, headers: { 'retry-after': '60' } })
  // There is another way, of which nothing is kept.
  expect((await browser.ask('/account')).status).toBe(200)
})

it.each(['a', '"', '\\', '\u0001', '\u007f', 'é', '\u{1f98a}'])(
  'D4 is never more than can be kept: the client is told, pushed or not, of a state of many %j',
  async (character) => {
    const basic = { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` }
    for (const name of ['state', 'nonce', 'login_hint']) {
      const state = character.repeat(Math.floor(15_500 / Buffer.byteLength(character)))
      const fields = { ...Object.fromEntries(rp.authorizationUrl().searchParams), [name]: state }
      // No more of it is escaped than has to be, so that as much as possible gets through.
      const body = Object.entries(fields)
        .map(([one, value]) => `${one}=${value.replaceAll(/[%&+\s]/g, encodeURIComponent)}`)
        .join('&')
      const pushed = await askRaw(app.url, '/oauth2/par', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...basic },
        body,
      })
      expect([201, 400, 413]).toContain(pushed.status)
      if (pushed.status !== 201) continue
      const { request_uri } = JSON.parse(pushed.html) as { request_uri: string }
      const url = `/oauth2/authorize?${new URLSearchParams({ client_id: client.id, request_uri })}`
      expect((await askRaw(app.url, url)).status).toBe(303)
    }
  },
)
