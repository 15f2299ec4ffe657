import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchChromium } from '../support/chromium.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type RelyingParty, registerRelyingParty, registerUser, type User } from '../support/registrations.js'
import { freePort, installation, startServer, stopServers } from '../support/server.js'

// A single-page app with a library nobody here wrote, in a browser that asks before one origin reads another. The app's host is not
// the issuer's, so that no cookie reaches both.

const OFFLINE = "{ prompt: 'consent', scope: 'openid profile offline_access' }"
// As the app sees it a window that has cut its opener is closed.
const IN_POPUP = `{ ...${OFFLINE}, popupAbortOnClose: true }`

type AppUser = {
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: string
  readonly profile: Readonly<Record<string, unknown>>
}

let database: TestDatabase
let url: string
let ann: User
let app: RelyingParty
/** The app's origin, and one of somebody else. */
let own: string
let foreign: string
const servers: Server[] = []
let chromium: Browser
let context: BrowserContext
let page: Page

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('single-page-app.mjs', import.meta.url))],
    bundle: true,
    format: 'esm',
    write: false,
  })
  const script = outputFiles[0]?.text ?? ''
  const settings = { authority: url, client_id: '' }
  ;[own, foreign] = await Promise.all([serve(script, settings), serve('', settings)])
  ann = await registerUser(env, 'ann@example.com', '--name', 'Ann Example')
  const uris = ['--redirect-uri', `${own}/popup`, '--post-logout-redirect-uri', `${own}/bye`]
  app = await registerRelyingParty(env, `${own}/callback`, '--public', '--origin', own, ...uris)
  settings.client_id = app.id
  chromium = await launchChromium()
})
afterAll(async () => {
  await chromium?.close()
  for (const server of servers) server.close()
  await stopServers()
  await database.drop()
})

beforeEach(async () => {
  context = await chromium.newContext()
  page = await context.newPage()
  await page.goto(own)
})
afterEach(() => context.close())

