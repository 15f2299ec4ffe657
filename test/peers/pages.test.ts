import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../support/chromium.js'
import { type GalleryServer, serveGallery } from '../support/gallery-server.js'
import { gallery } from '../support/page-gallery.js'

// Looked at by people; a failure is told by the assertions.
const screenshots = process.env['SCREENSHOTS'] ?? mkdtempSync(join(tmpdir(), 'bulla-pages-'))

type Way = { readonly name: string; readonly language?: string; readonly audited?: boolean } & BrowserContextOptions

const PHONE = { width: 360, height: 740 }
const WAYS: readonly Way[] = [
  { name: 'light', colorScheme: 'light', audited: true },
  { name: 'dark', colorScheme: 'dark', audited: true },
  { name: 'phone', viewport: PHONE, hasTouch: true, audited: true },
  { name: 'arabic', language: 'ar', audited: true },
  { name: 'arabic-phone', language: 'ar', viewport: PHONE, colorScheme: 'dark' },
  // axe does not work there, or does not know which colours a person chose.
  { name: 'without-scripts', javaScriptEnabled: false },
  { name: 'forced-colours', forcedColors: 'active' },
]
const LEVELS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']

let browser: Browser
let server: GalleryServer
beforeAll(async () => {
  mkdirSync(screenshots, { recursive: true })
  server = await serveGallery()
  browser = await launchChromium()
})
afterAll(async () => {
  await browser?.close()
  await server?.close()
})

/** Runs with a page of its own, and expects that nothing on it was blocked or failed. */
async function onPage({ name: _, audited: __, language = 'en', ...options }: Way, work: (page: Page) => Promise<void>) {
  const context = await browser.newContext({ ...options, locale: language, baseURL: server.url })
  const page = await context.newPage()
  const complaints: string[] = []
  // That a client of the gallery is nowhere is no fault of the page.
  page.on(
    'console',
    (message) =>
      message.type() === 'error' &&
      !message.text().includes('net::ERR_NAME') &&
      complaints.push(`${page.url()}: ${message.text()}`),
  )
  page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
  try {
    await work(page)
    expect(complaints).toEqual([])
  } finally {
    await context.close()
  }
}

// One that sends itself is gone before anybody sees it.
const shown = (way: Way) => gallery().filter(({ script }) => !script || way.javaScriptEnabled === false)

describe.each(WAYS)('in Chromium, $name,', (way) => {
  it('every page is whole, and open to everybody', async () => {
    await onPage(way, async (page) => {
      for (const { name } of shown(way)) {
        await page.goto(`/${name}`)
        await page.screenshot({ path: join(screenshots, `${name}.${way.name}.png`), fullPage: true })
        expect(await page.locator('h1').count(), name).toBe(1)
        if (way.audited) expect(await violations(page), name).toEqual([])
      }
    })
  }, 300_000)
})

async function violations(page: Page) {
  // What goes on by itself has a link for who can't wait, and nothing to read.
  const audit = new AxeBuilder({ page }).withTags(LEVELS).disableRules(['meta-refresh']).setLegacyMode(true)
  const found = (await audit.analyze()).violations
  return found.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])])
}

describe('on the narrowest screen', () => {
  it.each(['en', 'de', 'ar'])('no page needs scrolling to the side, in %s', async (language) => {
    const way = { name: 'narrow', language, viewport: { width: 320, height: 640 } }
    await onPage(way, async (page) => {
      for (const { name } of shown(way)) {
        await page.goto(`/${name}`)
        const [needed, given] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]')
        expect(needed, name).toBeLessThanOrEqual(given ?? 0)
      }
    })
  })
})

describe('by keyboard', () => {
  const reachable = gallery().filter(({ main }) => main !== undefined)
  it.each(reachable)('$name is used with Tab and Enter alone', async ({ name, main = '' }) => {
    await onPage({ name: 'keyboard' }, async (page) => {
      await page.goto(`/${name}`)
      const control = page.locator(main)
      for (let tabs = 0; tabs < 12 && !(await isFocused()); tabs++) await page.keyboard.press('Tab')
      expect(await isFocused()).toBe(true)
      // What has to be filled in is.
      for (const field of await page.locator('input[required]').all()) {
        if ((await field.inputValue()) === '') await field.fill('something')
      }
      await control.focus()
      await page.keyboard.press('Enter')
      await page.waitForURL('**/here')
      const sent = server.posted().at(-1)
      expect(sent?.get('csrf')).toBe('k7Jd0csrf')
      if (name.startsWith('sign-in')) expect(sent?.get('decision')).toBe('sign_in')

      function isFocused() {
        return page.evaluate<boolean>(`document.activeElement?.matches('${main}')`)
      }
    })
  })
})

it('a form post sends itself, and waits for a press where there are no scripts', async () => {
  const sent = (page: Page) => page.waitForRequest((request) => request.method() === 'POST')
  await onPage({ name: 'scripts' }, async (page) => {
    // The client is nowhere: what counts is what it would have been sent.
    const [request] = await Promise.all([sent(page), page.goto('/form-post').catch(() => {})])
    expect([request.url(), request.postData()]).toEqual(['https://app.example/callback', 'state=af0ifjsldkj'])
  })
  await onPage({ name: 'no scripts', javaScriptEnabled: false }, async (page) => {
    await page.goto('/form-post')
    const [request] = await Promise.all([sent(page), page.getByRole('button').click({ noWaitAfter: true })])
    expect([request.url(), request.postData()]).toEqual(['https://app.example/callback', 'state=af0ifjsldkj'])
  })
})

it('signing out goes on by itself', async () => {
  await onPage({ name: 'signing-out' }, async (page) => {
    await page.goto('/signing-out')
    await page.waitForURL('**/elsewhere')
    expect(server.asked()).toContain('/frame')
  })
})
