import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Arrival, createBrowser, type TestBrowser } from '../../support/browser.js'
import { type TestDatabase, testDatabase } from '../../support/database.js'
import { eventually } from '../../support/eventually.js'
import type { Party, Person } from '../../support/issuer.js'
import { registerClient, registerUser } from '../../support/registrations.js'
import { type Asked, answerPages, callbackOf, relyingParty, type TokenAnswer } from '../../support/relying-party.js'
import { type Environment, freePort, installation, startServer, stopServers } from '../../support/server.js'

// The modules of the OpenID Foundation's basic profile for `code`, in our own words, against a running server: once as they are and
// once with response_mode=form_post.

const CALLBACK = 'https://rp.example/cb'

let database: TestDatabase
let env: Environment
let url: string
let ann: Person
let web: Party & { redirectUri: string }
let other: Party & { redirectUri: string }
let two: Party & { redirectUri: string }

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  const person = ['--name', 'Ann Example', '--email-verified', '--claim', 'phone_number=+44 20 7946 0018', '--claim']
  ann = await registerUser(env, 'ann@example.com', ...person, 'address={"locality":"London"}')
  const register = async (...more: string[]) => {
    const client = await registerClient(env, '--redirect-uri', CALLBACK, '--first-party', ...more)
    return { ...client, redirectUri: CALLBACK }
  }
  ;[web, other, two] = await Promise.all([register(), register(), register('--redirect-uri', `${CALLBACK}2`)])
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

type World = {
  readonly browser: TestBrowser
  /** The client that is tested. */
  readonly rp: ReturnType<typeof relyingParty>
  readonly mode: Asked
  /** Once around, with what holds for every happy flow. */
  happy(asked?: Asked): Promise<TokenAnswer & { callback: Readonly<Record<string, string>> }>
  /** To the end of the pages. */
  respond(asked: Asked): Promise<Readonly<Record<string, string>>>
}

type Module = { readonly name: string; readonly asserts: string; run(world: World): Promise<void> }

const userinfo = async (token: string, init: RequestInit = {}) =>
  fetch(`${url}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` }, ...init })

const claimsOf = async (token: string) => (await userinfo(token)).json() as Promise<Record<string, unknown>>

const scopeModule = (name: string, scope: string, claims: Record<string, unknown>): Module => ({
  name: `scope-${name}`,
  asserts: 'its claims come from userinfo',
  run: async ({ happy }) => {
    const { body } = await happy({ scope: `openid ${scope}` })
    expect(await claimsOf(body.access_token)).toMatchObject(claims)
  },
})

const PROFILE = { name: 'Ann Example', updated_at: expect.any(Number) }
const EMAIL = { email: 'ann@example.com', email_verified: true }
const ADDRESS = { address: { locality: 'London' } }
const PHONE = { phone_number: '+44 20 7946 0018' }

const tolerated = (name: string, asked: Asked): Module => ({
  name,
  asserts: 'it is accepted',
  run: async ({ happy }) => {
    expect((await happy(asked)).status).toBe(200)
  },
})

