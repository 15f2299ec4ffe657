import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as oidc from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVerifier } from '../../src/resource-server/create-verifier.js'
import type { PrivateJwk } from '../../src/resource-server/options.js'
import { type Arrival, createBrowser, type TestBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { eventually } from '../support/eventually.js'
import {
  type Api,
  type RelyingParty,
  registerApi,
  registerRelyingParty,
  registerUser,
  type User,
} from '../support/registrations.js'
import { answerPages, callbackOf } from '../support/relying-party.js'
import { type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'

// A client nobody here wrote signs people in. It verifies every signature, and what it doesn't say of its own it is not told.

const CALLBACK = 'https://rp.example/cb'
const BYE = 'https://rp.example/bye'
const ORDERS = 'https://orders.example'
const USAGES = { ECDH: ['deriveBits'], 'RSA-OAEP': ['decrypt', 'encrypt'] } as const
const P256 = { name: 'ECDH', namedCurve: 'P-256' } as const
const RSA = {
  name: 'RSA-OAEP',
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: 'SHA-256',
} as const
const ENCRYPTIONS = [
  { alg: 'ECDH-ES', enc: 'A256GCM', generated: P256 },
  { alg: 'ECDH-ES+A256KW', enc: 'A128CBC-HS256', generated: P256 },
  { alg: 'RSA-OAEP-256', enc: 'A256GCM', generated: RSA },
] as const
const OFFLINE = { scope: 'openid profile email offline_access', prompt: 'consent' }

const folder = mkdtempSync(join(tmpdir(), 'bulla-client-'))
let database: TestDatabase
let url: string
let env: Environment
let orders: Api
let ann: User
let web: RelyingParty
/** Its spent refresh tokens are not answered for a moment. */
let hasty: RelyingParty

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  orders = await registerApi(env, ORDERS, '--scope', 'read', '--scope', 'write')
  ann = await registerUser(env, 'ann@example.com', '--name', 'Ann Example', '--email-verified')
  web = await registerRelyingParty(env, CALLBACK, '--api', ORDERS, '--post-logout-redirect-uri', BYE)
  hasty = await registerRelyingParty(env, CALLBACK, '--first-party', '--grace', '0')
})
afterAll(async () => {
  await stopServers()
  await database.drop()
  rmSync(folder, { recursive: true })
})

type How = {
  readonly algorithm?: 'oidc' | 'oauth2'
  readonly metadata?: Partial<oidc.ClientMetadata>
  readonly pushed?: boolean
}
type Asked = Readonly<Record<string, string>>
type Tokens = Awaited<ReturnType<typeof oidc.authorizationCodeGrant>>

/** An application as the library would have it: what it knows is the issuer and what it was registered with. */
async function application({ id, secret, redirectUri }: RelyingParty, how: How = {}) {
  const { algorithm = 'oidc', metadata, pushed } = how
  const auth = secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret)
  const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks]
  const config = await oidc.discovery(new URL(url), id, metadata, auth, { algorithm, execute })
  const checks = {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(),
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  }

  async function begin(browser: TestBrowser, asked: Asked = {}): Promise<Arrival> {
    const parameters = {
      redirect_uri: redirectUri,
      scope: 'openid',
      state: checks.expectedState,
      nonce: checks.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...asked,
    }
    if (pushed) return browser.go(await oidc.buildAuthorizationUrlWithPAR(config, parameters))
    return browser.go(oidc.buildAuthorizationUrl(config, parameters))
  }

  return {
    config,
    begin,
    /** Takes a response, and what it leads to. Throws the library's errors. */
    finish: (response: URL | Request, more: Asked = {}, maxAge?: number): Promise<Tokens> =>
      oidc.authorizationCodeGrant(config, response, { ...checks, ...(maxAge !== undefined && { maxAge }) }, more),
    async signIn(browser: TestBrowser, asked: Asked = {}, more: Asked = {}): Promise<Tokens> {
      const { url: response } = await answerPages(browser, await begin(browser, asked), ann)
      return oidc.authorizationCodeGrant(config, response, checks, more)
    },
  }
}

