import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchChromium } from '../support/chromium.js'
import { codeBlocks } from '../support/code-blocks.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import type { Person } from '../support/issuer.js'
import { registerUser } from '../support/registrations.js'
import { admin, type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'

// The example as its README says, in the browser it is made for.

const FOLDER = 'docs/examples/single-page-app'

let database: TestDatabase
let env: Environment
let issuer: string
let url: string
let app: ChildProcess
let browser: Browser
let ann: Person

/** What the README has an operator run, at the port of this test's app. */
async function register(): Promise<Environment> {
  const [commands = ''] = codeBlocks(`${FOLDER}/README.md`).map(({ text }) => text)
  const made: Record<string, unknown> = {}
  for (const line of commands.split('\n').filter((one) => /-- (?:api|client) create/.test(one))) {
    const [, words = ''] = line.split(' -- ')
    Object.assign(made, await admin(env, ...words.replace('http://localhost:5173', url).split(' ')))
  }
  const { client_id: CLIENT_ID, api_id: API_ID, api_secret: API_SECRET } = made as Record<string, string>
  return { CLIENT_ID: `${CLIENT_ID}`, API_ID: `${API_ID}`, API_SECRET: `${API_SECRET}` }
}

beforeAll(async () => {
  database = await testDatabase()
  const [port, appPort] = [String(await freePort()), String(await freePort())]
  issuer = `http://localhost:${port}`
  url = `http://localhost:${appPort}`
  env = await installation(database.url, { PUBLIC_URL: issuer, PORT: port })
  await startServer(env)
  const settings = { ...(await register()), PORT: appPort, ISSUER: issuer, PATH: process.env['PATH'] ?? '' }
  app = spawn('npm', ['start', '--silent'], { cwd: FOLDER, env: settings, stdio: 'ignore', detached: true })
  ann = await registerUser(env, 'ann@example.com')
  browser = await launchChromium()
  await eventually(async () => expect((await fetch(url)).status).toBe(200))
})
afterAll(async () => {
  await browser?.close()
  if (app?.pid !== undefined) {
    process.kill(-app.pid)
    await once(app, 'close')
  }
  await stopServers()
  await database?.drop()
})

async function inBrowser(work: (page: Page, context: BrowserContext) => Promise<void>): Promise<void> {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await page.goto(url)
    await work(page, context)
  } finally {
    await context.close()
  }
}

async function signIn(page: Page): Promise<void> {
  await page.getByLabel('E-mail address').fill(ann.username)
  await page.getByLabel('Password').fill(ann.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Load orders' }).waitFor()
}

async function loadOrders(page: Page): Promise<readonly string[]> {
  await page.getByRole('button', { name: 'Load orders' }).click()
  await page.getByRole('listitem').first().waitFor()
  return page.getByRole('listitem').allTextContents()
}

const held = async (context: BrowserContext) =>
  (await context.cookies(issuer)).filter(({ name }) => name.includes('bulla.refresh.'))

describe('the single-page app', () => {
  it('signs in, calls its API, and is signed in still when it is loaded again', async () => {
    await inBrowser(async (page) => {
      await signIn(page)
      expect(await loadOrders(page)).toEqual(['a lamp', 'two chairs'])
      await page.reload()
      expect(await loadOrders(page)).toEqual(['a lamp', 'two chairs'])
    })
  })

  it('says that a password is not right, and holds nothing then', async () => {
    await inBrowser(async (page, context) => {
      await page.getByLabel('E-mail address').fill(ann.username)
      await page.getByLabel('Password').fill('wrong')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByText('That is not right.').waitFor()
      expect(await held(context)).toEqual([])
    })
  })

  it('holds the refresh token where no script of its own finds it', async () => {
    await inBrowser(async (page, context) => {
      const answers: string[] = []
      page.on('response', async (response) => {
        if (response.url().startsWith(`${issuer}/auth/`)) answers.push(await response.text().catch(() => ''))
      })
      await signIn(page)
      const [cookie, ...more] = await held(context)
      expect([cookie?.httpOnly, cookie?.sameSite, cookie?.path, more]).toEqual([true, 'Strict', '/', []])
      const seen = await page.evaluate('document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })')
      expect(seen).not.toContain(cookie?.value ?? '?')
      expect(answers.join('')).toContain('access_token')
      expect(answers.join('')).not.toContain(cookie?.value ?? '?')
    })
  })

  it('stays signed in in every tab, however many are opened at once', async () => {
    await inBrowser(async (page, context) => {
      await signIn(page)
      const tabs = await Promise.all(Array.from({ length: 4 }, () => context.newPage()))
      await Promise.all(tabs.map((tab) => tab.goto(url)))
      for (const tab of tabs) expect(await loadOrders(tab)).toHaveLength(2)
      expect(await held(context)).toHaveLength(1)
    })
  })

  it('is signed out for good, in the browser and at the issuer', async () => {
    await inBrowser(async (page, context) => {
      await signIn(page)
      const before = await held(context)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByLabel('Password').waitFor()
      expect(await held(context)).toEqual([])
      // A copy that somebody made of it is of no use.
      await context.addCookies(before)
      await page.reload()
      await page.getByLabel('Password').waitFor()
      expect(await held(context)).toEqual([])
    })
  })

  it('shares nothing with a page of another origin on the same site', async () => {
    await inBrowser(async (page, context) => {
      await signIn(page)
      const other = await context.newPage()
      await other.route('http://localhost:1/', (route) => route.fulfill({ contentType: 'text/html', body: 'Hello.' }))
      await other.goto('http://localhost:1/')
      const outcome = await other.evaluate(async (to) => {
        const init = { method: 'POST', credentials: 'include', body: '{}' } as const
        const headers = { 'Content-Type': 'application/json', 'X-Requested-With': 'bulla' }
        return fetch(to, { ...init, headers }).then(
          ({ status }) => `answered ${status}`,
          () => 'blocked',
        )
      }, `${issuer}/auth/refresh`)
      expect(outcome).toBe('blocked')
    })
  })
})
