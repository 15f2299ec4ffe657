import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBrowser } from '../support/browser.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { registerRelyingParty, registerUser, type User } from '../support/registrations.js'
import { answerPages } from '../support/relying-party.js'
import { type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'
import { python } from './python.js'

type Begun = { readonly url: string; readonly state: string; readonly verifier: string; readonly nonce: string }
type Answers = Readonly<Record<string, unknown>> & { readonly claims: Readonly<Record<string, unknown>> }

const CALLBACK = 'https://rp.example/cb'
const PERSON = { name: 'Ann Example', email: 'ann@example.com', email_verified: true }

// Of Ed25519 its version knows neither the name nor the hash.
const CLIENTS = [
  { alg: 'RS256', method: 'client_secret_basic', options: [] },
  { alg: 'PS256', method: 'client_secret_post', options: [] },
  { alg: 'ES256', method: 'none', options: ['--public'] },
]

let database: TestDatabase
let url: string
let env: Environment
let ann: User

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  url = `http://127.0.0.1:${port}`
  env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  ann = await registerUser(env, 'ann@example.com', '--name', 'Ann Example', '--email-verified')
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

describe.each(CLIENTS)('Authlib, with $method and ID tokens signed with $alg', ({ alg, method, options }) => {
  let answers: Answers
  let id: string

  beforeAll(async () => {
    const client = await registerRelyingParty(env, CALLBACK, '--id-token-alg', alg, ...options)
    id = client.id
    const given = { issuer: url, id, secret: client.secret, method, redirect_uri: CALLBACK }
    const begun = await python<Begun>('authlib-sign-in.py', given)
    const browser = createBrowser(url)
    const { url: callback } = await answerPages(browser, await browser.go(begun.url), ann)
    answers = await python<Answers>('authlib-sign-in.py', { ...given, ...begun, callback: callback.href })
  })

  it('signs a person in, by an ID token of this nonce and this access token', () => {
    const claims = { iss: url, aud: id, sub: ann.id, alg, nonce: expect.any(String), at_hash: expect.any(String) }
    expect(answers.claims).toMatchObject(claims)
    expect(answers['another_access_token']).toBe('invalid_claim')
    expect(answers['userinfo']).toMatchObject({ status: 200, sub: ann.id, ...PERSON })
  })

  it('refreshes, with an ID token of the same sign-in', () => {
    const { auth_time, sid } = answers.claims
    expect(answers['rotated']).toBe(true)
    expect(answers['refreshed_claims']).toMatchObject({ sub: ann.id, auth_time, sid, at_hash: expect.any(String) })
    expect(answers['refreshed_claims']).not.toHaveProperty('nonce')
    expect(answers['refreshed_userinfo']).toMatchObject({ status: 200, sub: ann.id })
  })

  it('ends it by the refresh token', () => {
    expect(answers['refresh_when_revoked']).toBe('invalid_grant')
    expect(answers['userinfo_when_revoked']).toEqual({ status: 401 })
    // A public client may not ask.
    if (method === 'none') return
    expect(answers['introspection']).toMatchObject({ active: true, client_id: id })
    expect(answers['introspection_when_revoked']).toEqual({ active: false })
  })
})
