import type { JsonWebKey } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { expectInactive } from '../support/inactive.js'
import { secretsIn } from '../support/issued-secrets.js'
import { digest, everyRefusal, type Issuer, issuerAt, type Party, tokensOf, unseal } from '../support/issuer.js'
import { newPrivateJwk, publicJwk } from '../support/jwk.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import {
  admin,
  type Environment,
  everythingSaid,
  installation,
  type RunningServer,
  startServer,
  stopServers,
} from '../support/server.js'

const ORDERS = 'https://orders.example'

const SEALS = [
  { alg: 'ECDH-ES', key: 'X25519' },
  { alg: 'ECDH-ES', key: 'P-256' },
  { alg: 'ECDH-ES+A256KW', key: 'X25519' },
  { alg: 'ECDH-ES+A256KW', key: 'P-256' },
  { alg: 'RSA-OAEP-256', key: { rsa: 2048 } },
] as const
const SIGNATURES = ['ES256', 'PS256', 'Ed25519', 'RS256'] as const
const SEALED = ['A256GCM', 'A128CBC-HS256']
  .flatMap((enc) => SEALS.map((seal) => ({ ...seal, enc })))
  .map((seal, index) => ({
    ...seal,
    name: typeof seal.key === 'string' ? seal.key : 'RSA',
    sign: SIGNATURES[index % SIGNATURES.length] ?? 'ES256',
    identifier: `https://sealed.example/${index}`,
  }))

let database: TestDatabase
let folder: string
let env: Environment
let server: RunningServer
let issuer: Issuer
/** Sealed with what the script makes by default, then signed alone, then opaque. */
let orders: Api
let signed: Api
let opaque: Api
let ann: User
let shop: Party
let service: Party

