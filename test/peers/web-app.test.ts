import { chmodSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchChromium } from '../support/chromium.js'
import { eventually } from '../support/eventually.js'
import { type ExampleRun, runExample, stopExamples } from '../support/example-run.js'
import { removeData } from '../support/installation.js'
import { freePort } from '../support/server.js'

// What no driver without scripts and policies sees: that a browser lets each page lead where it must.

let folder: string
let app: string
let issuer: string
let example: ExampleRun
let browser: Browser

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulla-example-test-'))
  // As root, Postgres runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const [PORT, EXAMPLE_PORT] = [String(await freePort()), String(await freePort())]
  app = `http://localhost:${EXAMPLE_PORT}`
  issuer = `http://localhost:${PORT}`
  example = runExample({ DATA_DIR: folder, PORT, EXAMPLE_PORT })
  browser = await launchChromium()
  await eventually(() => expect(example.stdout()).toContain('Ctrl-C stops both.'))
})
afterAll(async () => {
  await browser?.close()
  await stopExamples()
  removeData(folder)
})

it('npm run example, followed in Chromium as the README counts it: signed in, signed out, signed out elsewhere', async () => {
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => void (message.type() === 'error' && complaints.push(message.text())))
  const [, password = ''] = /Password {5}(\S+)/.exec(example.stdout()) ?? []
  const signIn = async () => {
    await page.goto(app)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await page.locator('input[name="username"]').fill('ada@example.com')
    await page.locator('input[name="password"]').fill(password)
    await page.locator('button[value="sign_in"]').click()
    await page.getByRole('heading', { name: 'Hello, Ada Example' }).waitFor()
    expect(await page.locator('dl').textContent()).toContain('ada@example.com')
  }
  await signIn()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  expect(page.url()).toBe(`${app}/signed-out`)

  await signIn()
  await page.goto(`${issuer}/account`)
  await page.locator('button[value="sign_out"]').click()
  await eventually(async () => {
    await page.goto(app)
    expect(await page.getByText('Nobody is signed in here.').count()).toBe(1)
  })
  expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([])
})