const given = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('It is not there.')
  return value
}
const claimsOf = (tokens: Tokens) => given(tokens.claims())
const subjectOf = (tokens: Tokens) => claimsOf(tokens).sub

describe('signing in', () => {
  it.each(['oidc', 'oauth2'] as const)(
    'works by the metadata of %s, and userinfo is of whom it says',
    async (algorithm) => {
      const app = await application(web, { algorithm })
      expect(app.config.serverMetadata().supportsPKCE()).toBe(true)
      const tokens = await app.signIn(createBrowser(url), { scope: 'openid profile email' })
      expect(claimsOf(tokens)).toMatchObject({ iss: url, aud: web.id, sub: ann.id, at_hash: expect.any(String) })
      const told = await oidc.fetchUserInfo(app.config, tokens.access_token, ann.id)
      expect(told).toMatchObject({ name: 'Ann Example', email: 'ann@example.com', email_verified: true })
      await expect(oidc.fetchUserInfo(app.config, tokens.access_token, 'somebody')).rejects.toThrow(/unexpected/)
    },
  )

  it('works with a request that was pushed', async () => {
    const pushing = await registerRelyingParty(env, CALLBACK, '--first-party', '--require-pushed-requests')
    const app = await application(pushing, { pushed: true })
    expect(subjectOf(await app.signIn(createBrowser(url)))).toBe(ann.id)
    const plain = await application(pushing)
    const { url: response } = await plain.begin(createBrowser(url))
    await expect(plain.finish(response)).rejects.toMatchObject({ error: 'invalid_request' })
  })

  it('works with response_mode=form_post', async () => {
    const app = await application(web)
    const browser = createBrowser(url)
    const page = await answerPages(browser, await app.begin(browser, { response_mode: 'form_post' }), ann)
    const body = new URLSearchParams(callbackOf(page))
    expect(subjectOf(await app.finish(new Request(CALLBACK, { method: 'POST', body })))).toBe(ann.id)
  })

  it('works with response_mode=fragment', async () => {
    const app = await application(web)
    const browser = createBrowser(url)
    const { url: at } = await answerPages(browser, await app.begin(browser, { response_mode: 'fragment' }), ann)
    expect(at.search).toBe('')
    expect(subjectOf(await app.finish(new URL(`${CALLBACK}?${at.hash.slice(1)}`)))).toBe(ann.id)
  })

  it('says when, and again when that is too long ago', async () => {
    const app = await application(web)
    const browser = createBrowser(url)
    const { auth_time: first = 0 } = claimsOf(await app.signIn(browser, { max_age: '600' }))
    const { url: silent } = await app.begin(browser, { max_age: '600', prompt: 'none' })
    expect(claimsOf(await app.finish(silent, {}, 600)).auth_time).toBe(first)
    await eventually(() => expect(Math.floor(Date.now() / 1000)).toBeGreaterThan(first))
    const { url: later } = await answerPages(browser, await app.begin(browser, { max_age: '0' }), ann)
    expect(claimsOf(await app.finish(later, {}, 0)).auth_time).toBeGreaterThan(first)
  })

  it('says in the library’s own error what prompt=none can’t do', async () => {
    const stranger = await application(await registerRelyingParty(env, CALLBACK))
    const browser = createBrowser(url)
    const silently = async () => stranger.finish((await stranger.begin(browser, { prompt: 'none' })).url)
    await expect(silently()).rejects.toMatchObject({ error: 'login_required' })
    await (await application(web)).signIn(browser)
    await expect(silently()).rejects.toBeInstanceOf(oidc.AuthorizationResponseError)
    await expect(silently()).rejects.toMatchObject({ error: 'consent_required' })
  })

  it('works for an app on the device, on whatever port is free', async () => {
    const native = await registerRelyingParty(env, 'http://127.0.0.1/cb', '--public')
    const browser = createBrowser(url)
    for (const port of [49_152, 61_000]) {
      const app = await application({ ...native, redirectUri: `http://127.0.0.1:${port}/cb` })
      const tokens = await app.signIn(browser, OFFLINE)
      expect(subjectOf(tokens)).toBe(ann.id)
      const again = await oidc.refreshTokenGrant(app.config, given(tokens.refresh_token))
      expect(again.refresh_token).not.toBe(tokens.refresh_token)
    }
  })
})