beforeAll(async () => {
  database = await testDatabase()
  folder = mkdtempSync(join(tmpdir(), 'bulla-story-'))
  env = await installation(database.url, { MAX_STALENESS: '2' })
  server = await startServer(env)
  issuer = issuerAt(server.url, env['PUBLIC_URL'] ?? '')
  ;[orders, signed, opaque, ann] = await Promise.all([
    registerApi(env, ORDERS),
    registerApi(env, 'https://signed.example', '--format', 'signed', '--scope', 'signed:read'),
    registerApi(env, 'https://opaque.example', '--format', 'opaque', '--scope', 'opaque:read'),
    registerUser(env, 'ann@example.com'),
  ])
  const apis = [orders, signed, opaque].flatMap(({ identifier }) => ['--api', identifier])
  const options = ['--first-party', ...apis, '--default-resource', ORDERS]
  const grants = ['--grant', 'refresh_token', '--grant', 'client_credentials']
  ;[shop, service] = await Promise.all([
    registerClient(env, '--public', ...options),
    registerClient(env, ...grants, ...options),
  ])
})
afterAll(async () => {
  await stopServers()
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('The set-up failed.')
  return value
}

const login = async (client = shop, more: object = {}) => tokensOf(await issuer.login(client, ann, more))
const isActive = async (by: Party, token: string) => (await issuer.introspect(by, token))['active']
const openOrders = async (token: string) => {
  const { inner } = await unseal(token, orders.privateJwk)
  return (await issuer.verify(inner, ORDERS)).payload as { jti: string; sub: string; grant: string; rev: number }
}

describe('a sealed access token', () => {
  let client: Party
  const keys = new Map<string, JsonWebKey>()

  beforeAll(async () => {
    const register = async ({ identifier, alg, enc, sign, key, name }: (typeof SEALED)[number]) => {
      const privateJwk = newPrivateJwk(key)
      const file = join(folder, `${alg}-${enc}-${name}.json`)
      writeFileSync(file, JSON.stringify({ keys: [{ ...publicJwk(privateJwk), kid: 'k1', use: 'enc' }] }))
      await registerApi(env, identifier, '--alg', alg, '--enc', enc, '--alg', sign, '--jwks', file)
      keys.set(identifier, privateJwk)
    }
    // Those who bring a new algorithm for signatures at the same time get one key of it.
    await Promise.all(SEALED.slice(0, 5).map(register))
    await Promise.all(SEALED.slice(5).map(register))
    const apis = SEALED.flatMap(({ identifier }) => ['--api', identifier])
    client = await registerClient(env, '--public', '--first-party', ...apis)
  })

  it.each(SEALED)('of $alg on $name, $enc, signed with $sign is opened by jose, both layers', async (sealed) => {
    const { identifier, alg, enc, sign } = sealed
    const { access_token } = await login(client, { resource: identifier })
    const { inner, header } = await unseal(access_token, present(keys.get(identifier)), alg)
    expect(header).toMatchObject({ alg, enc, cty: 'JWT', kid: 'k1' })
    expect(
      Object.keys(header).filter((name) => !['alg', 'enc', 'typ', 'cty', 'kid', 'epk', 'apu', 'bk'].includes(name)),
    ).toEqual([])
    const { payload, protectedHeader } = await issuer.verify(inner, identifier)
    expect(protectedHeader).toMatchObject({ alg: sign, typ: 'at+jwt' })
    expect(payload).toMatchObject({
      iss: env['PUBLIC_URL'],
      sub: ann.id,
      aud: identifier,
      client_id: client.id,
      scope: 'read write',
      jti: expect.any(String),
      rev: expect.any(Number),
      grant: expect.any(String),
      auth_time: expect.any(Number),
      amr: ['pwd'],
    })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
  })

  it('is one of each API on one grant, by the resource of the refresh', async () => {
    const [first, second] = [present(SEALED[0]), present(SEALED[4])]
    const granted = await login(client, { resource: [first.identifier, second.identifier] })
    for (const { identifier, alg } of [first, second]) {
      const answer = await issuer.refresh(client, granted.refresh_token, { resource: identifier })
      const { inner } = await unseal(tokensOf(answer).access_token, present(keys.get(identifier)), alg)
      expect((await issuer.verify(inner, identifier)).payload.aud).toBe(identifier)
    }
    const third = present(SEALED[2]).identifier
    const { status, body } = await issuer.refresh(client, granted.refresh_token, { resource: third })
    expect([status, body['error']]).toEqual([400, 'invalid_target'])
  })
})

describe('the other formats', () => {
  it('are signed alone, for an API that asked for it', async () => {
    const { access_token } = await login(shop, { resource: signed.identifier })
    const { payload } = await issuer.verify(access_token, signed.identifier)
    expect(payload).toMatchObject({ sub: ann.id, scope: 'signed:read' })
    expect(await isActive(signed, access_token)).toBe(true)
  })

  it('are opaque, and read by introspection alone', async () => {
    const { access_token } = await login(shop, { resource: opaque.identifier })
    expect(access_token).not.toContain('..')
    for (const part of access_token.split('.')) {
      expect(Buffer.from(part, 'base64url').toString()).not.toMatch(/"sub"|ann@|opaque/)
    }
    expect(await issuer.introspect(opaque, access_token)).toMatchObject({ active: true, sub: ann.id })
    expect(await issuer.introspect(orders, access_token)).toEqual({ active: false })
  })
})

describe('a refresh token', () => {
  it('is replaced at each use, and the access token with it', async () => {
    const first = await login()
    const second = tokensOf(await issuer.refresh(shop, first.refresh_token))
    const third = tokensOf(await issuer.refresh(shop, second.refresh_token, { scope: 'read' }))
    expect(new Set([first, second, third].map((one) => one.refresh_token)).size).toBe(3)
    expect(third.scope).toBe('read')
    const [a, b] = [await openOrders(first.access_token), await openOrders(third.access_token)]
    expect(a.jti).not.toBe(b.jti)
    expect(a.grant).toBe(b.grant)
    // RFC 6749 §6: less was asked for once; the grant is what it was.
    expect(tokensOf(await issuer.refresh(shop, third.refresh_token)).scope).toBe('read write')
  })

  it('serves its own client alone, and is not spent by another', async () => {
    const { refresh_token } = await login()
    const { status, body } = await issuer.refresh(service, refresh_token)
    expect([status, body['error']]).toEqual([400, 'invalid_grant'])
    tokensOf(await issuer.refresh(shop, refresh_token))
  })

  it('gives no more than was granted', async () => {
    const { refresh_token } = await login(shop, { scope: 'read' })
    const { status, body } = await issuer.refresh(shop, refresh_token, { scope: 'read write' })
    expect([status, body['error']]).toEqual([400, 'invalid_scope'])
  })
})

describe('client credentials', () => {
  it('give a token with the client as its subject, and no refresh token', async () => {
    const answer = await issuer.clientCredentials(service, { scope: 'read' })
    const { access_token } = tokensOf(answer)
    expect(answer.body).not.toHaveProperty('refresh_token')
    expect(await openOrders(access_token)).toMatchObject({ sub: service.id, client_id: service.id, scope: 'read' })
  })

  it('are refused with a wrong secret, and to a public client', async () => {
    const wrong = await issuer.clientCredentials({ ...service, secret: 'wrong' })
    expect([wrong.status, wrong.body['error']]).toEqual([401, 'invalid_client'])
    const nobody = await issuer.clientCredentials(shop)
    expect([nobody.status, nobody.body['error']]).toEqual([400, 'unauthorized_client'])
  })

  it('stay good through one rotation of the secret, and end with the next', async () => {
    const client = await registerClient(env, '--api', ORDERS)
    const { access_token } = tokensOf(await issuer.clientCredentials(client))
    const rotate = async () => ({
      ...client,
      secret: String((await admin(env, 'client', 'rotate-secret', '--id', client.id))['client_secret']),
    })
    const status = async (by: Party) => (await issuer.clientCredentials(by)).status
    const second = await rotate()
    await expect.poll(() => status(second)).toBe(200)
    expect(await status(client)).toBe(200)
    const third = await rotate()
    await expect.poll(() => status(third)).toBe(200)
    await expect.poll(() => status(client)).toBe(401)
    expect(await isActive(orders, access_token)).toBe(true)
  })
})

describe('introspection', () => {
  it('tells an API all, and the client what it was told when it got the token', async () => {
    const { access_token } = await login(service)
    const claims = await openOrders(access_token)
    expect(await issuer.introspect(orders, access_token)).toEqual({
      ...claims,
      active: true,
      token_type: 'Bearer',
    })
    const told = await issuer.introspect(service, access_token)
    expect(told).toMatchObject({ active: true, client_id: service.id, scope: 'read write', token_type: 'Bearer' })
    expect(Object.keys(told).sort()).toEqual(['active', 'client_id', 'exp', 'iat', 'scope', 'token_type'])
  })

  it('tells a client of its refresh token, and nobody of another’s', async () => {
    const { refresh_token } = await login(service)
    expect(await issuer.introspect(service, refresh_token)).toMatchObject({ active: true, sub: ann.id })
    expect(await issuer.introspect(orders, refresh_token)).toEqual({ active: false })
    const { access_token } = await login(shop)
    expect(await issuer.introspect(service, access_token)).toEqual({ active: false })
    expect(await issuer.introspect(signed, access_token)).toEqual({ active: false })
  })
})

describe('revocation', () => {
  it('of an access token ends it alone, RFC 7009 §2.1', async () => {
    const { access_token, refresh_token } = await login(service)
    expect(await issuer.revoke(service, access_token)).toMatchObject({ status: 200, body: {} })
    expect(await isActive(orders, access_token)).toBe(false)
    const next = tokensOf(await issuer.refresh(service, refresh_token))
    expect(await isActive(orders, next.access_token)).toBe(true)
  })

  it('of a refresh token, a spent one too, ends all that came of the sign-in', async () => {
    const { access_token, refresh_token } = await login(service)
    const next = tokensOf(await issuer.refresh(service, refresh_token))
    expect(await issuer.revoke(service, refresh_token)).toMatchObject({ status: 200, body: {} })
    for (const token of [access_token, next.access_token]) expect(await isActive(orders, token)).toBe(false)
    expect((await issuer.refresh(service, next.refresh_token)).body['error']).toBe('invalid_grant')
    expect(await isActive(service, next.refresh_token)).toBe(false)
  })

  it('by another client has no effect', async () => {
    const { access_token, refresh_token } = await login(shop)
    for (const token of [access_token, refresh_token]) {
      expect((await issuer.revoke(service, token)).body['error']).toBe('invalid_grant')
    }
    expect(await isActive(orders, access_token)).toBe(true)
    tokensOf(await issuer.refresh(shop, refresh_token))
  })

  it('of what is no token is no error', async () => {
    expect(await issuer.revoke(service, 'nonsense')).toMatchObject({ status: 200, body: {} })
  })

  it('by the operator ends a token, a refresh token’s grant, and everything of a user', async () => {
    const [one, two, three] = [await login(), await login(), await login()]
    const ended = (by: { access_token: string }) => expectInactive(() => isActive(orders, by.access_token), 2_000)
    await admin(env, 'revoke', `--token=${one.access_token}`)
    await ended(one)
    tokensOf(await issuer.refresh(shop, one.refresh_token))
    await admin(env, 'revoke', `--token=${two.refresh_token}`)
    await ended(two)
    expect(await isActive(orders, three.access_token)).toBe(true)
    await admin(env, 'revoke', '--user', ann.username)
    await ended(three)
    for (const { refresh_token } of [one, two, three]) {
      expect((await issuer.refresh(shop, refresh_token)).body['error']).toBe('invalid_grant')
    }
    // They may sign in again: nothing of before comes back with it.
    const { access_token } = await login()
    expect(await isActive(orders, access_token)).toBe(true)
    expect(await isActive(orders, three.access_token)).toBe(false)
  })
})

describe('logging out', () => {
  it('with the refresh token ends that sign-in, and says the same a second time', async () => {
    const [here, elsewhere] = [await login(), await login()]
    for (const _ of ['first', 'again']) {
      const answer = await issuer.logout(shop, { refresh_token: here.refresh_token })
      expect(answer).toMatchObject({ status: 200, body: {} })
    }
    expect(await isActive(orders, here.access_token)).toBe(false)
    expect((await issuer.refresh(shop, here.refresh_token)).body['error']).toBe('invalid_grant')
    expect(await isActive(orders, elsewhere.access_token)).toBe(true)
  })

  it('with the access token ends that sign-in too', async () => {
    const { access_token, refresh_token } = await login()
    expect(await issuer.logout(access_token)).toMatchObject({ status: 200, body: {} })
    expect(await isActive(orders, access_token)).toBe(false)
    expect((await issuer.refresh(shop, refresh_token)).body['error']).toBe('invalid_grant')
    expect(await issuer.logout('nonsense')).toMatchObject({ status: 200, body: {} })
  })
})

describe('the revocation list', () => {
  it('names what was revoked by digests, signed with a published key', async () => {
    const api = orders
    const before = await issuer.list(api)
    const [one, two] = [await login(service), await login(service)]
    const [token, grant] = [await openOrders(one.access_token), await openOrders(two.access_token)]
    await issuer.revoke(service, one.access_token)
    await issuer.revoke(service, two.refresh_token)

    const after = await issuer.list(api)
    const kinds = new Map(after.entries.map((entry) => [entry.d, entry]))
    expect(kinds.get(digest('jti', token.jti))).toMatchObject({ k: 'jti', exp: expect.any(Number) })
    expect(kinds.get(digest('grant', grant.grant))).toMatchObject({ k: 'grant' })
    expect(kinds.has(digest('jti', grant.jti))).toBe(false)
    expect(JSON.stringify(after)).not.toContain(token.jti)
    expect(after.revision).toBeGreaterThan(before.revision)
    expect(after.max_staleness).toBe(2)

    const since = await issuer.list(api, before.cursor)
    expect(since.entries.map(({ d }) => d)).toEqual([digest('jti', token.jti), digest('grant', grant.grant)])
    expect(since).toMatchObject({ since: before.cursor, cursor: after.cursor })
    expect((await issuer.revocations(api)).type).toBe('application/revocations+jwt')
    expect(await issuer.revocations(api, 'nonsense')).toMatchObject({ status: 410, text: '{"error":"reset"}' })
  })

  it('tells of a user below which revision their tokens have ended', async () => {
    const bob = await registerUser(env, 'bob@example.com')
    const { sub, rev } = await openOrders(tokensOf(await issuer.login(shop, bob)).access_token)
    await admin(env, 'user', 'disable', '--email', bob.username)
    const entry = (await issuer.list(orders)).entries.find(({ d }) => d === digest('sub', sub))
    expect(entry?.k).toBe('sub')
    expect(entry?.r).toBeGreaterThan(rev)
    const { status, body } = await issuer.login(shop, bob)
    expect([status, body['error']]).toEqual([400, 'invalid_grant'])
  })

  it('is for APIs of the tenant alone', async () => {
    expect((await issuer.revocations(service)).status).toBe(401)
    expect((await issuer.revocations({ id: orders.id, secret: 'wrong' })).status).toBe(401)
  })
})

describe('an API that nothing can be sealed for', () => {
  it('gets no token, and the log says why', async () => {
    const identifier = 'https://broken.example'
    await registerApi(env, identifier)
    const client = await registerClient(env, '--public', '--first-party', '--api', identifier)
    const granted = tokensOf(await issuer.login(client, ann))
    // Keys that were fetched, when the server that they came from has been away for longer than they are good.
    const connection = new pg.Client(database.connection)
    await connection.connect()
    const outage = `UPDATE apis SET jwks_uri = 'http://127.0.0.1:1/jwks', jwks_fetched_at = now() - interval '25 hours'`
    await connection.query(`${outage} WHERE identifier = $1`, [identifier])
    await connection.end()
    await admin(env, 'api', 'update', '--identifier', identifier, '--name', 'Broken')

    await expect.poll(async () => (await issuer.login(client, ann)).body['error']).toBe('invalid_target')
    const { status, body } = await issuer.refresh(client, granted.refresh_token)
    expect([status, body['error']]).toEqual([400, 'invalid_target'])
    expect(body).not.toHaveProperty('access_token')
    expect(server.stdout()).toMatch(/"reason":"api_encryption_keys_outdated".*"no token can be sealed for this API"/)

    // Nothing was spent while it lasted.
    await admin(env, 'api', 'set-keys', '--identifier', identifier, '--generate-key')
    await expect.poll(async () => (await issuer.refresh(client, granted.refresh_token)).status).toBe(200)
  })
})

it('writes none of all these secrets, neither to its log nor in a refusal', () => {
  const { found, of } = secretsIn(everythingSaid() + everyRefusal())
  expect(of).toBeGreaterThan(5)
  expect(found).toEqual([])
})
