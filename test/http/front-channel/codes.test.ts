import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ACME } from '../../support/app.js'
import type { TestBrowser } from '../../support/browser.js'
import { type BrowserApp, browserApp } from '../../support/browser-app.js'
import {
  type Asked,
  answerPages,
  callbackOf,
  pkce,
  type relyingParty,
  type TokenAnswer,
} from '../../support/relying-party.js'

let app: BrowserApp
let browser: TestBrowser
let ann: ReturnType<BrowserApp['person']>
let client: ReturnType<BrowserApp['client']>
let rp: ReturnType<typeof relyingParty>
beforeEach(async () => {
  app = await browserApp()
  browser = app.browser()
  ann = app.person('ann@example.com')
  client = app.client()
  rp = app.rp(client)
})
afterEach(() => app.close())

async function code(by = rp, asked: Asked = {}): Promise<string> {
  const found = callbackOf(await answerPages(browser, await by.begin(browser, asked), ann))['code']
  if (found === undefined) throw new Error('No code came.')
  return found
}
const refused = ({ status, body }: TokenAnswer) => `${status} ${body.error}`
const userinfo = async (token: string) =>
  (await fetch(`${app.url}/oauth2/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status

describe('a code', () => {
  it('F2 is redeemed by no verifier but its own, and is still good when others have tried', async () => {
    const mine = await code()
    const others = await code(app.rp(client))
    for (const change of [
      { code: others },
      { code_verifier: pkce().verifier },
      { code_verifier: pkce().challenge },
      { code_verifier: rp.verifier.slice(0, 42) },
      { code_verifier: `${rp.verifier}=` },
      { code_verifier: rp.verifier.toLowerCase() },
      { code_verifier: 'a'.repeat(129) },
      { code_verifier: 'é'.repeat(43) },
      { code_verifier: '' },
      { code_verifier: undefined },
    ]) {
      expect(refused(await rp.redeem(mine, change)), JSON.stringify(change)).toBe('400 invalid_grant')
    }
    expect((await rp.redeem(mine)).status).toBe(200)
  })

  it('F2 is redeemed with no redirect URI but its own, nor one that its client has beside', async () => {
    const both = app.client({ redirectUris: ['https://rp.example/cb', 'https://rp.example/cb2'] })
    const by = app.rp(both)
    const mine = await code(by)
    for (const redirect_uri of ['https://rp.example/cb2', 'https://rp.example/cb/', 'https://RP.example/cb']) {
      expect(refused(await by.redeem(mine, { redirect_uri }))).toBe('400 invalid_grant')
    }
    expect((await by.redeem(mine, { redirect_uri: undefined })).status).toBe(200)
  })

  it('T4 of one client is none of another, nor of another tenant, and is not used up by their trying', async () => {
    const mine = await code()
    const other = app.client()
    const theirs = app.client({ tenant: ACME, id: client.id })
    const { verifier: code_verifier } = rp
    expect(refused(await app.rp(other).redeem(mine, { code_verifier }))).toBe('400 invalid_grant')
    expect(refused(await app.rp(theirs, {}, ACME).redeem(mine, { code_verifier }))).toBe('400 invalid_grant')
    const { status, body } = await rp.redeem(mine)
    expect(status).toBe(200)
    // Nor do they end by trying what was made of it.
    expect(refused(await app.rp(other).redeem(mine, { code_verifier }))).toBe('400 invalid_grant')
    expect(await userinfo(body.access_token)).toBe(200)
  })

  it('F4 that comes twice ends what was made of it; by whom it is not, it ends nothing', async () => {
    const mine = await code(rp, { scope: 'openid offline_access' })
    const { body } = await rp.redeem(mine)
    for (const change of [
      { code_verifier: pkce().verifier },
      { code_verifier: undefined },
      { redirect_uri: 'https://evil.example/' },
      { client_secret: 'wrong' },
    ]) {
      expect((await rp.redeem(mine, change)).status).toBeGreaterThanOrEqual(400)
    }
    const thief = await fetch(`${app.url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code: mine,
        code_verifier: rp.verifier,
        client_id: client.id,
        client_secret: 'wrong',
      }),
    })
    expect(thief.status).toBe(401)
    expect(await userinfo(body.access_token)).toBe(200)
    expect(refused(await rp.redeem(mine))).toBe('400 invalid_grant')
    expect(await userinfo(body.access_token)).toBe(401)
    const refresh = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
    expect(refused(await rp.token(refresh))).toBe('400 invalid_grant')
  })

  it('T6 is worth nothing cut, longer, or with one character changed', async () => {
    const mine = await code()
    const other = (at: number) => `${mine.slice(0, at)}${mine[at] === 'A' ? 'B' : 'A'}${mine.slice(at + 1)}`
    const changed = [...mine].map((_, at) => other(at))
    for (const wrong of [
      ...changed,
      mine.slice(0, -1),
      `${mine}A`,
      `${mine}=`,
      ` ${mine}`,
      mine.toLowerCase(),
      `${mine}\n`,
    ]) {
      expect(refused(await rp.redeem(wrong))).toBe('400 invalid_grant')
    }
    expect((await rp.redeem(mine)).status).toBe(200)
  })

  it('T5 makes no more than was allowed', async () => {
    const [orders, stock] = [app.world.addApi(), app.world.addApi({ scopes: ['stock:read'] })]
    const by = app.rp(app.client({ apis: [orders.id, stock.id] }))
    const mine = await code(by, { scope: 'openid orders:read', resource: orders.identifier })
    expect((await by.redeem(mine, { resource: stock.identifier })).body.error).toBe('invalid_target')
    expect((await by.redeem(mine, { resource: 'https://evil.example' })).body.error).toBe('invalid_target')
    const { body } = await by.redeem(mine, { scope: 'openid orders:read orders:write email' })
    expect(body['scope']).not.toContain('orders:write')
    expect(body['scope']).not.toContain('email')
    const { body: wider } = await by.token({
      grant_type: 'refresh_token',
      refresh_token: body.refresh_token,
      scope: 'orders:read orders:write',
    })
    expect(wider.error).toBe('invalid_scope')
  })

  it.each(['the client', 'the user', 'the session', 'the password'])('T8 is over with %s', async (what) => {
    const mine = await code()
    if (what === 'the client') app.world.update(client, { disabled: true })
    if (what === 'the user') app.world.disableUser(ann.id)
    if (what === 'the password') await app.people.changePassword('id-of-default', ann.id)
    if (what === 'the session') {
      await browser.go('/oauth2/logout')
      await browser.submit({ decision: 'sign_out' })
    }
    expect((await rp.redeem(mine)).status).toBeGreaterThanOrEqual(400)
  })

  it('D12 is over after a minute', async () => {
    const mine = await code()
    app.world.advance(61)
    expect(refused(await rp.redeem(mine))).toBe('400 invalid_grant')
  })
})