describe('afterwards', () => {
  it('a refresh token is replaced, with an ID token of the same sign-in', async () => {
    const app = await application(web)
    const first = await app.signIn(createBrowser(url), OFFLINE)
    const second = await oidc.refreshTokenGrant(app.config, given(first.refresh_token))
    expect(second.refresh_token).not.toBe(first.refresh_token)
    const { sub, auth_time, sid } = claimsOf(first)
    expect(second.claims()).toMatchObject({ sub, auth_time, sid })
    expect(second.claims()).not.toHaveProperty('nonce')
    expect(await oidc.fetchUserInfo(app.config, second.access_token, sub)).toMatchObject({ name: 'Ann Example' })
  })

  it('a spent refresh token that comes back ends the grant', async () => {
    const app = await application(hasty)
    const first = await app.signIn(createBrowser(url), OFFLINE)
    const second = await oidc.refreshTokenGrant(app.config, given(first.refresh_token))
    for (const { refresh_token } of [first, second]) {
      const refused = oidc.refreshTokenGrant(app.config, given(refresh_token))
      await expect(refused).rejects.toMatchObject({ status: 400, error: 'invalid_grant' })
    }
    const refused = oidc.fetchUserInfo(app.config, second.access_token, ann.id)
    await expect(refused).rejects.toMatchObject({ name: 'WWWAuthenticateChallengeError', status: 401 })
  })

  it('tokens are introspected and revoked', async () => {
    const app = await application(web)
    const { access_token, refresh_token } = await app.signIn(createBrowser(url), OFFLINE)
    const active = { active: true, client_id: web.id }
    expect(await oidc.tokenIntrospection(app.config, access_token)).toMatchObject(active)
    expect(await oidc.tokenIntrospection(app.config, given(refresh_token))).toMatchObject(active)
    await oidc.tokenRevocation(app.config, given(refresh_token))
    for (const token of [access_token, given(refresh_token)]) {
      expect(await oidc.tokenIntrospection(app.config, token)).toEqual({ active: false })
    }
  })

  it('signing out ends the session and what came of it, and leads back', async () => {
    const app = await application(web)
    const browser = createBrowser(url)
    const { id_token, refresh_token } = await app.signIn(browser)
    const state = oidc.randomState()
    const asked = { id_token_hint: given(id_token), post_logout_redirect_uri: BYE, state }
    const { url: back } = await browser.go(oidc.buildEndSessionUrl(app.config, asked))
    expect(back.href).toBe(`${BYE}?state=${state}`)
    const { url: silent } = await app.begin(browser, { prompt: 'none' })
    await expect(app.finish(silent)).rejects.toMatchObject({ error: 'login_required' })
    const refused = oidc.refreshTokenGrant(app.config, given(refresh_token))
    await expect(refused).rejects.toMatchObject({ error: 'invalid_grant' })
  })
})

