import { afterEach, beforeEach, expect, it } from 'vitest'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import type { relyingParty } from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  rp = app.rp(app.client())
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