describe('PKCE', () => {
  it.each<[string, Asked]>([
    ['no challenge', { code_challenge: undefined }],
    ['an empty challenge', { code_challenge: '' }],
    ['no method, which would be plain', { code_challenge_method: undefined }],
    ['plain', { code_challenge_method: 'plain' }],
    ['s256', { code_challenge_method: 's256' }],
    ['S512', { code_challenge_method: 'S512' }],
    ['S256 and plain', { code_challenge_method: ['S256', 'plain'] }],
    ['two challenges', { code_challenge: [pkce().challenge, pkce().challenge] }],
    ['neither', { code_challenge: undefined, code_challenge_method: undefined }],
    ['a challenge of 42 characters', { code_challenge: 'a'.repeat(42) }],
    ['a challenge of 129', { code_challenge: 'a'.repeat(129) }],
    ['a challenge with padding', { code_challenge: `${'a'.repeat(43)}=` }],
    ['a challenge beyond ASCII', { code_challenge: 'é'.repeat(43) }],
    ['an array', { code_challenge: undefined, 'code_challenge[]': pkce().challenge }],
  ])('F3 is asked of everybody, and S256 alone: %s', async (_, asked) => {
    expect(callbackOf(await rp.begin(browser, asked))).toMatchObject({ error: 'invalid_request' })
    const publicly = app.rp(app.client({ public: true, redirectUris: ['http://127.0.0.1/cb'] }))
    expect(callbackOf(await publicly.begin(browser, asked))).toMatchObject({ error: 'invalid_request' })
  })

  it('F3 of a pushed request is that of the push, whatever the browser brings', async () => {
    const push = async (fields: Record<string, string>) => {
      const response = await fetch(`${app.url}/oauth2/par`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}` },
        body: new URLSearchParams({ client_id: client.id, ...fields }),
      })
      return { status: response.status, body: (await response.json()) as { request_uri: string; error?: string } }
    }
    const all = Object.fromEntries(rp.authorizationUrl().searchParams)
    const { code_challenge: _, code_challenge_method: __, ...stripped } = all
    expect((await push(stripped)).body.error).toBe('invalid_request')

    const { request_uri } = (await push(all)).body
    const evil = pkce()
    const url = new URL(`${app.url}/oauth2/authorize`)
    const beside = {
      code_challenge: evil.challenge,
      code_challenge_method: 'plain',
      redirect_uri: 'https://evil.example/',
    }
    url.search = String(new URLSearchParams({ client_id: client.id, request_uri, ...beside, scope: 'openid email' }))
    const callback = callbackOf(await answerPages(browser, await browser.go(url), ann))
    const mine = callback['code'] ?? ''
    expect(refused(await rp.redeem(mine, { code_verifier: evil.verifier }))).toBe('400 invalid_grant')
    const { body } = await rp.redeem(mine)
    expect(body['scope']).toBe('openid')
    // Once it was used, it is over, for its own client too; for another it never was.
    expect([(await browser.ask(url)).status, (await browser.ask(url)).headers.location]).toEqual([400, undefined])
    const second = (await push(all)).body.request_uri
    const other = app.client()
    for (const [path, client_id] of [
      ['/oauth2/authorize', other.id],
      ['/t/acme/oauth2/authorize', client.id],
    ]) {
      const answer = await browser.ask(
        `${path}?${new URLSearchParams({ client_id: client_id ?? '', request_uri: second })}`,
      )
      expect([answer.status, answer.headers.location]).toEqual([400, undefined])
    }
  })
})

describe('userinfo', () => {
  it('T10 takes no token of any other kind', async () => {
    const [orders] = [app.world.addApi()]
    const by = app.rp(
      app.client({ apis: [orders.id], grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'] }),
    )
    const asked = { scope: 'openid orders:read', resource: orders.identifier }
    const { body, callback } = await by.signIn(browser, ann, asked)
    const machine = await by.token({ grant_type: 'client_credentials' })
    const unused = await code(by, asked)
    for (const token of [
      body.id_token,
      body.refresh_token,
      body.access_token,
      machine.body.access_token,
      unused,
      callback['code'] ?? '',
      'null',
      'undefined',
    ]) {
      expect(await userinfo(token)).toBe(401)
    }
    const { body: own } = await rp.signIn(browser, ann)
    expect(await userinfo(own.access_token)).toBe(200)
    const theirs = await fetch(`${app.url}/t/acme/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${own.access_token}` },
    })
    expect(theirs.status).toBe(401)
  })
})
