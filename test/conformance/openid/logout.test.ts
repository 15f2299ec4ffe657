import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Arrival, createBrowser, type TestBrowser } from '../../support/browser.js'
import { type TestDatabase, testDatabase } from '../../support/database.js'
import { eventually } from '../../support/eventually.js'
import type { Party, Person } from '../../support/issuer.js'
import { type LogoutReceiver, logoutReceiver } from '../../support/logout-receiver.js'
import { registerClient, registerUser } from '../../support/registrations.js'
import { callbackOf, relyingParty, type TokenAnswer } from '../../support/relying-party.js'
import { freePort, installation, startServer, stopServers } from '../../support/server.js'

// The modules of the OpenID Foundation's logout profiles, in our own words, against a running server.

const CALLBACK = 'https://rp.example/cb'
const BYE = 'https://rp.example/bye'
const FRONT = 'https://rp.example/front'

let database: TestDatabase
let url: string
let ann: Person
let web: Party & { redirectUri: string }
let told: Party & { redirectUri: string }
let framed: Party & { redirectUri: string }
let receiver: LogoutReceiver

beforeAll(async () => {
  ;[database, receiver] = await Promise.all([testDatabase(), logoutReceiver()])
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  ann = await registerUser(env, 'ann@example.com')
  const register = async (...more: string[]) => {
    const bye = ['--redirect-uri', CALLBACK, '--post-logout-redirect-uri', BYE, '--first-party']
    return { ...(await registerClient(env, ...bye, ...more)), redirectUri: CALLBACK }
  }
  web = await register()
  told = await register('--backchannel-logout-uri', receiver.url)
  framed = await register('--frontchannel-logout-uri', FRONT)
})
afterAll(async () => {
  await Promise.all([stopServers(), receiver.close()])
  await database.drop()
})

type World = {
  readonly browser: TestBrowser
  readonly rp: ReturnType<typeof relyingParty>
  readonly signedIn: TokenAnswer
  /** Opens the endpoint of RP-initiated logout. */
  logout(params: Record<string, string>): Promise<Arrival>
  isSignedIn(): Promise<boolean>
}

async function world(client = web): Promise<World> {
  const browser = createBrowser(url)
  const rp = relyingParty(url, client)
  const signedIn = await rp.signIn(browser, ann)
  return {
    browser,
    rp,
    signedIn,
    logout: (params) => browser.go(`/oauth2/logout?${new URLSearchParams(params)}`),
    isSignedIn: async () => 'code' in callbackOf(await rp.begin(browser, { prompt: 'none' })),
  }
}

/** A page of ours, from which nobody is sent anywhere. */
function expectPage({ url: at, headers, status, html }: Arrival): void {
  expect(at.origin).toBe(url)
  expect(headers.location).toBeUndefined()
  expect([200, 400]).toContain(status)
  expect(html).not.toMatch(/http-equiv="refresh"/)
}

const unsigned = (idToken: string) => {
  const [, payload = ''] = idToken.split('.')
  return `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`
}
const foreign = (idToken: string) => `${idToken.slice(0, idToken.lastIndexOf('.'))}.${'A'.repeat(342)}`

type Module = { readonly name: string; readonly asserts: string; run(world: World): Promise<void> }

const neverRedirects = (name: string, params: (idToken: string) => Record<string, string>): Module => ({
  name,
  asserts: 'nobody is sent anywhere',
  run: async ({ logout, signedIn }) => expectPage(await logout(params(signedIn.body.id_token))),
})

