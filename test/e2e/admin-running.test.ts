import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { expectInactive } from '../support/inactive.js'
import { admin, type Environment, installation, type RunningServer, script, startServer } from '../support/server.js'

type Tokens = { access_token: string; refresh_token: string }

const PASSWORD = 'correct horse battery staple'
const API = 'https://orders.example'

describe('what an operator does beside a running server', { timeout: 240_000 }, () => {
  let database: TestDatabase
  let env: Environment
  let server: RunningServer
  let api: Record<string, unknown>
  let client: string
  let user: string
  let names = 0

  beforeAll(async () => {
    database = await testDatabase()
    env = await installation(database.url)
    server = await startServer(env)
    api = await admin(env, 'api', 'create', '--identifier', API, '--scope', 'orders:read')
    const registered = await admin(env, 'client', 'create', '--name', 'Shop', '--public', '--first-party', '--api', API)
    client = String(registered['client_id'])
    user = await makeUser()
  })
  afterAll(async () => {
    await server?.stop()
    await database?.drop()
  })

  async function makeUser(): Promise<string> {
    const email = `user${++names}@example.com`
    await script(env, 'admin', ['user', 'create', '--email', email, '--password-stdin'], `${PASSWORD}\n`)
    return email
  }

  const login = (username = user, password = PASSWORD) =>
    fetch(`${server.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_id: client, username, password }),
    })

  async function signIn(username?: string): Promise<Tokens> {
    const answer = await login(username)
    expect(answer.status).toBe(200)
    return (await answer.json()) as Tokens
  }

  const refresh = (token: string) =>
    fetch(`${server.url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', client_id: client, refresh_token: token }),
    })

  async function isActive(token: string): Promise<boolean> {
    const credentials = Buffer.from(`${api['api_id']}:${api['api_secret']}`).toString('base64')
    const answer = await fetch(`${server.url}/oauth2/introspect`, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}` },
      body: new URLSearchParams({ token }),
    })
    return ((await answer.json()) as { active: boolean }).active
  }

  /** The command is a process of its own: the server hears of it within MAX_STALENESS. */
  const ended = (token: string) => expectInactive(() => isActive(token), 5_000)

  test('revokes an access token and leaves its grant', async () => {
    const { access_token, refresh_token } = await signIn()
    expect(await isActive(access_token)).toBe(true)
    const revoked = await script(env, 'admin', ['revoke', '--token', '-', '--json'], `${access_token}\n`)
    expect(JSON.parse(revoked.stdout)).toMatchObject({ result: 'revoked', kind: 'token' })
    expect(revoked.stdout + revoked.stderr).not.toContain(access_token)
    await ended(access_token)
    expect((await refresh(refresh_token)).status).toBe(200)
  })

  test('revokes a refresh token and with it all of its grant, and nothing for a forged one', async () => {
    const { access_token, refresh_token } = await signIn()
    const last = refresh_token.at(-1) === 'A' ? 'Q' : 'A'
    const forged = await script(env, 'admin', ['revoke', `--token=${refresh_token.slice(0, -1)}${last}`])
    expect(forged).toMatchObject({ code: 1, stderr: expect.stringContaining('none that the tenant default issued') })
    expect(await isActive(access_token)).toBe(true)

    expect(await admin(env, 'revoke', `--token=${refresh_token}`)).toMatchObject({ kind: 'grant' })
    await ended(access_token)
    expect((await refresh(refresh_token)).status).toBe(400)
  })

  test.each([
    { name: 'a new password', act: (email: string) => ['user', 'set-password', '--email', email], status: 400 },
    { name: 'logging out', act: (email: string) => ['user', 'logout', '--email', email], status: 200 },
    { name: 'disabling', act: (email: string) => ['user', 'disable', '--email', email], status: 400 },
    { name: 'deleting', act: (email: string) => ['user', 'delete', '--email', email], status: 400 },
  ])('$name of a user ends what they had', async ({ act, status }) => {
    const email = await makeUser()
    const { access_token, refresh_token } = await signIn(email)
    await admin(env, ...act(email))
    await ended(access_token)
    expect((await refresh(refresh_token)).status).toBe(400)
    expect((await login(email)).status).toBe(status)
  })

  test('a client that is disabled gets nothing, until it is enabled and asked anew', async () => {
    const { access_token, refresh_token } = await signIn()
    await admin(env, 'client', 'disable', '--id', client)
    await ended(access_token)
    expect([400, 401]).toContain((await refresh(refresh_token)).status)
    await admin(env, 'client', 'enable', '--id', client)
    await expect.poll(async () => (await login()).status).toBe(200)
    expect((await refresh(refresh_token)).status).toBe(400)
  })

  test('a tenant of its own has its own users, clients and tokens', async () => {
    await admin(env, 'tenant', 'create', '--slug', 'acme')
    const there = ['--tenant', 'acme']
    await admin(env, 'api', 'create', '--identifier', API, '--scope', 'orders:read', ...there)
    const other = await admin(
      env,
      'client',
      'create',
      '--name',
      'Shop',
      '--public',
      '--first-party',
      '--api',
      API,
      ...there,
    )
    await script(env, 'admin', ['user', 'create', '--email', user, '--password-stdin', ...there], `${PASSWORD} there`)
    const at = (path: string, clientId: string, password: string) =>
      fetch(`${server.url}${path}/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ client_id: clientId, username: user, password }),
      })
    expect((await at('/t/acme', String(other['client_id']), `${PASSWORD} there`)).status).toBe(200)
    expect((await at('/t/acme', String(other['client_id']), PASSWORD)).status).toBe(400)
    expect((await at('/t/acme', client, PASSWORD)).status).toBe(401)
    expect((await at('', String(other['client_id']), `${PASSWORD} there`)).status).toBe(401)

    const { access_token } = await signIn()
    await admin(env, 'tenant', 'disable', '--slug', 'acme')
    expect(await isActive(access_token)).toBe(true)
    await expect
      .poll(async () => (await at('/t/acme', String(other['client_id']), `${PASSWORD} there`)).status)
      .not.toBe(200)
  })

  test('revoking everything ends everything, and people sign in again', async () => {
    const { access_token, refresh_token } = await signIn()
    // A shell without the server's environment knows neither its port nor its name.
    const revoked = await admin({ ...env, PUBLIC_URL: 'https://elsewhere.example' }, 'revoke', '--all')
    expect(revoked).toMatchObject({ kind: 'tenant', issuer: env['PUBLIC_URL'] })
    await ended(access_token)
    expect((await refresh(refresh_token)).status).toBe(400)
    const again = await signIn()
    expect(await isActive(again.access_token)).toBe(true)
  })

  test('no secret or password stands in what the server wrote', () => {
    expect(server.output()).not.toContain(PASSWORD)
    expect(server.output()).not.toContain(String(api['api_secret']))
  })
})
