import {
  allowInsecureRequests,
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  clientCredentialsGrant,
  discovery,
  None,
  refreshTokenGrant,
  tokenIntrospection,
  tokenRevocation,
} from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Issuer, issuerAt, type Party, tokensOf, unseal } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import { admin, type Environment, freePort, installation, startServer, stopServers } from '../support/server.js'

// A client nobody here wrote: it validates what the server says by the RFCs, and knows nothing of ours.

const ORDERS = 'https://orders.example'

let database: TestDatabase
let env: Environment
let issuer: Issuer
let orders: Api
let ann: User
/** Its spent refresh tokens are answered for a while; those of the hasty one are not. */
let patient: Party
let hasty: Party
let open: Party

beforeAll(async () => {
  database = await testDatabase()
  // Discovery compares the issuer with where it asked.
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  env = await installation(database.url, { PUBLIC_URL: url, PORT: port })
  await startServer(env)
  issuer = issuerAt(url, url)
  ;[orders, ann] = await Promise.all([registerApi(env, ORDERS), registerUser(env, 'ann@example.com')])
  const options = ['--first-party', '--api', ORDERS]
  const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
  ;[patient, hasty, open] = await Promise.all([
    registerClient(env, ...options, ...grants),
    registerClient(env, ...options, ...grants, '--grace', '0'),
    registerClient(env, ...options, '--public'),
  ])
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const discover = (at: string, { id }: Party, auth: ClientAuth): Promise<Configuration> =>
  discovery(new URL(at), id, undefined, auth, { algorithm: 'oauth2', execute: [allowInsecureRequests] })

/** A grant of a user, as the client gets it: its first refresh token. */
const signIn = async (client: Party) => tokensOf(await issuer.login(client, ann)).refresh_token

const refreshTokenOf = ({ refresh_token }: { refresh_token?: string }) => {
  if (refresh_token === undefined) throw new Error('There is no refresh token.')
  return refresh_token
}

const METHODS = [
  { method: 'client_secret_basic', auth: ({ secret }: Party) => ClientSecretBasic(secret) },
  { method: 'client_secret_post', auth: ({ secret }: Party) => ClientSecretPost(secret) },
]

describe('discovery', () => {
  it('finds the issuer and every endpoint', async () => {
    const config = await discover(issuer.url, patient, ClientSecretBasic(patient.secret))
    expect(config.serverMetadata()).toMatchObject({
      issuer: issuer.url,
      token_endpoint: `${issuer.url}/oauth2/token`,
      introspection_endpoint: `${issuer.url}/oauth2/introspect`,
      revocation_endpoint: `${issuer.url}/oauth2/revoke`,
      jwks_uri: `${issuer.url}/jwks`,
    })
  })

  it('finds another tenant, whose client is a stranger to this one', async () => {
    await admin(env, 'tenant', 'create', '--slug', 'acme')
    await registerApi(env, ORDERS, '--tenant', 'acme')
    const theirs = await registerClient(env, '--tenant', 'acme', '--api', ORDERS)
    const auth = ClientSecretBasic(theirs.secret)
    const config = await discover(`${issuer.url}/t/acme`, theirs, auth)
    expect(config.serverMetadata()).toMatchObject({ issuer: `${issuer.url}/t/acme` })
    expect(await clientCredentialsGrant(config)).toMatchObject({ token_type: 'bearer' })
    const ours = await discover(issuer.url, theirs, auth)
    await expect(clientCredentialsGrant(ours)).rejects.toMatchObject({ status: 401 })
  })
})

describe.each(METHODS)('with $method', ({ auth }) => {
  let config: Configuration
  let strict: Configuration

  beforeAll(async () => {
    config = await discover(issuer.url, patient, auth(patient))
    strict = await discover(issuer.url, hasty, auth(hasty))
  })

  it('a client gets a token for itself, sealed for its API', async () => {
    const tokens = await clientCredentialsGrant(config, { scope: 'read', resource: ORDERS })
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'read', expires_in: 300 })
    expect(tokens).not.toHaveProperty('refresh_token')
    const { inner } = await unseal(tokens.access_token, orders.privateJwk)
    const { payload } = await issuer.verify(inner, ORDERS)
    expect(payload).toMatchObject({ sub: patient.id, client_id: patient.id, scope: 'read' })
  })

  it('a refresh token is replaced, and a retry gets the same successor', async () => {
    const first = await signIn(patient)
    const second = refreshTokenOf(await refreshTokenGrant(config, first))
    expect(second).not.toBe(first)
    expect(refreshTokenOf(await refreshTokenGrant(config, first))).toBe(second)
    expect(refreshTokenOf(await refreshTokenGrant(config, second))).not.toBe(second)
  })

  it('a spent refresh token that comes back ends the grant, successor and access tokens too', async () => {
    const first = await signIn(hasty)
    const second = await refreshTokenGrant(strict, first)
    await expect(refreshTokenGrant(strict, first)).rejects.toMatchObject({ status: 400, error: 'invalid_grant' })
    const successor = refreshTokenGrant(strict, refreshTokenOf(second))
    await expect(successor).rejects.toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await tokenIntrospection(strict, second.access_token)).toEqual({ active: false })
  })

  it('a client learns whether its token counts, and its API what is in it', async () => {
    const { access_token: token } = await clientCredentialsGrant(config, { scope: 'read' })
    const told = await tokenIntrospection(config, token)
    expect(told).toMatchObject({ active: true, client_id: patient.id, scope: 'read', token_type: 'Bearer' })
    expect(told).not.toHaveProperty('sub')
    const api = await discover(issuer.url, orders, auth(orders))
    const known = await tokenIntrospection(api, token)
    expect(known).toMatchObject({ active: true, iss: issuer.url, aud: ORDERS, sub: patient.id })
    expect(await tokenIntrospection(strict, token)).toEqual({ active: false })
  })

  it('an access token is revoked by its own client alone', async () => {
    const { access_token: token } = await clientCredentialsGrant(config)
    await expect(tokenRevocation(strict, token)).rejects.toMatchObject({ status: 400, error: 'invalid_grant' })
    expect(await tokenIntrospection(config, token)).toMatchObject({ active: true })
    await tokenRevocation(config, token, { token_type_hint: 'access_token' })
    expect(await tokenIntrospection(config, token)).toEqual({ active: false })
  })

  it('a refresh token that is revoked takes its grant with it', async () => {
    const tokens = await refreshTokenGrant(config, await signIn(patient))
    await tokenRevocation(config, refreshTokenOf(tokens), { token_type_hint: 'refresh_token' })
    expect(await tokenIntrospection(config, tokens.access_token)).toEqual({ active: false })
    await expect(refreshTokenGrant(config, refreshTokenOf(tokens))).rejects.toMatchObject({ error: 'invalid_grant' })
  })

  it('a wrong secret is refused', async () => {
    const impostor = await discover(issuer.url, patient, auth({ ...patient, secret: 'guessed' }))
    await expect(clientCredentialsGrant(impostor)).rejects.toMatchObject({ status: 401 })
  })
})

describe('without a secret', () => {
  it('a public client refreshes, and gets nothing for itself', async () => {
    const config = await discover(issuer.url, open, None())
    const tokens = await refreshTokenGrant(config, await signIn(open))
    expect(tokens).toMatchObject({ token_type: 'bearer', refresh_token: expect.any(String) })
    await expect(clientCredentialsGrant(config)).rejects.toMatchObject({ error: 'unauthorized_client' })
  })
})
