import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBrowser, type TestBrowser } from '../support/browser.js'
import { eventually } from '../support/eventually.js'
import { type ExampleRun, runExample, stopExamples } from '../support/example-run.js'
import { removeData } from '../support/installation.js'
import type { Person } from '../support/issuer.js'
import { answerPages } from '../support/relying-party.js'
import { type Environment, freePort } from '../support/server.js'

// What README.md promises of `npm run example`, by a person at a browser, across the server and the app.

let folder: string
let env: Environment
let issuer: string
let app: string
let example: ExampleRun
let ada: Person

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bulla-example-test-'))
  // As root, Postgres runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const [PORT, EXAMPLE_PORT] = [String(await freePort()), String(await freePort())]
  issuer = `http://localhost:${PORT}`
  app = `http://localhost:${EXAMPLE_PORT}`
  // So short that the app, which refreshes ten seconds before the end, does so for every page.
  env = { DATA_DIR: folder, PORT, EXAMPLE_PORT, ACCESS_TOKEN_LIFETIME: '10' }
  example = await started()
  ada = personIn(example.stdout())
})
afterAll(async () => {
  await stopExamples()
  removeData(folder)
  rmSync(folder, { recursive: true, force: true })
})

async function started(): Promise<ExampleRun> {
  const run = runExample(env)
  await Promise.race([run.ended, eventually(() => expect(run.stdout()).toContain('Ctrl-C stops both.'))])
  expect(run.stderr()).toBe('')
  return run
}

const personIn = (text: string): Person => ({
  username: /Sign in as {3}(\S+)/.exec(text)?.[1] ?? '',
  password: /Password {5}(\S+) {3}\(shown this once\)/.exec(text)?.[1] ?? '',
})

const newBrowser = () => createBrowser(app, [issuer])

/** The step that README.md counts: the button, the form, the page with the claims. */
async function signIn(browser: TestBrowser) {
  const at = await answerPages(browser, await browser.go('/sign-in'), ada)
  expect(at).toMatchObject({ status: 200, url: new URL(`${app}/`) })
  return at
}

const home = async (browser: TestBrowser) => (await browser.go('/')).html
const NOBODY = 'Nobody is signed in here.'

/** What the server shows at /account: the person, or the form to sign in with. */
const account = async (browser: TestBrowser) => (await browser.go(`${issuer}/account`)).html

