import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Issuer, issuerAt, type Party, tokensOf, unseal } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import { freePort, installation, startServer, stopServers } from '../support/server.js'
import { python } from './python.js'

type Token = { readonly access_token: string; readonly refresh_token?: string; readonly scope: string }
type Answers = Readonly<Record<string, unknown>> & {
  readonly client_credentials: Token
  readonly refreshed: Token
  readonly refreshed_again: Token
}

const ORDERS = 'https://orders.example'

let database: TestDatabase
let issuer: Issuer
let orders: Api
let client: Party
let ann: User

beforeAll(async () => {
  database = await testDatabase()
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  const env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  issuer = issuerAt(url, url)
  orders = await registerApi(env, ORDERS)
  ann = await registerUser(env, 'ann@example.com')
  const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
  client = await registerClient(env, '--first-party', '--api', ORDERS, ...grants)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

describe.each(['client_secret_basic', 'client_secret_post'])('Authlib, with %s', (method) => {
  let answers: Answers
  let first: string

  beforeAll(async () => {
    first = tokensOf(await issuer.login(client, ann)).refresh_token
    const given = { issuer: issuer.url, ...client, method, refresh_token: first }
    answers = await python<Answers>('authlib-client.py', given)
  })

  it('discovers the server', () => {
    expect(answers['metadata']).toMatchObject({ issuer: issuer.url, token_endpoint: `${issuer.url}/oauth2/token` })
  })

  it('gets a token for itself, introspects it and revokes it', async () => {
    const { access_token: token, ...rest } = answers.client_credentials
    expect(rest).toMatchObject({ token_type: 'Bearer', scope: 'read', expires_in: 300 })
    const { inner } = await unseal(token, orders.privateJwk)
    expect((await issuer.verify(inner, ORDERS)).payload).toMatchObject({ sub: client.id })
    expect(answers['introspection']).toMatchObject({ active: true, client_id: client.id, scope: 'read' })
    expect(answers['revocation']).toEqual({ status: 200, type: expect.stringMatching(/^application\/json\b/) })
    expect(answers['introspection_when_revoked']).toEqual({ active: false })
  })

  it('refreshes, and each time gets another refresh token', async () => {
    const { refreshed, refreshed_again } = answers
    expect(new Set([first, refreshed.refresh_token, refreshed_again.refresh_token]).size).toBe(3)
    const { inner } = await unseal(refreshed_again.access_token, orders.privateJwk)
    expect((await issuer.verify(inner, ORDERS)).payload).toMatchObject({ sub: ann.id, client_id: client.id })
    expect(answers['introspection_of_user']).toMatchObject({ active: true, client_id: client.id })
  })

  it('ends a grant by its refresh token', () => {
    expect(answers['refresh_when_revoked']).toBe('invalid_grant')
    expect(answers['introspection_when_grant_revoked']).toEqual({ active: false })
  })

  it('is told when its secret is wrong', () => {
    expect(answers['wrong_secret']).toBe('invalid_client')
  })
})