/** Serves the app at an origin of its own: the script, and the same page everywhere else. */
async function serve(script: string, settings: object): Promise<string> {
  const server = createServer((request, response) => {
    const isScript = request.url === '/app.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    const data = `<script id="settings" type="application/json">${JSON.stringify(settings)}</script>`
    response.end(
      isScript ? script : `<!doctype html><title>App</title>${data}<script type="module" src="/app.js"></script>`,
    )
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

/** Signs in and allows, as a person does. */
async function answerPages(at: Page): Promise<void> {
  await at.locator('[name=username]').fill(ann.username)
  await at.locator('[name=password]').fill(ann.password)
  await at.locator('button[value=sign_in]').click()
  await at.locator('button[value=allow]').click()
}

/** Leaves the app, and says what it made of the answer with which it is back. */
async function redirect(call: string, { pages = true, back = '/callback' } = {}): Promise<string> {
  // Where it is back is not where it leaves from.
  await page.goto(own)
  await page.evaluate(`void app.manager.${call}`)
  if (pages) await answerPages(page)
  await page.waitForURL(`${own}${back}*`)
  return page.evaluate('arrived')
}

const user = () => page.evaluate<AppUser>('app.user()')

describe('a single-page app', () => {
  it('signs a person in and is told of them', async () => {
    expect(await redirect('signinRedirect()')).toBe('ok')
    const { profile } = await user()
    expect(profile).toMatchObject({ iss: url, aud: app.id, sub: ann.id })
    expect(await redirect("signinRedirect({ scope: 'openid profile', prompt: 'none' })", { pages: false })).toBe(
      'consent_required',
    )
  })

  it('refreshes in silence, each time with another refresh token', async () => {
    expect(await redirect(`signinRedirect(${OFFLINE})`)).toBe('ok')
    const first = await user()
    expect(first.profile).toMatchObject({ sub: ann.id, name: 'Ann Example' })
    const again = () => page.evaluate<AppUser>('app.manager.signinSilent().then(app.user)')
    const [second, third] = [await again(), await again()]
    expect(new Set([first, second, third].map(({ refresh_token }) => refresh_token)).size).toBe(3)
    expect(new Set([first, second, third].map(({ access_token }) => access_token)).size).toBe(3)
    expect(third.id_token).not.toBe(first.id_token)
    expect(third.profile).toMatchObject({ sub: ann.id, name: 'Ann Example' })
  })

  it('signs out: its tokens are revoked, the session is over, and the person is back', async () => {
    expect(await redirect(`signinRedirect(${OFFLINE})`)).toBe('ok')
    const { access_token, refresh_token } = await user()
    const asked: string[] = []
    page.on('response', (response) => asked.push(`${response.status()} ${new URL(response.url()).pathname}`))
    expect(await redirect('signoutRedirect()', { pages: false, back: '/bye' })).toBe('ok')
    expect(asked.filter((one) => one === '200 /oauth2/revoke')).toHaveLength(2)
    expect(await user()).toBeNull()
    const form = { grant_type: 'refresh_token', refresh_token, client_id: app.id }
    const refused = await fetch(`${url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) })
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant' })
    const userinfo = await fetch(`${url}/oauth2/userinfo`, { headers: { authorization: `Bearer ${access_token}` } })
    expect(userinfo.status).toBe(401)
    expect(await redirect("signinRedirect({ prompt: 'none' })", { pages: false })).toBe('login_required')
  })

  it('signs in in a window of its own', async () => {
    const opened = page.waitForEvent('popup')
    const signedIn = page.evaluate<AppUser>(`app.manager.signinPopup(${IN_POPUP}).then(app.user)`)
    const popup = await opened
    const closed = popup.waitForEvent('close')
    await answerPages(popup)
    expect((await signedIn).profile).toMatchObject({ sub: ann.id, name: 'Ann Example' })
    await closed
    expect(page.url()).toBe(`${own}/`)
  })

  it('learns that the window was closed', async () => {
    const opened = page.waitForEvent('popup')
    const signedIn = page.evaluate(`app.manager.signinPopup(${IN_POPUP}).catch((error) => error.message)`)
    const popup = await opened
    await popup.locator('[name=password]').waitFor()
    await popup.close()
    expect(await signedIn).toMatch(/closed/)
  })
})

describe('across origins', () => {
  const PUBLIC = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/jwks']
  const bearer = "{ headers: { authorization: 'Bearer nothing' } }"
  const posted = "{ method: 'POST', body: new URLSearchParams({ client_id: 'cl_nobody', token: 'nothing' }) }"
  const OF_CLIENTS = [
    { path: '/oauth2/token', init: posted, status: 401 },
    { path: '/oauth2/revoke', init: posted, status: 401 },
    { path: '/oauth2/userinfo', init: bearer, status: 401 },
  ]
  /** What a page of an origin can read of an answer. */
  const read = async (origin: string, path: string, init = '{}') => {
    await page.goto(origin)
    return page.evaluate(`fetch('${url}${path}', ${init}).then((response) => response.status, (error) => error.name)`)
  }

  it.each(PUBLIC)('%s is everybody’s', async (path) => {
    expect([await read(own, path), await read(foreign, path)]).toEqual([200, 200])
  })

  it.each(OF_CLIENTS)('$path is read by a client’s page, and by no other', async ({ path, init, status }) => {
    expect(await read(own, path, init)).toBe(status)
    expect(await read(foreign, path, init)).toBe('TypeError')
  })

  it.each(['/oauth2/introspect', '/oauth2/authorize', '/oauth2/logout', '/account'])(
    '%s is read by no page',
    async (path) => {
      expect(await read(own, path)).toBe('TypeError')
    },
  )

  it('cookies go with no answer that a page may read', async () => {
    for (const path of [...PUBLIC, '/oauth2/userinfo']) {
      expect(await read(own, path, "{ credentials: 'include' }")).toBe('TypeError')
    }
  })
})
