import { inflateSync } from 'node:zlib'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBrowser, formOf, type TestBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import { expectInactive } from '../support/inactive.js'
import { remember, secretsIn } from '../support/issued-secrets.js'
import { type Issuer, issuerAt, type Party, unseal } from '../support/issuer.js'
import {
  type Api,
  registerApi,
  registerClient,
  registerUser,
  setPassword,
  type User,
} from '../support/registrations.js'
import { type Asked, answerPages, callbackOf, pkce, relyingParty, type TokenAnswer } from '../support/relying-party.js'
import { type Environment, everythingSaid, installation, startServer, stopServers } from '../support/server.js'

const ORDERS = 'https://orders.example'
const CALLBACK = 'https://rp.example/cb'
/** Milliseconds of MAX_STALENESS. */
const BOUND = 2_000
const SCOPE = { scope: 'openid read', resource: ORDERS }

let database: TestDatabase
let env: Environment
/** Two processes over one database, as two replicas of one server. */
let both: readonly [Issuer, Issuer]
let orders: Api
let shop: Party & { redirectUri: string }
let stranger: Party
let ann: User

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url, { MAX_STALENESS: '2' })
  const servers = await Promise.all([startServer(env), startServer(env)])
  const [one, two] = servers.map(({ url }) => issuerAt(url, env['PUBLIC_URL'] ?? ''))
  if (!one || !two) throw new Error('Two were started.')
  both = [one, two]
  ;[orders, ann] = await Promise.all([registerApi(env, ORDERS), registerUser(env, 'ann@example.com')])
  const options = [
    '--api',
    ORDERS,
    '--grant',
    'authorization_code',
    '--grant',
    'refresh_token',
    '--redirect-uri',
    CALLBACK,
  ]
  shop = { ...(await registerClient(env, '--first-party', ...options)), redirectUri: CALLBACK }
  stranger = await registerClient(env, '--first-party', ...options)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const at = (index: number) => both[index % 2 === 0 ? 0 : 1]
const each = <T>(count: number, one: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => one(index)))
const statuses = (answers: readonly { status: number }[]) =>
  answers.map(({ status }) => status).toSorted((a, b) => a - b)

type Signed = { code: string; verifier: string; browser: TestBrowser }

/** Somebody signs in at the first process, and has a code. */
async function signIn(asked: Asked = SCOPE, who = ann): Promise<Signed> {
  const browser = createBrowser(both[0].url)
  const rp = relyingParty(both[0].url, shop, asked)
  const { code = '' } = callbackOf(await answerPages(browser, await rp.begin(browser), who))
  expect(code).not.toBe('')
  remember(code)
  return { code, verifier: rp.verifier, browser }
}

const redeem = (issuer: Issuer, { code, verifier }: Pick<Signed, 'code' | 'verifier'>, change: Asked = {}, by = shop) =>
  relyingParty(issuer.url, by).redeem(code, { code_verifier: verifier, ...change })

/** The tokens of the answers that have some, noted down as secrets. */
function tokensOf(answers: readonly TokenAnswer[]) {
  const made = answers.filter(({ status }) => status === 200).map(({ body }) => body)
  for (const { access_token, refresh_token } of made) remember(access_token, refresh_token)
  return made
}
const isActive = async (issuer: Issuer, token: string) => (await issuer.introspect(orders, token))['active']

/** Whether the published list says that a token was revoked. */
async function bitOf(issuer: Issuer, token: string): Promise<number> {
  const { inner } = await unseal(token, orders.privateJwk)
  const { status } = decodeJwt<{ status: { status_list: { uri: string; idx: number } } }>(inner)
  const { uri, idx } = status.status_list
  const response = await fetch(uri.replace(issuer.issuer, issuer.url))
  const { payload } = await jwtVerify(await response.text(), createLocalJWKSet(await issuer.keys()), { subject: uri })
  const bytes = inflateSync(Buffer.from((payload['status_list'] as { lst: string }).lst, 'base64url'))
  return ((bytes[idx >> 3] ?? 0) >> (idx & 7)) & 1
}

async function expectDead({ access_token, refresh_token }: TokenAnswer['body']) {
  for (const issuer of both) {
    await expectInactive(() => isActive(issuer, access_token), BOUND)
    const { status, body } = await issuer.refresh(shop, refresh_token)
    expect([status, body['error']]).toEqual([400, 'invalid_grant'])
    await eventually(async () => expect(await bitOf(issuer, access_token)).toBe(1))
  }
}

