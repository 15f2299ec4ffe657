import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { expectInactive } from '../support/inactive.js'
import { secretsIn } from '../support/issued-secrets.js'
import { digest, everyRefusal, type Issuer, issuerAt, type Party, tokensOf, unseal } from '../support/issuer.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import {
  admin,
  type Environment,
  everythingSaid,
  installation,
  type RunningServer,
  script,
  startServer,
  stopServers,
} from '../support/server.js'

const ORDERS = 'https://orders.example'
const GRANTS = ['--grant', 'refresh_token', '--grant', 'client_credentials']

let database: TestDatabase
let env: Environment
let server: RunningServer
let issuer: Issuer
let orders: Api
let ann: User
let service: Party

beforeAll(async () => {
  database = await testDatabase()
  env = await installation(database.url)
  server = await startServer(env)
  issuer = issuerAt(server.url, env['PUBLIC_URL'] ?? '')
  ;[orders, ann] = await Promise.all([registerApi(env, ORDERS), registerUser(env, 'ann@example.com')])
  service = await registerClient(env, '--first-party', '--api', ORDERS, ...GRANTS)
})
afterAll(async () => {
  await stopServers()
  await database.drop()
})

const login = async () => tokensOf(await issuer.login(service, ann))
const isActive = async (token: string) => (await issuer.introspect(orders, token))['active']

describe('the metadata', () => {
  it.each([
    { name: 'at the root', path: '' },
    { name: 'below it', path: '/t/acme' },
  ])('of the issuer $name names endpoints that are there', async ({ path }) => {
    if (path !== '') await admin(env, 'tenant', 'create', '--slug', 'acme')
    const at = `${env['PUBLIC_URL']}${path}`
    const answer = await fetch(`${server.url}/.well-known/oauth-authorization-server${path}`)
    const metadata = (await answer.json()) as Record<string, string>
    expect(metadata['issuer']).toBe(at)
    for (const [name, url] of Object.entries(metadata).filter(([name]) => /_(endpoint|uri)$/.test(name))) {
      expect(url.startsWith(`${at}/`), name).toBe(true)
      const { status } = await fetch(url.replace(env['PUBLIC_URL'] ?? '', server.url))
      expect([200, 400, 401, 405], name).toContain(status)
    }
    for (const other of [`/.well-known/openid-configuration${path}`, `${path}/.well-known/openid-configuration`]) {
      expect(await (await fetch(`${server.url}${other}`)).json()).toEqual(metadata)
    }
  })
})

describe('another tenant', () => {
  const options = ['--tenant', 'globex']
  let globex: Issuer
  let itsApi: Api
  let itsClient: Party
  let itsUser: User

  beforeAll(async () => {
    await admin(env, 'tenant', 'create', '--slug', 'globex')
    globex = issuerAt(`${server.url}/t/globex`, `${env['PUBLIC_URL']}/t/globex`)
    // All names are the same as at the first tenant.
    ;[itsApi, itsUser] = await Promise.all([
      registerApi(env, ORDERS, ...options),
      registerUser(env, ann.username, ...options),
    ])
    itsClient = await registerClient(env, '--first-party', '--api', ORDERS, ...GRANTS, ...options)
  })

  it('has an issuer and keys of its own', async () => {
    const { access_token } = tokensOf(await globex.login(itsClient, itsUser))
    const { inner } = await unseal(access_token, itsApi.privateJwk)
    expect((await globex.verify(inner, ORDERS)).payload).toMatchObject({ iss: globex.issuer, sub: itsUser.id })
    await expect(issuer.verify(inner, ORDERS)).rejects.toThrow(/no applicable key/)
    const [ours, theirs] = [await issuer.keys(), await globex.keys()]
    expect(ours.keys.filter(({ kid }) => theirs.keys.some((key) => key.kid === kid))).toEqual([])
    await expect(unseal(access_token, orders.privateJwk)).rejects.toThrow()
  })

  it('knows nobody’s credentials but its own', async () => {
    const outcomes = await Promise.all([
      globex.clientCredentials(service),
      globex.login(service, itsUser),
      globex.login(itsClient, ann),
      issuer.clientCredentials(itsClient),
      issuer.login(service, itsUser),
      globex.form('/oauth2/introspect', orders, { token: 'x' }),
      issuer.form('/oauth2/introspect', itsApi, { token: 'x' }),
    ])
    expect(outcomes.map(({ status, body }) => `${status} ${body['error']}`)).toEqual([
      '401 invalid_client',
      '401 invalid_client',
      '400 invalid_grant',
      '401 invalid_client',
      '400 invalid_grant',
      '401 invalid_client',
      '401 invalid_client',
    ])
    expect((await globex.revocations(orders)).status).toBe(401)
    expect((await issuer.revocations(itsApi)).status).toBe(401)
  })

  it('can do nothing with tokens of the first one, and leaves them as they are', async () => {
    const { access_token, refresh_token } = await login()
    expect(await globex.introspect(itsApi, access_token)).toEqual({ active: false })
    expect(await globex.introspect(itsClient, refresh_token)).toEqual({ active: false })
    expect((await globex.refresh(itsClient, refresh_token)).body['error']).toBe('invalid_grant')
    for (const token of [access_token, refresh_token]) expect((await globex.revoke(itsClient, token)).status).toBe(200)
    expect((await globex.logout(access_token)).status).toBe(200)
    expect((await globex.logout(itsClient, { refresh_token })).status).toBe(200)
    for (const token of [access_token, refresh_token]) {
      const { code, stderr } = await script(env, 'admin', ['revoke', `--token=${token}`, ...options])
      expect([code, stderr]).toEqual([1, expect.stringContaining('none that the tenant globex issued')])
    }
    expect(await isActive(access_token)).toBe(true)
    tokensOf(await issuer.refresh(service, refresh_token))
  })

  it('ends alone when all of it is revoked, and its list is its own', async () => {
    const [ours, theirs] = [await login(), tokensOf(await globex.login(itsClient, itsUser))]
    const before = await issuer.list(orders)
    const { cursor } = await globex.list(itsApi)
    await admin(env, 'revoke', '--all', ...options)
    // The command is a process of its own: the server hears of it within MAX_STALENESS.
    await expectInactive(async () => (await globex.introspect(itsApi, theirs.access_token))['active'], 5_000)
    expect((await globex.refresh(itsClient, theirs.refresh_token)).body['error']).toBe('invalid_grant')
    expect(await isActive(ours.access_token)).toBe(true)
    tokensOf(await issuer.refresh(service, ours.refresh_token))

    const { entries } = await globex.list(itsApi, cursor)
    expect(entries).toMatchObject([{ k: 'tenant', d: digest('tenant', globex.issuer), r: expect.any(Number) }])
    const after = await issuer.list(orders)
    expect(after.revision).toBe(before.revision)
    expect(after.entries.filter(({ d }) => d === digest('tenant', globex.issuer))).toEqual([])
    expect((await issuer.revocations(orders, cursor)).status).toBe(410)
  })

  it('is not there under a name nobody gave it', async () => {
    expect((await fetch(`${server.url}/t/nobody/jwks`)).status).toBe(404)
    expect((await fetch(`${server.url}/t/default/jwks`)).status).toBe(404)
  })
})

it('writes none of all these secrets, neither to its log nor in a refusal', () => {
  const { found, of } = secretsIn(everythingSaid() + everyRefusal())
  expect(of).toBeGreaterThan(5)
  expect(found).toEqual([])
})
