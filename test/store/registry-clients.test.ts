import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type ClientChange, changeClient, registerClient } from '../../src/oauth/registration/client.js'
import { newPrivateJwk, publicJwk } from '../support/jwk.js'
import { PLAIN_OPENID } from '../support/ports.js'
import { OPERATOR, type RegistryStage, registryStage } from '../support/registry.js'

let stage: RegistryStage
let tenant: string
let api: { id: string; identifier: string }
let client: string

beforeAll(async () => {
  stage = await registryStage()
})
afterAll(() => stage.close())
beforeEach(async () => {
  tenant = await stage.makeTenant()
  api = await stage.makeApi(tenant)
  client = await stage.makeClient(tenant, { apis: [api.identifier], defaultResource: api.identifier })
})

const hash = (byte: number) => Buffer.alloc(32, byte)
const hashesOf = async (id: string) => {
  const [row] = await stage.rows<{ h: Buffer[] }>(
    'SELECT secret_hashes AS h FROM clients WHERE tenant_id = $1 AND id = $2',
    tenant,
    id,
  )
  return row?.h
}
const rename = (name: string) => ({
  id: client,
  change: (current: Parameters<typeof changeClient>[0]) => changeClient(current, { name }),
})

describe('creating a client', () => {
  test('keeps what was registered', async () => {
    const settings = registerClient({
      name: 'App',
      public: true,
      firstParty: true,
      redirectUris: ['https://app.example/cb'],
      scopes: ['read'],
      apis: [api.identifier],
      defaultResource: api.identifier,
      grace: 5,
    })
    await stage.clients.create(tenant, { id: 'cl_1', settings, secretHash: undefined }, OPERATOR)
    expect(await stage.clients.find(tenant, 'cl_1')).toEqual({
      ...settings,
      id: 'cl_1',
      disabled: false,
      secrets: 0,
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    })
    expect(await stage.clients.find(stage.theirs, 'cl_1')).toBeUndefined()
  })

  test('for an API of another tenant is refused', async () => {
    const { identifier } = await stage.makeApi(stage.theirs)
    const settings = registerClient({
      name: 'App',
      public: false,
      firstParty: false,
      apis: [api.identifier, identifier],
    })
    const outcome = await stage.clients.create(tenant, { id: 'cl_2', settings, secretHash: hash(1) }, OPERATOR)
    expect(outcome).toEqual({ result: 'unknown_api', identifier })
    expect(await stage.clients.find(tenant, 'cl_2')).toBeUndefined()
  })
})

describe('changing a client', () => {
  test('writes what the change gives, audited, and every process hears of it', async () => {
    const before = await stage.configRevision(tenant)
    const outcome = await stage.clients.update(tenant, rename('New name'), OPERATOR)
    expect(outcome).toMatchObject({ result: 'updated', settings: { name: 'New name', apis: [api.identifier] } })
    expect(await stage.clients.find(tenant, client)).toMatchObject({
      name: 'New name',
      defaultResource: api.identifier,
    })
    const { items } = await stage.trail.list(tenant, { type: 'client.updated', limit: 1 })
    expect(items[0]).toMatchObject({ actor: OPERATOR, subject: { client }, detail: { changed: ['name'] } })
    expect(await stage.configRevision(tenant)).toBeGreaterThan(before)
  })

  test('writes what it has of OpenID Connect, names in the audit what changed, and takes it away again', async () => {
    const jwks = { keys: [{ ...publicJwk(newPrivateJwk('P-256')), kid: 'a', use: 'enc' }] }
    const encryption = { alg: 'ECDH-ES', enc: 'A256GCM' } as const
    const openid = {
      jwks,
      idTokenAlgorithm: 'Ed25519',
      idTokenEncryption: encryption,
      userinfoAlgorithm: 'ES256',
      userinfoEncryption: encryption,
      sector: 'app.example',
      defaultMaxAge: 600,
      postLogoutRedirectUris: ['https://app.example/bye'],
      backchannelLogoutUri: 'https://app.example/out',
    } as const
    const change = (to: ClientChange) =>
      stage.clients.update(tenant, { id: client, change: (current) => changeClient(current, to) }, OPERATOR)
    const changed = async () => (await stage.trail.list(tenant, { type: 'client.updated', limit: 1 })).items[0]?.detail
    const named = { verified: true, requirePushedRequests: true, openid: { ...openid, pairwise: true } }
    expect(await change(named)).toMatchObject({ result: 'updated', settings: { openid } })
    const found = await stage.clients.find(tenant, client)
    expect(found).toMatchObject({ verified: true, requirePushedRequests: true })
    expect(found?.openid).toEqual({ ...openid, frontchannelLogoutUri: undefined })
    expect(await changed()).toEqual({
      changed: ['verified', 'requirePushedRequests', ...Object.keys(openid)],
    })
    await change({ name: 'Renamed' })
    expect(await changed()).toEqual({ changed: ['name'] })
    const nothing = Object.fromEntries(Object.keys(openid).map((name) => [name, null]))
    await change({ verified: false, requirePushedRequests: false, openid: { ...nothing, pairwise: false } })
    expect((await stage.clients.find(tenant, client))?.openid).toEqual(PLAIN_OPENID)
  })

  test('changes nothing when the change is refused', async () => {
    const refuse = () => {
      throw new Error('refused')
    }
    await expect(stage.clients.update(tenant, { id: client, change: refuse }, OPERATOR)).rejects.toThrow('refused')
    expect(await stage.audited(tenant)).not.toContain('client.updated')
    const change = (current: Parameters<typeof changeClient>[0]) =>
      changeClient(current, { apis: ['urn:nobody'], defaultResource: null })
    expect(await stage.clients.update(tenant, { id: client, change }, OPERATOR)).toEqual({
      result: 'unknown_api',
      identifier: 'urn:nobody',
    })
    expect(await stage.clients.find(tenant, client)).toMatchObject({ apis: [api.identifier] })
  })

  test('loses no change of two that race', async () => {
    await Promise.all([
      stage.clients.update(tenant, rename('Raced'), OPERATOR),
      stage.clients.update(tenant, { id: client, change: (current) => changeClient(current, { grace: 7 }) }, OPERATOR),
    ])
    expect(await stage.clients.find(tenant, client)).toMatchObject({ name: 'Raced', grace: 7 })
  })

  test('goes on when its default API was deleted', async () => {
    await stage.apis.delete(tenant, api.id, OPERATOR)
    expect(await stage.clients.update(tenant, rename('Later'), OPERATOR)).toMatchObject({
      settings: { apis: [], defaultResource: undefined },
    })
  })

  test('of another tenant does nothing', async () => {
    expect(await stage.clients.update(stage.theirs, rename('Theirs'), OPERATOR)).toEqual({ result: 'unknown' })
    expect(await stage.clients.find(tenant, client)).toMatchObject({ name: 'A client' })
  })
})