describe('what a client has registered', () => {
  it.each(['ES256', 'PS256', 'Ed25519'])('ID tokens signed with %s', async (alg) => {
    const client = await registerRelyingParty(env, CALLBACK, '--first-party', '--id-token-alg', alg)
    const app = await application(client, { metadata: { id_token_signed_response_alg: alg } })
    const tokens = await app.signIn(createBrowser(url), OFFLINE)
    expect(subjectOf(tokens)).toBe(ann.id)
    const again = await oidc.refreshTokenGrant(app.config, given(tokens.refresh_token))
    expect(again.claims()).toMatchObject({ sub: ann.id, at_hash: expect.any(String) })
  })

  it('signed userinfo', async () => {
    const client = await registerRelyingParty(env, CALLBACK, '--first-party', '--userinfo-alg', 'ES256')
    const app = await application(client, { metadata: { userinfo_signed_response_alg: 'ES256' } })
    const { access_token } = await app.signIn(createBrowser(url), { scope: 'openid profile' })
    const told = await oidc.fetchUserInfo(app.config, access_token, ann.id)
    expect(told).toMatchObject({ iss: url, aud: client.id, name: 'Ann Example' })
  })

  it.each(ENCRYPTIONS)('ID tokens and userinfo encrypted with $alg and $enc', async ({ alg, enc, generated }) => {
    const keys = await crypto.subtle.generateKey(generated, true, [...USAGES[generated.name]])
    const jwk = { ...(await crypto.subtle.exportKey('jwk', keys.publicKey)), kid: 'k', use: 'enc', alg }
    delete jwk.key_ops
    const file = join(folder, `${alg}.json`)
    writeFileSync(file, JSON.stringify({ keys: [jwk] }))
    const encryption = ['--id-token-encryption', `${alg},${enc}`, '--userinfo-encryption', `${alg},${enc}`]
    const client = await registerRelyingParty(env, CALLBACK, '--first-party', '--jwks', file, ...encryption)
    const app = await application(client, { metadata: { userinfo_signed_response_alg: 'RS256' } })
    oidc.enableDecryptingResponses(app.config, [enc], { key: keys.privateKey, alg, kid: 'k' })
    const tokens = await app.signIn(createBrowser(url), { ...OFFLINE })
    expect(given(tokens.id_token).split('.')).toHaveLength(5)
    expect(subjectOf(tokens)).toBe(ann.id)
    const told = await oidc.fetchUserInfo(app.config, tokens.access_token, ann.id)
    expect(told).toMatchObject({ aud: client.id, name: 'Ann Example' })
    const again = await oidc.refreshTokenGrant(app.config, given(tokens.refresh_token))
    expect(again.claims()).toMatchObject({ sub: ann.id })
  })

  it('subjects that another sector has never heard of', async () => {
    const sectors = ['one.example', 'one.example', 'two.example']
    const subjects: string[] = []
    const browser = createBrowser(url)
    for (const sector of sectors) {
      const client = await registerRelyingParty(env, CALLBACK, '--first-party', '--sector-host', sector)
      const app = await application(client)
      const tokens = await app.signIn(browser, OFFLINE)
      const { sub } = claimsOf(tokens)
      await oidc.fetchUserInfo(app.config, tokens.access_token, sub)
      expect((await oidc.refreshTokenGrant(app.config, given(tokens.refresh_token))).claims()).toMatchObject({ sub })
      subjects.push(sub)
    }
    expect(subjects[0]).toBe(subjects[1])
    expect(new Set([...subjects, ann.id]).size).toBe(3)
  })
})

it('a token of the code is sealed for the API that was named, which lets it in until it is revoked', async () => {
  const bulla = await createVerifier({
    issuer: url,
    audience: ORDERS,
    credentials: { id: orders.id, secret: String(orders.secret) },
    decryptionKeys: [orders.privateJwk as PrivateJwk],
  })
  try {
    await bulla.ready()
    const app = await application(web)
    const asked = { ...OFFLINE, scope: 'openid offline_access read', resource: ORDERS }
    const tokens = await app.signIn(createBrowser(url), asked, { resource: ORDERS })
    expect(subjectOf(tokens)).toBe(ann.id)
    expect(await bulla.verify(tokens.access_token, { scope: 'read' })).toMatchObject({ sub: ann.id, client_id: web.id })
    await oidc.tokenRevocation(app.config, tokens.access_token)
    await eventually(() => expect(bulla.verify(tokens.access_token)).rejects.toMatchObject({ code: 'invalid_token' }))
  } finally {
    bulla.close()
  }
})