const modules: readonly Module[] = [
  {
    name: 'server',
    asserts: 'the flow works, and every token with it',
    run: async ({ happy }) => {
      const { body } = await happy({ scope: 'openid profile email', nonce: 'n-0S6_WzA2Mj' })
      expect(body.expires_in).toBeGreaterThan(0)
      expect(body.access_token).toMatch(/^[A-Za-z0-9\-._~+/]+=*$/)
      expect(await claimsOf(body.access_token)).toMatchObject({ ...EMAIL, sub: expect.any(String) })
    },
  },
  {
    name: 'response-type-missing',
    asserts: 'the client is told that it is missing',
    run: async ({ respond }) => {
      const { error } = await respond({ response_type: undefined })
      expect(error).toBe('invalid_request')
    },
  },
  {
    name: 'response-type-unsupported',
    asserts: 'neither implicit nor hybrid is to be had',
    run: async ({ respond }) => {
      for (const response_type of ['token', 'id_token', 'code id_token', 'code token', 'none']) {
        expect((await respond({ response_type }))['error']).toBe('unsupported_response_type')
      }
    },
  },
  {
    name: 'idtoken-signature',
    asserts: 'the ID token is signed by RS256 with a key that is published',
    run: async ({ happy, rp }) => {
      const { body } = await happy()
      expect((await rp.verifyIdToken(body.id_token)).alg).toBe('RS256')
    },
  },
  {
    name: 'userinfo-get, userinfo-post-header, userinfo-post-body',
    asserts: 'userinfo answers each of them with the subject of the ID token',
    run: async ({ happy, rp }) => {
      const { body } = await happy()
      const { sub } = await rp.verifyIdToken(body.id_token)
      const form = { method: 'POST', headers: {}, body: new URLSearchParams({ access_token: body.access_token }) }
      const answers = [
        userinfo(body.access_token),
        userinfo(body.access_token, { method: 'POST', headers: { authorization: `Bearer ${body.access_token}` } }),
        userinfo('', form),
      ]
      for (const answer of await Promise.all(answers)) {
        expect(answer.status).toBe(200)
        expect(await answer.json()).toEqual({ sub })
      }
    },
  },
  {
    name: 'ensure-request-without-nonce-succeeds-for-code-flow',
    asserts: 'none was given and none comes back',
    run: async ({ happy, rp }) => {
      const { body } = await happy({ nonce: undefined })
      expect(await rp.verifyIdToken(body.id_token)).not.toHaveProperty('nonce')
    },
  },
  scopeModule('profile', 'profile', PROFILE),
  scopeModule('email', 'email', EMAIL),
  scopeModule('address', 'address', ADDRESS),
  scopeModule('phone', 'phone', PHONE),
  scopeModule('all', 'profile email address phone', { ...PROFILE, ...EMAIL, ...ADDRESS, ...PHONE }),
  scopeModule('reversed (alternate-happy-flow)', 'phone address email profile', { ...PROFILE, ...EMAIL }),
  tolerated('display-page', { display: 'page' }),
  tolerated('display-popup', { display: 'popup' }),
  tolerated('ensure-request-with-unknown-parameter-succeeds', { extra: 'foobar' }),
  tolerated('login-hint', { login_hint: 'ann@example.com' }),
  tolerated('ui-locales', { ui_locales: 'fr de xx' }),
  tolerated('claims-locales', { claims_locales: 'se' }),
  {
    name: 'prompt-login',
    asserts: 'the person signs in again, and it is later',
    run: async ({ happy, rp, browser }) => {
      const first = await rp.verifyIdToken((await happy()).body.id_token)
      await eventually(async () => expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(first.auth_time ?? 0))
      const at = await rp.begin(browser, { prompt: 'login' })
      expect(at.html).toContain('name="password"')
      const again = await rp.verifyIdToken((await happy({ prompt: 'login' })).body.id_token)
      expect(again.auth_time).toBeGreaterThan(first.auth_time ?? 0)
      expect(again.sub).toBe(first.sub)
    },
  },
  {
    name: 'prompt-none-not-logged-in',
    asserts: 'the client is told, and nobody is asked',
    run: async ({ rp, browser, mode }) => {
      const at = await rp.begin(browser, { ...mode, prompt: 'none' })
      expect(callbackOf(at)).toMatchObject({ error: 'login_required' })
    },
  },
  {
    name: 'prompt-none-logged-in',
    asserts: 'nobody is asked, and it is the same person and the same sign-in',
    run: async ({ happy, rp, browser, mode }) => {
      const first = await rp.verifyIdToken((await happy()).body.id_token)
      const { code = '' } = callbackOf(await rp.begin(browser, { ...mode, prompt: 'none' }))
      const second = await rp.verifyIdToken((await rp.redeem(code)).body.id_token)
      expect(second).toMatchObject({ sub: first.sub, auth_time: first.auth_time, sid: first.sid })
    },
  },
  {
    name: 'max-age-1',
    asserts: 'whoever signed in longer ago signs in again',
    run: async ({ happy, rp, browser }) => {
      const first = await rp.verifyIdToken((await happy()).body.id_token)
      const elapsed = () => Date.now() / 1000 - (first.auth_time ?? 0)
      await eventually(async () => expect(elapsed()).toBeGreaterThan(2.1))
      const at = await rp.begin(browser, { max_age: '1' })
      expect(at.html).toContain('name="password"')
      const second = await rp.verifyIdToken((await happy({ max_age: '1' })).body.id_token)
      expect(second.auth_time).toBeGreaterThan(first.auth_time ?? 0)
    },
  },
  {
    name: 'max-age-10000',
    asserts: 'nobody signs in again, and it says when they did',
    run: async ({ happy, rp, browser, mode }) => {
      const first = await rp.verifyIdToken((await happy()).body.id_token)
      const { code = '' } = callbackOf(await rp.begin(browser, { ...mode, max_age: '10000' }))
      const second = await rp.verifyIdToken((await rp.redeem(code)).body.id_token)
      expect(second.auth_time).toBe(first.auth_time)
    },
  },
  {
    name: 'id-token-hint',
    asserts: 'with prompt=none the person it names is signed in, and no other',
    run: async ({ happy, rp, browser, mode }) => {
      const { body } = await happy()
      const named = await rp.begin(browser, { ...mode, prompt: 'none', id_token_hint: body.id_token })
      expect(callbackOf(named)).toHaveProperty('code')
      const forged = `${body.id_token.slice(0, -20)}${'A'.repeat(20)}`
      const at = await rp.begin(browser, { ...mode, prompt: 'none', id_token_hint: forged })
      expect(callbackOf(at)).toMatchObject({ error: 'invalid_request' })
    },
  },
  {
    name: 'ensure-request-with-acr-values-succeeds',
    asserts: 'it says how the person was authenticated',
    run: async ({ happy, rp }) => {
      const { body } = await happy({ acr_values: '1 2' })
      expect((await rp.verifyIdToken(body.id_token)).acr).toBe('1')
    },
  },
  {
    name: 'codereuse, codereuse-30seconds',
    asserts: 'a second use is refused, and ends what came of the first',
    run: async ({ happy, rp }) => {
      const { callback, body } = await happy()
      const again = await rp.redeem(callback['code'] ?? '')
      expect(again).toMatchObject({ status: 400, body: { error: 'invalid_grant' } })
      await eventually(async () => expect((await userinfo(body.access_token)).status).toBe(401))
    },
  },
  {
    name: 'ensure-registered-redirect-uri',
    asserts: 'the person sees an error, and goes nowhere',
    run: async ({ rp, browser }) => {
      expectPage(await rp.begin(browser, { redirect_uri: 'https://evil.example/cb' }), 400)
    },
  },
  {
    name: 'ensure-redirect-uri-in-authorization-request',
    asserts: 'of two registered one must be named',
    run: async ({ browser, mode }) => {
      const rp = relyingParty(url, two, mode)
      expectPage(await rp.begin(browser, { redirect_uri: undefined }), 400)
    },
  },
  {
    name: 'ensure-post-request-succeeds',
    asserts: 'the request may be posted',
    run: async ({ rp, browser, mode }) => {
      const form = Object.fromEntries(rp.authorizationUrl(mode).searchParams)
      const headers = { origin: 'https://rp.example', 'sec-fetch-site': 'cross-site' }
      const at = await browser.go('/oauth2/authorize', { method: 'POST', form, headers })
      expect(callbackOf(await answerPages(browser, at, ann))).toHaveProperty('code')
    },
  },
  {
    name: 'server-client-secret-post',
    asserts: 'the secret may stand in the body',
    run: async ({ rp, browser, mode }) => {
      const at = await answerPages(browser, await rp.begin(browser, mode), ann)
      const { code } = callbackOf(at)
      const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code: code ?? '',
        code_verifier: rp.verifier,
        client_id: web.id,
        client_secret: web.secret ?? '',
      })
      expect((await fetch(`${url}/oauth2/token`, { method: 'POST', body })).status).toBe(200)
    },
  },
  {
    name: 'unsigned-request-object-supported-correctly-or-rejected-as-unsupported, request-uri-unsigned',
    asserts: 'what is not supported is said, not overlooked',
    run: async ({ respond }) => {
      const request = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}.`
      expect((await respond({ request }))['error']).toBe('request_not_supported')
      expect((await respond({ request_uri: 'https://rp.example/request.jwt' }))['error']).toBe(
        'request_uri_not_supported',
      )
    },
  },
  {
    name: 'claims-essential',
    asserts: 'a claim that was asked for by name comes',
    run: async ({ happy }) => {
      const { body } = await happy({ claims: JSON.stringify({ userinfo: { name: { essential: true } } }) })
      expect(await claimsOf(body.access_token)).toMatchObject({ name: 'Ann Example' })
    },
  },
  {
    name: 'refresh-token',
    asserts: 'it gives a new one and an ID token of the same sign-in, and to its own client alone',
    run: async ({ happy, rp }) => {
      const { body } = await happy({ scope: 'openid offline_access', prompt: 'consent', nonce: 'once' })
      const stranger = await relyingParty(url, other).token({
        grant_type: 'refresh_token',
        refresh_token: body.refresh_token,
      })
      expect(stranger.body).toMatchObject({ error: 'invalid_grant' })
      const fresh = await rp.token({ grant_type: 'refresh_token', refresh_token: body.refresh_token })
      expect(fresh.status).toBe(200)
      expect(fresh.body.access_token).not.toBe(body.access_token)
      expect(fresh.body.refresh_token).not.toBe(body.refresh_token)
      const [before, after] = [await rp.verifyIdToken(body.id_token), await rp.verifyIdToken(fresh.body.id_token)]
      expect(after).toMatchObject({ iss: before.iss, sub: before.sub, aud: before.aud, auth_time: before.auth_time })
      expect(after.nonce).toBeUndefined()
    },
  },
  {
    name: 'ensure-request-with-valid-pkce-succeeds',
    asserts: 'without PKCE, or with a weaker kind, nothing is given',
    run: async ({ respond, happy }) => {
      expect((await happy()).status).toBe(200)
      const weaker: Asked[] = [
        { code_challenge: undefined, code_challenge_method: undefined },
        { code_challenge_method: undefined },
        { code_challenge_method: 'plain' },
        { code_challenge_method: 's256' },
        { code_challenge_method: 'S512' },
      ]
      for (const asked of weaker) expect((await respond(asked))['error']).toBe('invalid_request')
    },
  },
]

function expectPage({ status, headers, html, url: at }: Arrival, expected: number) {
  expect({ status, origin: at.origin }).toEqual({ status: expected, origin: url })
  expect(headers['content-type']).toMatch('text/html')
  expect(headers.location).toBeUndefined()
  expect(html).not.toContain('evil.example/cb"')
}

describe.each<{ mode: string; asked: Asked }>([
  { mode: 'query', asked: {} },
  { mode: 'form_post', asked: { response_mode: 'form_post' } },
])('oidcc-basic with response_mode $mode', ({ mode, asked: byMode }) => {
  const world = (): World => {
    const browser = createBrowser(url)
    const rp = relyingParty(url, web, byMode)
    return {
      browser,
      rp,
      mode: byMode,
      async happy(asked = {}) {
        const answer = await rp.signIn(browser, ann, asked)
        expect(answer.callback).toMatchObject({ state: 'a state & more=1', iss: url })
        expect(answer.status).toBe(200)
        expect(answer.headers.get('cache-control')).toBe('no-store')
        expect(answer.headers.get('content-type')).toMatch('application/json')
        const claims = await rp.verifyIdToken(answer.body.id_token)
        expect(claims).toMatchObject({ iss: url, aud: web.id, sub: expect.any(String) })
        expect(claims.nonce).toBe(asked['nonce'])
        return answer
      },
      async respond(asked) {
        const at = await rp.begin(browser, asked)
        const callback = callbackOf(at)
        expect(callback).toMatchObject({ state: 'a state & more=1', iss: url })
        expect(at.status === 303).toBe(mode === 'query')
        return callback
      },
    }
  }

  for (const { name, asserts, run } of modules) {
    it(`${name}: ${asserts}`, () => run(world()))
  }
})