describe('rotating a secret', () => {
  test('keeps two, the new one first, and ends nothing', async () => {
    const user = await stage.makeUser(tenant)
    await stage.makeGrant(tenant, user, client)
    const [first] = (await hashesOf(client)) ?? []
    expect(await stage.clients.rotateSecret(tenant, { id: client, secretHash: hash(1) }, OPERATOR)).toEqual({
      result: 'rotated',
      secrets: 2,
    })
    expect(await hashesOf(client)).toEqual([hash(1), first])
    expect(await stage.clients.rotateSecret(tenant, { id: client, secretHash: hash(2) }, OPERATOR)).toEqual({
      result: 'rotated',
      secrets: 2,
    })
    expect(await hashesOf(client)).toEqual([hash(2), hash(1)])
    expect((await stage.grants.list(tenant, { client, ended: false, limit: 10 })).items).toHaveLength(1)
    expect(await stage.entries(tenant)).toEqual([])
  })

  test('keeps both of two that race', async () => {
    await Promise.all(
      [1, 2].map((byte) => stage.clients.rotateSecret(tenant, { id: client, secretHash: hash(byte) }, OPERATOR)),
    )
    expect((await hashesOf(client))?.map((each) => each[0]).sort()).toEqual([1, 2])
  })

  test('is not for public clients', async () => {
    const app = await stage.makeClient(tenant, { public: true })
    expect(await stage.clients.rotateSecret(tenant, { id: app, secretHash: hash(1) }, OPERATOR)).toEqual({
      result: 'public',
    })
    expect(await stage.clients.rotateSecret(stage.theirs, { id: client, secretHash: hash(1) }, OPERATOR)).toEqual({
      result: 'unknown',
    })
  })
})

describe.each([
  { name: 'disabling', act: (t: string, id: string) => stage.clients.disable(t, id, OPERATOR), done: 'disabled' },
  { name: 'deleting', act: (t: string, id: string) => stage.clients.delete(t, id, OPERATOR), done: 'deleted' },
])('$name a client', ({ act, done }) => {
  test("ends its grants and no other client's, for good", async () => {
    const user = await stage.makeUser(tenant)
    const other = await stage.makeClient(tenant)
    await stage.makeGrant(tenant, user, client)
    await stage.makeGrant(tenant, user, other)
    expect(await act(stage.theirs, client)).toBe('unknown')
    expect(await act(tenant, client)).toBe(done)
    await stage.clients.enable(tenant, client, OPERATOR)
    const { items } = await stage.grants.list(tenant, { user, ended: false, limit: 10 })
    expect(items.map((grant) => grant.client)).toEqual([other])
    expect(await stage.entries(tenant)).toEqual(['client'])
    expect(await stage.audited(tenant)).toEqual(expect.arrayContaining([`client.${done}`, 'client.revoked']))
  })
})

test('a client that was enabled again has new grants', async () => {
  await stage.clients.disable(tenant, client, OPERATOR)
  expect(await stage.clients.disable(tenant, client, OPERATOR)).toBe('unchanged')
  expect(await stage.clients.enable(tenant, client, OPERATOR)).toBe('enabled')
  expect(await stage.clients.enable(tenant, client, OPERATOR)).toBe('unchanged')
  await stage.makeGrant(tenant, await stage.makeUser(tenant), client)
  expect((await stage.grants.list(tenant, { client, ended: false, limit: 10 })).items).toHaveLength(1)
})

test('a deleted client is unknown, holds no secret and stays as a tombstone', async () => {
  await stage.clients.delete(tenant, client, OPERATOR)
  expect(await stage.clients.find(tenant, client)).toBeUndefined()
  expect(await stage.clients.delete(tenant, client, OPERATOR)).toBe('unknown')
  expect(await stage.clients.enable(tenant, client, OPERATOR)).toBe('unknown')
  expect(await hashesOf(client)).toEqual([])
  expect((await stage.clients.list(tenant, { limit: 10 })).items).toEqual([])
})

test('clients are listed page by page, the oldest first, of one tenant', async () => {
  const second = await stage.makeClient(tenant)
  await stage.makeClient(stage.theirs)
  const first = await stage.clients.list(tenant, { limit: 1 })
  expect(first.items.map(({ id }) => id)).toEqual([client])
  const rest = await stage.clients.list(tenant, { limit: 1, after: first.next })
  expect(rest.items.map(({ id }) => id)).toEqual([second])
  expect(rest.next).toBeUndefined()
})
