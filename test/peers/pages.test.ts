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

type Way = { readonly name: string; readonly language?: string } & BrowserContextOptions

const PHONE = { width: 360, height: 740 }
const WAYS: readonly Way[] = [
  { name: 'light', colorScheme: 'light' },
  { name: 'dark', colorScheme: 'dark' },
  { name: 'phone', viewport: PHONE, hasTouch: true },
  { name: 'without-scripts', javaScriptEnabled: false },
  { name: 'arabic', language: 'ar' },
  { name: 'arabic-phone', language: 'ar', viewport: PHONE, colorScheme: 'dark' },
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

/** Runs with a page of a context of its own, and expects that nothing on it was blocked or failed. */
async function onPage({ name: _, language = 'en', ...options }: Way, work: (page: Page) => Promise<void>) {
  const context = await browser.newContext({ ...options, locale: language, baseURL: server.url })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.route('https://**', (route) => route.fulfill({ body: 'elsewhere' }))
  try {
    await work(page)
    expect(complaints).toEqual([])
  } finally {
    await context.close()
  }
}

describe.each(WAYS)('in Chromium, $name,', (way) => {
  it.each(gallery())('$name is whole, and open to everybody', async ({ name, script }) => {
    // One that sends itself is gone before anybody sees it.
    if (script && way.javaScriptEnabled !== false) return
    await onPage(way, async (page) => {
      await page.goto(`/${name}`)
      await page.screenshot({ path: join(screenshots, `${name}.${way.name}.png`), fullPage: true })
      expect(await page.locator('h1').count()).toBe(1)
      expect(await page.locator('link[rel=stylesheet]').count()).toBe(1)
      if (way.javaScriptEnabled === false) return
      expect(await page.evaluate<number>('document.styleSheets.length')).toBeGreaterThanOrEqual(1)
      // What goes on by itself has a link for who can't wait, and nothing to read.
      const audit = new AxeBuilder({ page }).withTags(LEVELS).disableRules(['meta-refresh'])
      const { violations } = await audit.analyze()
      expect(
        violations.map(({ id, nodes }) => [id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]),
      ).toEqual([])
    })
  })
})

describe('on the narrowest screen', () => {
  it.each(gallery().filter(({ script }) => !script))('$name needs no scrolling to the side', async ({ name }) => {
    for (const language of ['en', 'de', 'ar']) {
      await onPage({ name: 'narrow', language, viewport: { width: 320, height: 640 } }, async (page) => {
        await page.goto(`/${name}`)
        const [needed, given] = await page.evaluate<number[]>('[document.documentElement.scrollWidth, innerWidth]')
        expect(needed, language).toBeLessThanOrEqual(given ?? 0)
      })
    }
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
  await onPage({ name: 'scripts' }, async (page) => {
    await page.goto('/form-post')
    await page.waitForURL('https://app.example/callback')
  })
  await onPage({ name: 'no scripts', javaScriptEnabled: false }, async (page) => {
    await page.goto('/form-post')
    await page.getByRole('button').click()
    await page.waitForURL('https://app.example/callback')
  })
})

it('signing out goes on by itself', async () => {
  await onPage({ name: 'signing-out' }, async (page) => {
    await page.goto('/signing-out')
    await page.waitForURL('**/elsewhere')
    expect(server.asked()).toContain('/frame')
  })
})
