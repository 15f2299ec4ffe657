import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { changeApi, registerApi } from '../../src/oauth/registration/api.js'
import { OPERATOR, type RegistryStage, registryStage } from '../support/registry.js'

const PLACE = { issuer: 'https://id.example', maxTokenLifetime: 3600 }
const KEYS = { jwks: { keys: [{ kty: 'OKP', crv: 'X25519', x: 'x', use: 'enc' }] }, jwksUri: undefined }

let stage: RegistryStage
let tenant: string
let api: { id: string; identifier: string }

beforeAll(async () => {
  stage = await registryStage()
})
afterAll(() => stage.close())
beforeEach(async () => {
  tenant = await stage.makeTenant()
  api = await stage.makeApi(tenant)
})

const create = (tenantId: string, id: string, identifier: string) => {
  const settings = registerApi({ identifier, scopes: ['b', 'a'], tokenLifetime: 60 }, PLACE)
  return stage.apis.create(tenantId, { id, settings, keys: KEYS, secretHash: Buffer.alloc(32) }, OPERATOR)
}

describe('creating an API', () => {
  test('keeps what was registered', async () => {
    expect(await create(tenant, 'api_1', 'https://orders.example')).toBe('created')
    const found = await stage.apis.find(tenant, { identifier: 'https://orders.example' })
    expect(found).toEqual({
      ...registerApi({ identifier: 'https://orders.example', scopes: ['a', 'b'], tokenLifetime: 60 }, PLACE),
      id: 'api_1',
      keys: { ...KEYS, fetchedAt: undefined, checkedAt: undefined, error: undefined },
      disabled: false,
      secrets: 1,
      createdAt: expect.any(Date),
      updatedAt: expect.any(Date),
    })
    expect(await stage.apis.find(stage.theirs, { id: 'api_1' })).toBeUndefined()
  })

  test('gives an identifier once, whoever races, in each tenant', async () => {
    const outcomes = await Promise.all(Array.from({ length: 6 }, (_, i) => create(tenant, `api_r${i}`, 'urn:raced')))
    expect(outcomes.sort()).toEqual(['created', ...Array.from({ length: 5 }, () => 'taken')])
    expect(await create(stage.theirs, 'api_r0', 'urn:raced')).toBe('created')
  })

  test('compares identifiers byte for byte', async () => {
    expect(await create(tenant, 'api_2', 'https://orders.example')).toBe('created')
    expect(await create(tenant, 'api_3', 'https://orders.example/')).toBe('created')
  })
})

describe('changing an API', () => {
  test('replaces its scopes and leaves its keys', async () => {
    await create(tenant, 'api_4', 'urn:four')
    const before = await stage.configRevision(tenant)
    const update = {
      id: 'api_4',
      change: (current: Parameters<typeof changeApi>[0]) => ({
        settings: changeApi(current, { scopes: ['b', 'c'] }, PLACE),
      }),
    }
    expect(await stage.apis.update(tenant, update, OPERATOR)).toBe('updated')
    expect(await stage.apis.find(tenant, { id: 'api_4' })).toMatchObject({
      scopes: ['b', 'c'],
      keys: KEYS,
      tokenLifetime: 60,
    })
    expect(await stage.configRevision(tenant)).toBeGreaterThan(before)
    expect(await stage.audited(tenant)).toContain('api.updated')
    expect(await stage.audited(tenant)).not.toContain('api.keys_set')
    expect(await stage.apis.update(stage.theirs, update, OPERATOR)).toBe('unknown')
  })

  test('sets keys, and takes them away', async () => {
    await create(tenant, 'api_5', 'urn:five')
    const fetched = { jwks: { keys: [] }, jwksUri: 'https://orders.example/jwks' }
    await stage.apis.update(tenant, { id: 'api_5', change: (settings) => ({ settings, keys: fetched }) }, OPERATOR)
    const found = await stage.apis.find(tenant, { id: 'api_5' })
    expect(found?.keys).toMatchObject({ ...fetched, fetchedAt: expect.any(Date) })
    expect((await stage.audited(tenant)).at(-1)).toBe('api.keys_set')
    const opaque = (current: Parameters<typeof changeApi>[0]) => ({
      settings: changeApi(current, { format: 'opaque' }, PLACE),
      keys: undefined,
    })
    await stage.apis.update(tenant, { id: 'api_5', change: opaque }, OPERATOR)
    expect(await stage.apis.find(tenant, { id: 'api_5' })).toMatchObject({
      format: 'opaque',
      encryptionAlgorithm: undefined,
      keys: undefined,
    })
  })
})

test('rotating a secret keeps two and ends nothing', async () => {
  const rotate = (byte: number) =>
    stage.apis.rotateSecret(tenant, { id: api.id, secretHash: Buffer.alloc(32, byte) }, OPERATOR)
  expect(await rotate(1)).toEqual({ result: 'rotated', secrets: 2 })
  expect(await rotate(2)).toEqual({ result: 'rotated', secrets: 2 })
  const [row] = await stage.rows<{ h: Buffer[] }>(
    'SELECT secret_hashes AS h FROM apis WHERE tenant_id = $1 AND id = $2',
    tenant,
    api.id,
  )
  expect(row?.h).toEqual([Buffer.alloc(32, 2), Buffer.alloc(32, 1)])
  expect(await stage.entries(tenant)).toEqual([])
})

describe.each([
  { name: 'disabling', act: (t: string, id: string) => stage.apis.disable(t, id, OPERATOR), done: 'disabled' },
  { name: 'deleting', act: (t: string, id: string) => stage.apis.delete(t, id, OPERATOR), done: 'deleted' },
])('$name an API', ({ act, done }) => {
  test('ends the tokens for it, audited', async () => {
    expect(await act(stage.theirs, api.id)).toBe('unknown')
    expect(await act(tenant, api.id)).toBe(done)
    await stage.apis.enable(tenant, api.id, OPERATOR)
    expect(await stage.entries(tenant)).toEqual(['aud'])
    expect(await stage.audited(tenant)).toEqual(expect.arrayContaining([`api.${done}`, 'api.revoked']))
    expect(await stage.entries(stage.theirs)).toEqual([])
  })
})

test('a deleted API is unknown, and its identifier free for another', async () => {
  await stage.apis.delete(tenant, api.id, OPERATOR)
  expect(await stage.apis.find(tenant, { id: api.id })).toBeUndefined()
  expect((await stage.apis.list(tenant, { limit: 10 })).items).toEqual([])
  expect(await create(tenant, 'api_6', api.identifier)).toBe('created')
  expect(await stage.apis.find(tenant, { identifier: api.identifier })).toMatchObject({ id: 'api_6' })
})
