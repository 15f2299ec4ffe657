import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Apache, startApache } from '../support/apache.js'
import { createBrowser, type TestBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { type RelyingParty, registerRelyingParty, registerUser, type User } from '../support/registrations.js'
import { answerPages } from '../support/relying-party.js'
import { admin, type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'

// A web server's module in C signs people in, keeps a session of its own, and ends it when it is told to.

let database: TestDatabase
let env: Environment
let url: string
let site: string
let ann: User
let bob: User
let web: RelyingParty
let apache: Apache

beforeAll(async () => {
  database = await testDatabase()
  const [port, sitePort] = [await freePort(), await freePort()]
  url = `http://127.0.0.1:${port}`
  site = `http://localhost:${sitePort}`
  env = await installation(database.url, { PUBLIC_URL: url, PORT: String(port) })
  await startServer(env)
  ann = await registerUser(env, 'ann@example.com', '--name', 'Ann Example', '--email-verified')
  bob = await registerUser(env, 'bob@example.com', '--name', 'Bob Example')
  const redirectUri = `${site}/secure/redirect_uri`
  const backChannel = ['--backchannel-logout-uri', `${redirectUri}?logout=backchannel`]
  web = await registerRelyingParty(env, redirectUri, '--post-logout-redirect-uri', `${site}/bye/`, ...backChannel)
  apache = await startApache(sitePort, ['secure', 'ann', 'bye'], configuration())
})
afterAll(async () => {
  await apache?.stop()
  await stopServers()
  await database.drop()
})

const configuration = () => `
OIDCProviderMetadataURL ${url}/.well-known/openid-configuration
OIDCClientID ${web.id}
OIDCClientSecret ${web.secret}
OIDCRedirectURI ${web.redirectUri}
OIDCCryptoPassphrase 0123456789abcdef0123456789abcdef
OIDCScope "openid profile email offline_access"
OIDCAuthRequestParams prompt=consent
OIDCPKCEMethod S256
OIDCCookiePath /
OIDCInfoHook access_token refresh_token id_token userinfo
<LocationMatch "^/(secure|ann)">
  AuthType openid-connect
  Require valid-user
  Header set X-User expr=%{HTTP:OIDC_CLAIM_name}
</LocationMatch>
<Location /ann>
  Require claim sub:${ann.id}
</Location>
`

type Info = {
  readonly access_token: string
  readonly refresh_token: string
  readonly id_token: Readonly<Record<string, unknown>>
  readonly userinfo: Readonly<Record<string, unknown>>
}

/** A browser that is signed in to the site, and where it wanted to go. */
async function visit(path: string, person: User) {
  const browser = createBrowser(url, [site])
  return { browser, at: await answerPages(browser, await browser.go(`${site}${path}`), person) }
}

async function info(browser: TestBrowser): Promise<Info | undefined> {
  const { status, html } = await browser.ask(`${web.redirectUri}?info=json`)
  return status === 200 ? (JSON.parse(html) as Info) : undefined
}

it('signs a person in, whose claims arrive', async () => {
  const { browser, at } = await visit('/secure/', ann)
  expect([at.status, at.url.href]).toEqual([200, `${site}/secure/`])
  expect(at.headers['x-user']).toBe('Ann Example')
  const session = await info(browser)
  expect(session?.id_token).toMatchObject({ iss: url, aud: web.id, sub: ann.id, nonce: expect.any(String) })
  expect(session?.userinfo).toMatchObject({ sub: ann.id, name: 'Ann Example', email: 'ann@example.com' })
})

it('lets in by a claim, and nobody else', async () => {
  expect((await visit('/ann/', ann)).at).toMatchObject({ status: 200 })
  expect((await visit('/ann/', bob)).at).toMatchObject({ status: 401 })
})

it('refreshes when the site asks', async () => {
  const { browser } = await visit('/secure/', ann)
  const before = await info(browser)
  const asked = new URLSearchParams({ refresh: `${site}/secure/`, access_token: String(before?.access_token) })
  const at = await browser.go(`${web.redirectUri}?${asked}`)
  expect([at.status, at.url.href]).toEqual([200, `${site}/secure/`])
  const after = await info(browser)
  expect(after?.access_token).not.toBe(before?.access_token)
  expect(after?.refresh_token).not.toBe(before?.refresh_token)
})

it('signs out of both', async () => {
  const { browser } = await visit('/secure/', ann)
  const at = await browser.go(`${web.redirectUri}?logout=${encodeURIComponent(`${site}/bye/`)}`)
  expect([at.status, at.url.href]).toEqual([200, `${site}/bye/`])
  expect(await info(browser)).toBeUndefined()
  const again = await browser.go(`${site}/secure/`)
  expect(again.html).toContain('name="password"')
})

it('is told when the session has ended elsewhere, and ends its own', async () => {
  const { browser } = await visit('/secure/', ann)
  const other = await visit('/secure/', bob)
  expect(await info(browser)).toBeDefined()
  await admin(env, 'user', 'logout', '--email', ann.username)
  await eventually(async () => expect(await info(browser)).toBeUndefined())
  expect((await browser.go(`${site}/secure/`)).html).toContain('name="password"')
  expect(await info(other.browser)).toBeDefined()
})

it('has complained of nobody but who was not let in', () => {
  const lines = apache.log().split('\n')
  const errors = lines.filter((line) => /:(?:emerg|alert|crit|error)\]/.test(line))
  expect(errors).toEqual([expect.stringContaining('authorization failure for "/ann/"')])
})
