import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Answer, type Issuer, issuerAt, type Party, type Person } from '../support/issuer.js'
import { registerApi, registerClient, registerUser } from '../support/registrations.js'
import { answerPages, callbackOf, pkce, relyingParty } from '../support/relying-party.js'
import { freePort, installation, startServer, stopServers } from '../support/server.js'

// Apps of the tenant's own, against a running server: what they push, what they ask for by themselves, and what a page of theirs holds.

const ORIGIN = 'https://app.example.com'
const CALLBACK = `${ORIGIN}/callback`
const API = 'https://orders.example.com'

let database: TestDatabase
let url: string
let issuer: Issuer
let ann: Person
let app: Party & { redirectUri: string }
let server: Party & { redirectUri: string }

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  issuer = issuerAt(url, url)
  await registerApi(env, API, '--scope', 'orders:read')
  ann = await registerUser(env, 'ann@example.com')
  const common = ['--first-party', '--redirect-uri', CALLBACK, '--api', API]
  app = { ...(await registerClient(env, '--public', ...common)), redirectUri: CALLBACK }
  server = { ...(await registerClient(env, ...common)), redirectUri: CALLBACK }
})
afterAll(async () => {
  await stopServers()
  await database?.drop()
})

/** `client_id` goes along with what authenticates a public client. */
const begin = (challenge: string, more: Record<string, string> = {}) => ({
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid offline_access orders:read',
  state: 'a state',
  code_challenge: challenge,
  code_challenge_method: 'S256',
  ...more,
})

describe('a pushed request', () => {
  it('may be loaded again before sign-in, gives one code, and then nothing', async () => {
    const { verifier, challenge } = pkce()
    for (const client of [app, server]) {
      const asked = begin(challenge, client.secret === undefined ? {} : { client_id: client.id })
      const { status, headers, body } = await issuer.form('/oauth2/par', client, asked)
      expect([status, headers.get('cache-control')]).toEqual([201, 'no-cache, no-store'])
      const query = new URLSearchParams({ client_id: client.id, request_uri: String(body['request_uri']) })
      const browser = createBrowser(url)
      await browser.go(`/oauth2/authorize?${query}`)
      const arrival = await answerPages(browser, await browser.go(`/oauth2/authorize?${query}`), ann)
      const callback = callbackOf(arrival)
      expect(callback).toMatchObject({ state: 'a state', iss: url })
      const code = String(callback['code'])
      const redeemed = await issuer.token(client, { grant_type: 'authorization_code', code, code_verifier: verifier })
      expect(redeemed.status).toBe(200)
      const again = await browser.go(`/oauth2/authorize?${query}`)
      expect([again.status, again.headers.location]).toEqual([400, undefined])
    }
  })

  it('of one client is none of another’s', async () => {
    const { challenge } = pkce()
    const { body } = await issuer.form('/oauth2/par', app, begin(challenge))
    const query = new URLSearchParams({ client_id: server.id, request_uri: String(body['request_uri']) })
    const arrival = await createBrowser(url).go(`/oauth2/authorize?${query}`)
    expect([arrival.status, arrival.headers.location]).toEqual([400, undefined])
  })
})

describe('an app that asks for the password itself', () => {
  it('gets a code in steps, and tokens for it that a browser’s code would bring', async () => {
    const rp = relyingParty(url, app)
    const { verifier, challenge } = pkce()
    const ask = (fields: Record<string, string>) => issuer.form('/oauth2/authorize-challenge', app, fields)
    const first = await ask(begin(challenge, { nonce: 'n', username: ann.username }))
    expect([first.status, first.body['error']]).toEqual([403, 'insufficient_authorization'])
    const auth_session = String(first.body['auth_session'])
    const wrong = await ask({ auth_session, password: 'wrong' })
    expect([wrong.status, wrong.body['error']]).toEqual([400, 'invalid_grant'])
    const { status, body } = await ask({ auth_session, password: ann.password })
    expect(status).toBe(200)
    const code = String(body['authorization_code'])
    const redeem = (proof: string) =>
      issuer.token(app, { grant_type: 'authorization_code', code, code_verifier: proof, resource: API })
    expect((await redeem(pkce().verifier)).body['error']).toBe('invalid_grant')
    const tokens = await redeem(verifier)
    expect(tokens.body).toMatchObject({ scope: 'orders:read', refresh_token: expect.any(String) })
    expect(await rp.verifyIdToken(String(tokens.body['id_token']))).toMatchObject({ nonce: 'n', acr: '1' })
    expect((await redeem(verifier)).body['error']).toBe('invalid_grant')
    // What the code was used for is over with that: it was stolen, or it was used by who stole it.
    expect((await issuer.refresh(app, String(tokens.body['refresh_token']))).body['error']).toBe('invalid_grant')
  })
})

describe('a page whose refresh token is in a cookie', () => {
  const call = async (path: string, { members = {}, cookie = '' } = {}): Promise<Answer & { cookie: string }> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: ORIGIN, 'x-requested-with': 'bulla', cookie },
      body: JSON.stringify({ client_id: app.id, ...members }),
    })
    const [pair = ''] = (response.headers.get('set-cookie') ?? '').split(';', 1)
    const body = (await response.json()) as Answer['body']
    return { status: response.status, headers: response.headers, body, cookie: pair }
  }
  const signIn = async () => {
    const { password, username } = ann
    const signedIn = await call('/auth/login', { members: { username, password, refresh_token_delivery: 'cookie' } })
    expect([signedIn.status, signedIn.body['refresh_token']]).toEqual([200, undefined])
    return signedIn.cookie
  }

  it('gets access tokens in every tab at once, and the same cookie', async () => {
    const cookie = await signIn()
    const tabs = await Promise.all(Array.from({ length: 12 }, () => call('/auth/refresh', { cookie })))
    expect(tabs.map(({ status }) => status)).toEqual(tabs.map(() => 200))
    expect(new Set(tabs.map((tab) => tab.cookie)).size).toBe(1)
    expect(tabs[0]?.cookie).not.toBe(cookie)
  })

  it('ends what it holds when it signs out', async () => {
    const cookie = await signIn()
    expect((await call('/auth/logout', { cookie })).status).toBe(200)
    const over = await call('/auth/refresh', { cookie })
    expect([over.body['error'], over.cookie.endsWith('=')]).toEqual(['invalid_grant', true])
  })
})
