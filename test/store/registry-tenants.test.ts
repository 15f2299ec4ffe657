import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changeTenant, type TenantChange, type TenantLook } from '../../src/oauth/registration/branding.js'
import { registerTenant } from '../../src/oauth/registration/tenant.js'
import { pictures } from '../support/pictures.js'
import { OPERATOR, type RegistryStage, registryStage } from '../support/registry.js'

let stage: RegistryStage
beforeAll(async () => {
  stage = await registryStage()
})
afterAll(() => stage.close())

const named = (id = '') => ({ id, issuer: 'https://id.example' })

test('a slug is given once, whoever races, and never again', async () => {
  const settings = registerTenant({ slug: 'acme', name: 'Acme', maxTokenLifetime: 600 })
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => stage.tenants.create(settings, OPERATOR)))
  expect(outcomes.filter(({ result }) => result === 'created')).toHaveLength(1)
  const found = await stage.tenants.find('acme')
  expect(found).toEqual({
    ...settings,
    id: expect.any(String),
    branding: {},
    disabled: false,
    createdAt: expect.any(Date),
  })
  expect(await stage.tenants.delete(named(found?.id), OPERATOR)).toBe('deleted')
  expect(await stage.tenants.find('acme')).toBeUndefined()
  expect(await stage.tenants.create(settings, OPERATOR)).toEqual({ result: 'taken' })
})

test('disabling ends everything of the tenant and nothing of another, for good', async () => {
  const worlds = [await stage.makeTenant(), await stage.makeTenant()] as const
  for (const tenant of worlds) {
    await stage.makeGrant(tenant, await stage.makeUser(tenant), await stage.makeClient(tenant))
  }
  const [ours, theirs] = worlds
  expect(await stage.tenants.disable(named(ours), OPERATOR)).toBe('disabled')
  expect(await stage.tenants.disable(named(ours), OPERATOR)).toBe('unchanged')
  expect(await stage.tenants.enable(ours, OPERATOR)).toBe('enabled')
  expect(await stage.tenants.enable(ours, OPERATOR)).toBe('unchanged')
  const live = async (tenant: string) => (await stage.grants.list(tenant, { ended: false, limit: 10 })).items.length
  expect(await live(ours)).toBe(0)
  expect(await live(theirs)).toBe(1)
  expect(await stage.entries(ours)).toEqual(['tenant'])
  expect(await stage.audited(ours)).toEqual(
    expect.arrayContaining(['tenant.disabled', 'tenant.revoked', 'tenant.enabled']),
  )
})

describe('the default tenant', () => {
  test('can be neither disabled nor deleted', async () => {
    const made = await stage.tenants.create(registerTenant({ slug: 'default' }), OPERATOR)
    const id = made.result === 'created' ? made.id : ''
    expect(await stage.tenants.disable(named(id), OPERATOR)).toBe('default')
    expect(await stage.tenants.delete(named(id), OPERATOR)).toBe('default')
    expect(await stage.tenants.find('default')).toMatchObject({ disabled: false })
    expect(await stage.entries(id)).toEqual([])
  })
})

describe('how people see a tenant', () => {
  const logo = new Uint8Array(pictures.png.bytes)

  test('is changed in its row alone, told to every process, and audited by name', async () => {
    const [ours, theirs] = [await stage.makeTenant(), await stage.makeTenant()]
    const change = (asked: TenantChange) =>
      stage.tenants.update({ id: ours, change: (current) => changeTenant(current, asked) }, OPERATOR)
    expect(await change({ name: 'Acme', accent: '#0b5fff', helpUri: 'https://acme.example', logo })).toBe('updated')
    expect(await change({ helpUri: null })).toBe('updated')
    const records = (await stage.tenants.list({ limit: 100 })).items
    expect(records.find(({ id }) => id === ours)).toMatchObject({
      name: 'Acme',
      branding: { accent: '#0b5fff' },
      logoType: 'image/png',
    })
    expect(records.find(({ id }) => id === theirs)).toMatchObject({ branding: {}, logoType: undefined })
    expect(await stage.audited(ours)).toEqual(expect.arrayContaining(['tenant.updated']))
    expect(await change({ logo: null })).toBe('updated')
    const after = (await stage.tenants.list({ limit: 100 })).items.find(({ id }) => id === ours)
    expect(after).toMatchObject({ logoType: undefined, name: 'Acme' })
  })

  test('can be changed of the default tenant, and of no deleted one', async () => {
    const id = (await stage.tenants.find('default'))?.id ?? ''
    const change = (current: TenantLook) => changeTenant(current, { name: 'Home' })
    expect(await stage.tenants.update({ id, change }, OPERATOR)).toBe('updated')
    expect((await stage.tenants.find('default'))?.name).toBe('Home')
    const gone = await stage.makeTenant()
    await stage.tenants.delete(named(gone), OPERATOR)
    expect(await stage.tenants.update({ id: gone, change }, OPERATOR)).toBe('unknown')
  })
})

test('tenants are listed page by page, deleted ones not', async () => {
  const { items, next } = await stage.tenants.list({ limit: 1 })
  expect(items).toHaveLength(1)
  const rest = await stage.tenants.list({ limit: 100, after: next })
  expect(rest.items.map(({ slug }) => slug)).not.toContain('acme')
  expect(rest.next).toBeUndefined()
})
