import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { compactDecrypt, exportJWK, FlattenedEncrypt, generateKeyPair, importJWK } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { adminHere, makeDefaultTenant, makeGrant } from '../support/admin.js'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { removeData } from '../support/installation.js'
import { adminCommand, type Environment, embeddedInstallation, installation, script } from '../support/server.js'

type Json = Record<string, unknown>

// Each command is a process: slow where the machine is.
describe('the admin script', { timeout: 240_000 }, () => {
  let database: TestDatabase
  let env: Environment
  let folder: string
  let keyServer: Server
  let jwksUri: string
  let jwks: Json

  beforeAll(async () => {
    database = await testDatabase()
    await makeDefaultTenant(database.connection)
    env = await installation(database.url)
    folder = mkdtempSync(join(tmpdir(), 'bulla-admin-'))
    const { publicKey } = await generateKeyPair('ECDH-ES', { crv: 'X25519' })
    jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'orders-1', use: 'enc' }] }
    keyServer = createServer((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(jwks))
    })
    await new Promise<void>((resolve) => keyServer.listen(0, '127.0.0.1', resolve))
    const address = keyServer.address()
    jwksUri = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/jwks`
  })
  afterAll(async () => {
    keyServer.close()
    rmSync(folder, { recursive: true })
    await database.drop()
  })

  const admin = (args: readonly string[], input = '') =>
    input === '' && !args.includes('--password-stdin') ? adminCommand(env, args) : script(env, 'admin', args, input)

  /** Runs it with `--json`; expects it to succeed. */
  async function json(args: readonly string[], input = ''): Promise<Json> {
    const { code, stdout, stderr } = await admin([...args, '--json'], input)
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
    return JSON.parse(stdout) as Json
  }

  /** Runs it; expects it to refuse, saying so in few words. */
  async function refused(args: readonly string[], input?: string): Promise<string> {
    const { code, stdout, stderr } = await (input === undefined ? adminHere(env, args) : admin(args, input))
    expect(code, args.join(' ')).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).not.toMatch(/\n\s+at |Error:/)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    return stderr
  }

  async function items(noun: string, args: readonly string[]): Promise<Json[]> {
    const { code, stdout, stderr } = await adminHere(env, [...args, '--json'])
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0)
    return JSON.parse(stdout)[noun]
  }

  test('carries a user through every verb', async () => {
    const made = await json(['user', 'create', '--email', 'Ann@Example.com', '--name', 'Ann'])
    expect(made).toMatchObject({ email: 'Ann@Example.com', password: expect.stringMatching(/^[\w-]{22}$/) })
    expect(await refused(['user', 'create', '--email', 'ＡＮＮ@example.com'])).toMatch(/already/)
    expect(await refused(['user', 'create', '--email', 'nobody'])).toMatch(/no e-mail address/)

    const bob = await admin(
      ['user', 'create', '--email', 'bob@example.com', '--password-stdin', '--json'],
      'correct horse\n',
    )
    expect(bob.code).toBe(0)
    expect(bob.stdout + bob.stderr).not.toMatch(/correct horse|"password"/)
    expect(await refused(['user', 'create', '--email', 'eve@example.com', '--password-stdin'], 'two\nlines\n')).toMatch(
      /one line/,
    )
    expect(await refused(['user', 'create', '--email', 'eve@example.com', '--password-stdin'], '')).toMatch(/missing/)

    expect((await items('users', ['user', 'list'])).map(({ email }) => email)).toEqual([
      'Ann@Example.com',
      'bob@example.com',
    ])
    const first = await json(['user', 'list', '--limit', '1'])
    expect(await items('users', ['user', 'list', '--limit', '1', '--cursor', String(first['next'])])).toMatchObject([
      { email: 'bob@example.com' },
    ])
    expect(await json(['user', 'show', '--id', String(made['user_id'])])).toMatchObject({
      name: 'Ann',
      disabled: false,
    })
    expect(
      await json(['user', 'update', '--email', 'ann@example.com', '--name', '', '--new-email', 'ann@new.example']),
    ).toEqual({
      ...(await json(['user', 'show', '--email', 'ANN@NEW.example'])),
      email: 'ann@new.example',
    })
    expect(await refused(['user', 'update', '--email', 'ann@new.example', '--new-email', 'BOB@example.com'])).toMatch(
      /Another user/,
    )
    const again = await json(['user', 'set-password', '--email', 'ann@new.example'])
    expect(again['password']).not.toBe(made['password'])
    expect(await json(['user', 'disable', '--email', 'ann@new.example'])).toMatchObject({ result: 'disabled' })
    expect(await json(['user', 'disable', '--email', 'ann@new.example'])).toMatchObject({ result: 'unchanged' })
    expect(await json(['user', 'enable', '--email', 'ann@new.example'])).toMatchObject({ result: 'enabled' })
    expect(await json(['user', 'logout', '--email', 'ann@new.example'])).toMatchObject({ result: 'ended' })
    expect(await json(['user', 'delete', '--email', 'ann@new.example'])).toMatchObject({ result: 'deleted' })
    expect(await refused(['user', 'show', '--email', 'ann@new.example'])).toMatch(/has no user/)
  })

  test('carries an API through every verb', async () => {
    const file = join(folder, 'jwks.json')
    writeFileSync(file, JSON.stringify(jwks))
    const identifier = 'https://orders.example'
    const made = await json([
      'api',
      'create',
      '--identifier',
      identifier,
      '--scope',
      'read write',
      '--scope',
      'admin',
      '--jwks',
      file,
    ])
    expect(made).toMatchObject({
      api_id: expect.stringMatching(/^api_[\w-]{22}$/),
      api_secret: expect.stringMatching(/^[\w-]{43}$/),
      scopes: ['admin', 'read', 'write'],
      format: 'sealed',
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      signing_alg: 'ES256',
    })
    expect(made).not.toHaveProperty('private_jwk')
    expect(await refused(['api', 'create', '--identifier', identifier, '--scope', 'read'])).toMatch(/already/)
    expect(await refused(['api', 'create', '--identifier', 'orders', '--scope', 'read'])).toMatch(
      /^--identifier "orders" must be an absolute URI/,
    )
    expect(
      await refused(['api', 'create', '--identifier', 'urn:x', '--scope', 'read', '--jwks', join(folder, 'none')]),
    ).toMatch(/can't be read/)

    expect(await items('apis', ['api', 'list'])).toMatchObject([{ identifier }])
    expect(await json(['api', 'show', '--identifier', identifier])).toMatchObject({ api_id: made['api_id'], jwks })
    expect(
      await json(['api', 'update', '--identifier', identifier, '--token-lifetime', '60', '--alg', 'PS256']),
    ).toMatchObject({
      token_lifetime: 60,
      signing_alg: 'PS256',
      alg: 'ECDH-ES',
    })
    expect(await items('keys', ['key', 'list', '--purpose', 'access_token'])).toMatchObject([
      { algorithm: 'PS256', status: 'active' },
    ])
    expect(await refused(['api', 'update', '--identifier', identifier, '--alg', 'RSA-OAEP-256'])).toMatch(
      /^--jwks can't be used/,
    )
    expect(await json(['api', 'set-keys', '--identifier', identifier, '--jwks-uri', jwksUri])).toMatchObject({
      jwks_uri: jwksUri,
    })
    expect(await json(['api', 'refresh-keys', '--identifier', identifier])).toMatchObject({ result: 'unchanged' })
    jwks = { keys: [...(jwks['keys'] as Json[]), { kty: 'oct', k: 'AAAA' }] }
    expect(await refused(['api', 'refresh-keys', '--identifier', identifier])).toMatch(/symmetric/)
    expect(await json(['api', 'show', '--identifier', identifier])).toMatchObject({
      jwks_error: expect.stringContaining('symmetric'),
    })
    expect(await json(['api', 'rotate-secret', '--identifier', identifier])).toMatchObject({
      api_secret: expect.stringMatching(/^[\w-]{43}$/),
      secrets: 2,
    })
    expect(await json(['api', 'disable', '--identifier', identifier])).toMatchObject({ result: 'disabled' })
    expect(await json(['api', 'enable', '--id', String(made['api_id'])])).toMatchObject({ result: 'enabled' })
    expect(await json(['api', 'delete', '--identifier', identifier])).toMatchObject({ result: 'deleted' })
    expect(await refused(['api', 'show', '--identifier', identifier])).toMatch(/has no API/)
  })

  test('makes a key pair for a sealed API that brings none, and shows the private key once', async () => {
    const made = await json(['api', 'create', '--identifier', 'urn:generated', '--scope', 'read'])
    const privateJwk = made['private_jwk'] as Json & { d: string }
    const shown = await json(['api', 'show', '--identifier', 'urn:generated'])
    expect(JSON.stringify(shown)).not.toContain(privateJwk.d)
    const [publicJwk] = (shown['jwks'] as { keys: Json[] }).keys
    const sealed = await new FlattenedEncrypt(new TextEncoder().encode('secret'))
      .setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM' })
      .encrypt(await importJWK({ ...publicJwk }))
    const compact = [sealed.protected, '', sealed.iv, sealed.ciphertext, sealed.tag].join('.')
    const { plaintext } = await compactDecrypt(compact, await importJWK(privateJwk))
    expect(new TextDecoder().decode(plaintext)).toBe('secret')

    const other = await json([
      'api',
      'set-keys',
      '--identifier',
      'urn:generated',
      '--generate-key',
      '--alg',
      'RSA-OAEP-256',
    ])
    expect(other).toMatchObject({ alg: 'RSA-OAEP-256', private_jwk: { kty: 'RSA', alg: 'RSA-OAEP-256' } })
    expect(
      await refused([
        'api',
        'create',
        '--identifier',
        'urn:signed',
        '--scope',
        'read',
        '--format',
        'signed',
        '--jwks',
        join(folder, 'jwks.json'),
      ]),
    ).toMatch(/is for sealed APIs/)
    expect(
      await json(['api', 'create', '--identifier', 'urn:signed', '--scope', 'read', '--format', 'signed']),
    ).not.toHaveProperty('private_jwk')
  })

  test('carries a client through every verb', async () => {
    await json(['api', 'create', '--identifier', 'urn:clients', '--scope', 'read', '--format', 'opaque'])
    const made = await json(['client', 'create', '--name', 'Service', '--api', 'urn:clients', '--scope', 'read'])
    const id = String(made['client_id'])
    expect(made).toMatchObject({
      client_id: expect.stringMatching(/^cl_[\w-]{22}$/),
      client_secret: expect.stringMatching(/^[\w-]{43}$/),
      grant_types: ['client_credentials'],
      apis: ['urn:clients'],
    })
    const app = await json([
      'client',
      'create',
      '--name',
      'App',
      '--public',
      '--redirect-uri',
      'https://app.example/cb',
      '--api',
      'urn:clients',
    ])
    expect(app).toMatchObject({
      origins: ['https://app.example'],
      grant_types: ['authorization_code', 'refresh_token'],
    })
    expect(app).not.toHaveProperty('client_secret')

    const lonely = await admin(['client', 'create', '--name', 'Lonely', '--public', '--first-party', '--scope', 'raed'])
    expect(lonely.code).toBe(0)
    expect(lonely.stderr).toMatch(/Warning: The client can reach no API/)
    expect(lonely.stderr).toMatch(/Warning: None of the client's APIs has the scope raed/)
    expect(await refused(['client', 'create', '--name', 'x', '--api', 'urn:nothing'])).toMatch(/no API urn:nothing/)
    expect(await refused(['client', 'create', '--name', 'x', '--redirect-uri', 'http://app.example/'])).toMatch(
      /^--redirect-uri .* must be https/,
    )

    expect(await items('clients', ['client', 'list'])).toHaveLength(3)
    expect(await json(['client', 'show', '--id', id])).toMatchObject({ name: 'Service', secrets: 1 })
    expect(
      await json(['client', 'update', '--id', id, '--name', 'Renamed', '--scope', '', '--grace', '3']),
    ).toMatchObject({
      name: 'Renamed',
      scopes: [],
      grace: 3,
      apis: ['urn:clients'],
    })
    const rotated = await json(['client', 'rotate-secret', '--id', id])
    expect(rotated).toMatchObject({ secrets: 2 })
    expect(rotated['client_secret']).not.toBe(made['client_secret'])
    expect(await refused(['client', 'rotate-secret', '--id', String(app['client_id'])])).toMatch(/public/)
    expect(await json(['client', 'disable', '--id', id])).toMatchObject({ result: 'disabled' })
    expect(await json(['client', 'enable', '--id', id])).toMatchObject({ result: 'enabled' })
    expect(await json(['client', 'delete', '--id', id])).toMatchObject({ result: 'deleted' })
    expect(await refused(['client', 'show', '--id', id])).toMatch(/has no client/)
  })

  test('says secrets once, on standard output alone', async () => {
    const { stdout, stderr } = await admin(['client', 'create', '--name', 'Secretive', '--api', 'urn:generated'])
    const [, secret] = /client_secret +([\w-]{43})\n/.exec(stdout) ?? []
    expect(secret).toBeDefined()
    expect(stderr).toContain('shown once')
    expect(stderr).not.toContain(secret)
    const trail = await admin(['audit', 'list', '--json'])
    expect(trail.stdout).not.toContain(secret)
  })

  test('lists grants and sessions, and revokes each kind', async () => {
    const user = String((await json(['user', 'create', '--email', 'carol@example.com']))['user_id'])
    const client = String(
      (await json(['client', 'create', '--name', 'C', '--public', '--first-party', '--api', 'urn:generated']))[
        'client_id'
      ],
    )
    const { grant, session } = await makeGrant(database.connection, { user, client })

    expect(await items('grants', ['grant', 'list', '--user', 'carol@example.com'])).toMatchObject([
      { grant_id: grant, email: 'carol@example.com', state: 'live' },
    ])
    expect(await items('grants', ['grant', 'list', '--client', client])).toHaveLength(1)
    expect(await items('sessions', ['session', 'list', '--user', user])).toMatchObject([{ session_id: session }])
    expect(await json(['revoke', '--grant', grant])).toMatchObject({ result: 'revoked', kind: 'grant' })
    expect(await refused(['revoke', '--grant', grant])).toMatch(/nothing to revoke/)
    expect(await items('grants', ['grant', 'list', '--user', user])).toEqual([])
    expect(await items('grants', ['grant', 'list', '--user', user, '--all'])).toMatchObject([{ state: 'revoked' }])
    expect(await json(['revoke', '--session', session])).toMatchObject({ kind: 'session' })
    expect(await json(['revoke', '--jti', 'some-token'])).toMatchObject({ kind: 'token', jti: 'some-token' })
    expect(await json(['revoke', '--user', 'carol@example.com'])).toMatchObject({ kind: 'user', id: user })
    expect(await json(['revoke', '--client', client])).toMatchObject({ kind: 'client' })
    expect(await json(['revoke', '--api', 'urn:generated'])).toMatchObject({ kind: 'api' })
    expect(await json(['revoke', '--all'])).toMatchObject({ kind: 'tenant' })
    expect(await refused(['revoke', '--token', 'x.y.z'])).toMatch(/none that the tenant default issued/)
    expect(await refused(['revoke', '--grant', 'x'])).toMatch(/must be an id/)
  })

  test('rotates keys, and leaves none behind that was revoked', async () => {
    await json(['tenant', 'create', '--slug', 'keys'])
    const active = async () =>
      (await items('keys', ['key', 'list', '--purpose', 'access_token', '--tenant', 'keys'])).filter(
        ({ status }) => status === 'active',
      )
    const [first] = await active()
    expect(first).toMatchObject({ algorithm: 'ES256' })
    const { keys } = await json(['key', 'rotate', '--purpose', 'access_token', '--now', '--tenant', 'keys'])
    const [second] = await active()
    expect(keys).toMatchObject([{ key_id: second?.['key_id'], revoked: [] }])
    expect(second?.['key_id']).not.toBe(first?.['key_id'])
    expect(await json(['revoke', '--key', String(second?.['key_id']), '--tenant', 'keys'])).toMatchObject({
      kind: 'key',
    })
    const [third] = await active()
    expect(third).toBeDefined()
    expect(third?.['key_id']).not.toBe(second?.['key_id'])
    const emergency = await json(['key', 'rotate', '--purpose', 'access_token', '--revoke', '--tenant', 'keys'])
    expect(emergency['keys']).toMatchObject([{ revoked: expect.arrayContaining([third?.['key_id']]) }])
    expect(await refused(['key', 'rotate', '--alg', 'PS256', '--tenant', 'keys'])).toMatch(/no such key/)
  })

  test('keeps tenants apart, and the default one in place', async () => {
    expect(
      await json(['tenant', 'create', '--slug', 'acme', '--name', 'Acme Inc', '--max-token-lifetime', '600']),
    ).toMatchObject({
      issuer: `${env['PUBLIC_URL']}/t/acme`,
      max_token_lifetime: 600,
    })
    expect(await refused(['tenant', 'create', '--slug', 'acme'])).toMatch(/taken/)
    expect(await refused(['tenant', 'create', '--slug', 'A b'])).toMatch(/^--slug "A b" must be/)
    expect((await items('tenants', ['tenant', 'list'])).map(({ slug }) => slug)).toEqual(
      expect.arrayContaining(['default', 'acme']),
    )
    expect(await json(['user', 'create', '--email', 'bob@example.com', '--tenant', 'acme'])).toMatchObject({
      email: 'bob@example.com',
    })
    expect(await items('users', ['user', 'list', '--tenant', 'acme'])).toHaveLength(1)
    expect(await refused(['client', 'create', '--name', 'x', '--api', 'urn:generated', '--tenant', 'acme'])).toMatch(
      /no API/,
    )
    expect(await refused(['user', 'list', '--tenant', 'nobody'])).toMatch(/no tenant nobody/)
    expect(await json(['tenant', 'disable', '--slug', 'acme'])).toMatchObject({ result: 'disabled' })
    expect(await json(['tenant', 'show', '--slug', 'acme'])).toMatchObject({ disabled: true })
    expect(await json(['tenant', 'enable', '--slug', 'acme'])).toMatchObject({ result: 'enabled' })
    expect(await json(['tenant', 'delete', '--tenant', 'acme'])).toMatchObject({ result: 'deleted' })
    expect(await refused(['tenant', 'show', '--slug', 'acme'])).toMatch(/no tenant/)
    expect(await refused(['tenant', 'delete', '--slug', 'default'])).toMatch(/can't be deleted/)
    expect(await refused(['tenant', 'disable'])).toMatch(/can't be disabled/)
  })

  test.each(['user', 'client', 'api', 'tenant', 'key', 'audit'])('lists for people: %s', async (noun) => {
    const { code, stdout } = await admin([noun, 'list'])
    expect(code).toBe(0)
    const [names = '', first = ''] = stdout.split('\n')
    expect(names).toMatch(/^[a-z_]+(?: +[a-z_]+)+$/)
    expect(first.length).toBeGreaterThan(0)
  })

  test('tells who did what', async () => {
    const { events } = (await json(['audit', 'list', '--type', 'user.created', '--since', '1h', '--limit', '1'])) as {
      events: Json[]
    }
    expect(events).toMatchObject([{ type: 'user.created', actor: { kind: 'operator', id: userInfo().username } }])
    const { stdout } = await admin(['audit', 'list', '--type', 'user', '--limit', '2'])
    expect(stdout).toMatch(/^at +type +actor +subject +detail\n/)
    const first = await json(['audit', 'list', '--limit', '1'])
    const second = (await json(['audit', 'list', '--limit', '1', '--cursor', String(first['next'])]))[
      'events'
    ] as Json[]
    expect(Number(second[0]?.['id'])).toBeLessThan(Number((first['events'] as Json[])[0]?.['id']))
  })

  test('asks for the master key only where private keys are opened, and for the right one', async () => {
    const { MASTER_KEY: _, ...without } = env
    expect((await script(without, 'admin', ['user', 'list'])).code).toBe(0)
    const lacking = await script(without, 'admin', ['key', 'rotate'])
    expect(lacking).toMatchObject({ code: 1, stderr: expect.stringContaining('MASTER_KEY is not set') })
    const wrong = await script(await installation(database.url), 'admin', ['tenant', 'create', '--slug', 'late'])
    expect(wrong).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('Set MASTER_KEY to the one they were made with'),
    })
    expect(await refused(['tenant', 'show', '--slug', 'late'])).toMatch(/no tenant/)
  })

  test('says in one line why a database cannot be used', async () => {
    const nowhere = await script({ ...env, DATABASE_URL: 'postgresql://x:y@127.0.0.1:1/none' }, 'admin', [
      'user',
      'list',
    ])
    expect(nowhere.code).toBe(1)
    expect(nowhere.stderr).toMatch(/The database can't be used/)
    expect(nowhere.stderr).not.toMatch(/\n\s+at /)
    const config = await script({ ...env, PUBLIC_URL: 'nonsense' }, 'admin', ['user', 'list'])
    expect(config).toMatchObject({ code: 1, stderr: expect.stringContaining('PUBLIC_URL') })
  })
})

describe('the admin script on an embedded database', { timeout: 240_000 }, () => {
  test('works with no server there, asks for migrations and for a first start', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'bulla-admin-embedded-'))
    try {
      const env = await embeddedInstallation(dataDir)
      const admin = (...args: string[]) => script(env, 'admin', args)
      expect(await admin('user', 'list')).toMatchObject({ code: 1, stderr: expect.stringContaining('npm run migrate') })
      expect((await script(env, 'migrate', [])).code).toBe(0)
      expect(await admin('user', 'list')).toMatchObject({ code: 1, stderr: expect.stringContaining('npm start') })
      expect((await admin('tenant', 'create', '--slug', 'acme')).code).toBe(0)
      expect((await admin('user', 'create', '--email', 'ann@example.com', '--tenant', 'acme')).code).toBe(0)
      const { stdout } = await admin('user', 'list', '--tenant', 'acme', '--json')
      expect(JSON.parse(stdout)).toMatchObject({ users: [{ email: 'ann@example.com' }] })
    } finally {
      removeData(dataDir)
    }
  })
})