const modules: readonly Module[] = [
  {
    name: 'oidcc-rp-initiated-logout',
    asserts: 'the person is signed out, and comes back with the state',
    run: async ({ logout, signedIn, isSignedIn }) => {
      const params = { id_token_hint: signedIn.body.id_token, post_logout_redirect_uri: BYE, state: 'a & b' }
      const at = await logout(params)
      expect(`${at.url.origin}${at.url.pathname}`).toBe(BYE)
      expect(Object.fromEntries(at.url.searchParams)).toEqual({ state: 'a & b' })
      expect(await isSignedIn()).toBe(false)
    },
  },
  {
    name: 'no-state',
    asserts: 'none comes back',
    run: async ({ logout, signedIn }) => {
      const at = await logout({ id_token_hint: signedIn.body.id_token, post_logout_redirect_uri: BYE })
      expect(at.url.href).toBe(BYE)
    },
  },
  neverRedirects('bad-post-logout-redirect-uri', (id_token_hint) => ({
    id_token_hint,
    post_logout_redirect_uri: 'https://evil.example/bye',
  })),
  neverRedirects('query-added-to-post-logout-redirect-uri', (id_token_hint) => ({
    id_token_hint,
    post_logout_redirect_uri: `${BYE}?foo=bar`,
  })),
  neverRedirects('no-id-token-hint', () => ({ post_logout_redirect_uri: BYE, state: 'x' })),
  neverRedirects('modified-id-token-hint', (idToken) => ({
    id_token_hint: unsigned(idToken),
    post_logout_redirect_uri: BYE,
  })),
  neverRedirects('bad-id-token-hint', (idToken) => ({
    id_token_hint: foreign(idToken),
    post_logout_redirect_uri: BYE,
  })),
  neverRedirects('no-params', () => ({})),
  neverRedirects('only-state', () => ({ state: 'x' })),
  {
    name: 'no-post-logout-redirect-uri',
    asserts: 'the person is signed out, and told so',
    run: async ({ logout, signedIn, isSignedIn }) => {
      expectPage(await logout({ id_token_hint: signedIn.body.id_token }))
      expect(await isSignedIn()).toBe(false)
    },
  },
  {
    name: 'no-id-token-hint, and the person agrees',
    asserts: 'only what was answered on our own page signs out',
    run: async ({ logout, isSignedIn, browser }) => {
      await logout({})
      expect(await isSignedIn()).toBe(true)
      await logout({})
      await browser.submit({ decision: 'sign_out' })
      expect(await isSignedIn()).toBe(false)
    },
  },
]

describe('oidcc-rp-initiated-logout', () => {
  for (const { name, asserts, run } of modules) {
    it(`${name}: ${asserts}`, async () => run(await world()))
  }
})

describe('oidcc-backchannel-rp-initiated-logout', () => {
  it('backchannel-rp-initiated: the client gets a logout token of the session that ended, and nothing else', async () => {
    const { logout, rp, signedIn, isSignedIn } = await world(told)
    const { sub, sid } = await rp.verifyIdToken(signedIn.body.id_token)
    const at = await logout({ id_token_hint: signedIn.body.id_token, post_logout_redirect_uri: BYE, state: 's' })
    expect(at.url.href).toBe(`${BYE}?state=s`)
    await eventually(async () => expect(receiver.received).toHaveLength(1))
    const [got] = receiver.received
    expect(got).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' } })
    const form = new URLSearchParams(got?.body)
    expect([...form.keys()]).toEqual(['logout_token'])
    const jwks = (await (await fetch(`${url}/jwks`)).json()) as JSONWebKeySet
    const { payload } = await jwtVerify(form.get('logout_token') ?? '', createLocalJWKSet(jwks), {
      issuer: url,
      audience: told.id,
      typ: 'logout+jwt',
      requiredClaims: ['iat', 'exp', 'jti'],
    })
    expect(payload).toMatchObject({ sub, sid, events: { 'http://schemas.openid.net/event/backchannel-logout': {} } })
    expect(payload).not.toHaveProperty('nonce')
    expect(await isSignedIn()).toBe(false)
  })
})

describe('oidcc-frontchannel-rp-initiated-logout', () => {
  it('frontchannel-rp-initiated: the client is shown in a frame with issuer and session, and the person comes back', async () => {
    const { logout, rp, signedIn, isSignedIn } = await world(framed)
    const { sid } = await rp.verifyIdToken(signedIn.body.id_token)
    const at = await logout({ id_token_hint: signedIn.body.id_token, post_logout_redirect_uri: BYE, state: 's' })
    const frame = new URL(/<iframe[^>]*\ssrc="([^"]*)"/.exec(at.html)?.[1]?.replaceAll('&amp;', '&') ?? '')
    expect(`${frame.origin}${frame.pathname}`).toBe(FRONT)
    expect(Object.fromEntries(frame.searchParams)).toEqual({ iss: url, sid })
    expect(at.headers['content-security-policy']).toContain('frame-src https://rp.example')
    expect(at.html).toContain(`${BYE}?state=s`)
    expect(await isSignedIn()).toBe(false)
  })
})