describe('npm run example', () => {
  it('ends with the claims of the person on the page', async () => {
    expect(example.stdout()).toContain(app)
    const browser = newBrowser()
    expect(await home(browser)).toContain(NOBODY)
    const { html, headers } = await signIn(browser)
    expect(html).toContain('<h1>Hello, Ada Example</h1>')
    for (const row of ['email</dt><dd>ada@example.com', 'email_verified</dt><dd>true', 'locale</dt><dd>en-GB']) {
      expect(html).toContain(`<dt>${row}</dd>`)
    }
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-\S+'; form-action /)
  })

  it('gets a new access token when the one it has is over', async () => {
    const browser = newBrowser()
    await signIn(browser)
    const before = example.logged({ route: 'token' }).length
    expect(await home(browser)).toContain('Hello, Ada Example')
    await eventually(() => expect(example.logged({ route: 'token' }).length).toBeGreaterThan(before))
    expect(example.logged({ route: 'token' }).filter(({ status }) => status !== 200)).toEqual([])
  })

  it('gives the browser a new cookie at each sign-in, that no script reads and no other site sends', async () => {
    const browser = newBrowser()
    const ids = new Set<string | undefined>()
    for (let times = 0; times < 2; times++) {
      await signIn(browser)
      ids.add(browser.cookies.get('web-app-session'))
    }
    expect(ids.size).toBe(2)
    const [old = ''] = ids
    expect((await browser.ask('/', { headers: { cookie: `web-app-session=${old}` } })).html).toContain(NOBODY)
    const { headers } = await browser.ask('/sign-in')
    expect(headers['set-cookie']?.join()).toMatch(/; HttpOnly; SameSite=Lax/)
  })

  it('signs out at both, and comes back', async () => {
    const browser = newBrowser()
    await signIn(browser)
    const at = await browser.submit({})
    expect(at).toMatchObject({ status: 200, url: new URL(`${app}/signed-out`) })
    expect(await home(browser)).toContain(NOBODY)
    expect(await account(browser)).toContain('name="password"')
  })

  it('ends its session when the server says so, on the account page or from another browser', async () => {
    const [browser, other] = [newBrowser(), newBrowser()]
    await signIn(browser)
    await signIn(other)
    expect(await account(other)).toContain('value="sign_out_others"')
    await other.submit({ action: 'sign_out_others' })
    await eventually(async () => expect(await home(browser)).toContain(NOBODY))
    expect(await home(other)).toContain('Hello, Ada Example')
    await account(other)
    await other.submit({ action: 'sign_out' })
    await eventually(async () => expect(await home(other)).toContain(NOBODY))
  })

  it('ends it by the back channel, before it would find out when it next asks', async () => {
    const browser = newBrowser()
    await signIn(browser)
    await account(browser)
    const before = example.logged({ msg: 'a client was told of a logout' }).length
    await browser.submit({ action: 'sign_out' })
    await eventually(() =>
      expect(example.logged({ msg: 'a client was told of a logout' }).length).toBeGreaterThan(before),
    )
    const asked = () => example.logged({ route: 'token' }).length + example.logged({ route: 'userinfo' }).length
    const askedBefore = asked()
    expect(await home(browser)).toContain(NOBODY)
    expect(asked()).toBe(askedBefore)
  })

  it('believes nobody but the server that a session is over', async () => {
    const [browser, leaving] = [newBrowser(), newBrowser()]
    await signIn(browser)
    await signIn(leaving)
    const { headers } = await leaving.ask('/sign-out', { method: 'POST', form: {} })
    const idToken = new URL(headers.location ?? '').searchParams.get('id_token_hint') ?? ''
    const [, payload = ''] = idToken.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const logout = encoded({ ...claims, events, jti: 'x', sid: undefined, nonce: undefined })
    const unsigned = `${encoded({ alg: 'none', typ: 'logout+jwt' })}.${logout}.`
    const forged = `${encoded({ ...headerOf(idToken), typ: 'logout+jwt' })}.${logout}.${idToken.split('.')[2]}`
    for (const token of [idToken, unsigned, forged, 'nonsense', '']) {
      const form = token === '' ? {} : { logout_token: token }
      expect((await browser.ask('/backchannel-logout', { method: 'POST', form })).status).toBe(400)
    }
    expect(await home(browser)).toContain('Hello, Ada Example')
  })

  it('takes a code in the browser alone that asked for it', async () => {
    const [browser, victim] = [newBrowser(), newBrowser()]
    await signIn(browser)
    const { headers } = await browser.ask('/sign-in')
    const callback = (await browser.ask(headers.location ?? '')).headers.location ?? ''
    expect(callback).toMatch(`${app}/callback?`)
    expect((await victim.ask(callback)).status).toBe(400)
    // Nor one who has begun a sign-in of their own.
    await victim.ask('/sign-in')
    expect((await victim.ask(callback)).status).toBe(400)
    expect(await home(victim)).toContain(NOBODY)
  })
})

describe('a second run', () => {
  it('says what to do when a port is taken, and starts nothing', async () => {
    for (const [name, port] of [
      ['PORT', env['PORT']],
      ['EXAMPLE_PORT', env['EXAMPLE_PORT']],
    ] as const) {
      const other = { ...env, PORT: String(await freePort()), EXAMPLE_PORT: String(await freePort()) }
      const run = runExample({ ...other, [name]: port ?? '' })
      expect(await run.ended).toBe(1)
      expect(run.stderr()).toMatch(`Port ${port} can't be opened`)
      expect(run.stderr()).toMatch(`set ${name} to another one.`)
      expect(run.stdout()).toBe('')
    }
  })

  it('makes nothing in a database that is not its own', async () => {
    const run = runExample({ ...env, DATABASE_URL: 'postgresql://u:p@db.example/bulla' })
    expect(await run.ended).toBe(1)
    expect(run.stderr()).toMatch('DATABASE_URL=')
  })

  it('stops both at Ctrl-C, and goes on with the same client and the same person', async () => {
    const made = readFileSync(join(folder, 'example.json'), 'utf8')
    expect(statSync(join(folder, 'example.json')).mode & 0o777).toBe(0o600)
    await example.interrupt()
    for (const url of [issuer, app]) await expect(fetch(url)).rejects.toThrow()
    // It went in order: the embedded Postgres was stopped, too.
    expect(example.logged({ msg: 'stopping' })).toHaveLength(1)
    expect(example.stderr()).toBe('')

    example = await started()
    expect(example.stdout()).not.toContain(ada.password)
    expect(example.stdout()).toContain('admin -- user set-password --email ada@example.com')
    expect(readFileSync(join(folder, 'example.json'), 'utf8')).toBe(made)
    expect((await signIn(newBrowser())).html).toContain('Hello, Ada Example')
  })
})

const headerOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split('.')[0] ?? '', 'base64url').toString())