describe('a code at two processes', () => {
  it('F4 is redeemed once by 50 at once, and the others end what the one was given', async () => {
    for (const round of [1, 2]) {
      const mine = await signIn()
      const answers = await each(50, (index) => redeem(at(index), mine))
      expect(statuses(answers), String(round)).toEqual([200, ...Array.from({ length: 49 }, () => 400)])
      for (const { status, body } of answers) if (status === 400) expect(body.error).toBe('invalid_grant')
      const [made] = tokensOf(answers)
      if (!made) throw new Error('Nobody had tokens.')
      await expectDead(made)
    }
  })

  it('F4 is taken by whom it was given to while others try it, who end nothing', async () => {
    const mine = await signIn()
    const wrong: readonly [Asked, Party][] = [
      [{ code_verifier: pkce().verifier }, shop],
      [{ code_verifier: undefined }, shop],
      [{ redirect_uri: 'https://evil.example/' }, shop],
      [{}, stranger],
      [{}, { ...shop, secret: 'wrong' }],
      [{}, { id: shop.id }],
    ]
    const tries = (count: number) =>
      each(count, async (index) => {
        const [change, by] = wrong[index % wrong.length] ?? [{}, stranger]
        return redeem(at(index), mine, change, { ...by, redirectUri: CALLBACK })
      })
    const [before, one, after] = await Promise.all([tries(24), redeem(both[1], mine), tries(24)])
    expect([...before, ...after].filter(({ status }) => status < 400)).toEqual([])
    const [made] = tokensOf([one])
    if (!made) throw new Error('Who it is had no tokens.')
    await tries(24)
    for (const issuer of both) expect(await isActive(issuer, made.access_token)).toBe(true)
    expect(await bitOf(both[0], made.access_token)).toBe(0)
    expect((await both[1].refresh(shop, made.refresh_token)).status).toBe(200)
  })

  it('F4 comes once of a page that is answered twice, in two tabs, at two processes', async () => {
    const browser = createBrowser(both[0].url)
    const rp = relyingParty(both[0].url, shop, { ...SCOPE, prompt: 'consent' })
    await rp.begin(browser)
    const { username, password } = ann
    const consent = await browser.submit({ username, password, decision: 'sign_in' })
    const { hidden } = formOf(consent.html)
    const answers = await each(10, (index) => {
      const tab = createBrowser(at(index).url)
      for (const [name, value] of browser.cookies) tab.cookies.set(name, value)
      return tab.ask(consent.url.pathname, {
        method: 'POST',
        form: { ...hidden, decision: index === 4 ? 'deny' : 'allow' },
      })
    })
    const answered = answers.filter(({ headers }) => headers.location?.startsWith(CALLBACK))
    expect(answered).toHaveLength(1)
    expect(statuses(answers.filter((one) => !answered.includes(one)))).toEqual(Array.from({ length: 9 }, () => 410))
  })

  it('F4 comes once of a pushed request, however many browsers bring it', async () => {
    const { verifier, challenge } = pkce()
    const pushed = await both[0].form('/oauth2/par', shop, {
      ...{ client_id: shop.id, response_type: 'code', redirect_uri: CALLBACK, ...SCOPE },
      ...{ code_challenge: challenge, code_challenge_method: 'S256' },
    })
    const { browser } = await signIn()
    const query = new URLSearchParams({ client_id: shop.id, request_uri: String(pushed.body['request_uri']) })
    const answers = await each(20, (index) => {
      const tab = createBrowser(at(index).url)
      for (const [name, value] of browser.cookies) tab.cookies.set(name, value)
      return tab.ask(`/oauth2/authorize?${query}`)
    })
    const codes = answers.flatMap(({ headers }) => new URL(headers.location ?? 'x:').searchParams.get('code') ?? [])
    expect(codes).toHaveLength(1)
    remember(...codes)
    expect(tokensOf([await redeem(both[1], { code: codes[0] ?? '', verifier })])).toHaveLength(1)
  })
})

describe('what ends while it begins', () => {
  it('F13 leaves nothing of a session that is signed out while its code is redeemed', async () => {
    for (let round = 0; round < 6; round++) {
      const mine = await signIn()
      const page = await mine.browser.go('/oauth2/logout')
      const { action = '', hidden } = formOf(page.html)
      const signOut = () => mine.browser.ask(action, { method: 'POST', form: { ...hidden, decision: 'sign_out' } })
      const [answer, ended] = await Promise.all([redeem(at(round), mine), signOut()])
      expect(ended.status).toBe(200)
      for (const made of tokensOf([answer])) await expectDead(made)
      const rp = relyingParty(both[0].url, shop, { ...SCOPE, prompt: 'none' })
      expect(callbackOf(await rp.begin(mine.browser))['error']).toBe('login_required')
    }
  })

  it('F13 leaves no session of the old password when it is changed while somebody signs in', async () => {
    const eve = await registerUser(env, 'eve@example.com')
    const { username, password } = eve
    let isChanged = false
    const changed = setPassword(env, eve, 'another password altogether').then(() => {
      isChanged = true
    })
    const browsers: TestBrowser[] = []
    const made: TokenAnswer['body'][] = []
    // One after the other until it is done, three beside each other: some are in the middle of it.
    await each(3, async (index) => {
      while (!isChanged) {
        const browser = createBrowser(at(index).url)
        const rp = relyingParty(at(index).url, shop, SCOPE)
        await rp.begin(browser)
        const arrived = await browser.submit({ username, password, decision: 'sign_in' })
        browsers.push(browser)
        if (!arrived.url.href.startsWith(CALLBACK)) continue
        const { code = '' } = callbackOf(arrived)
        made.push(...tokensOf([await redeem(at(index + 1), { code, verifier: rp.verifier })]))
      }
    })
    await changed
    expect(made.length).toBeGreaterThan(0)
    for (const { access_token, refresh_token } of made) {
      for (const issuer of both) await expectInactive(() => isActive(issuer, access_token), BOUND)
      expect((await both[0].refresh(shop, refresh_token)).status).toBe(400)
    }
    for (const browser of browsers) {
      const rp = relyingParty(both[0].url, shop, { ...SCOPE, prompt: 'none' })
      const again = createBrowser(both[0].url)
      for (const [name, value] of browser.cookies) again.cookies.set(name, value)
      expect(callbackOf(await rp.begin(again))['error']).toBe('login_required')
    }
  })
})

it('T15 says nothing of it in either log', async () => {
  const { found, of } = secretsIn(everythingSaid())
  expect(of).toBeGreaterThan(10)
  expect(found).toEqual([])
})
