import { beforeEach, describe, expect, it } from 'vitest'
import { clientCredentials } from '../../../../src/oauth/grants/client-credentials.js'
import type { Actor, Api, Client } from '../../../../src/oauth/records.js'
import { DEFAULT_TENANT } from '../../../support/app.js'
import { createWorld, type WithSecret, type World } from '../../../support/ports.js'
import { refusalOf, requestParams } from '../../../support/request-params.js'

const by: Actor = { kind: 'client', id: 'tests' }
let world: World
let client: WithSecret<Client>
let orders: WithSecret<Api>
beforeEach(() => {
  world = createWorld()
  orders = world.addApi({ id: 'orders' })
  client = world.addClient({ apis: [orders.id] })
})

const request = (values: Record<string, string | string[]> = {}, as: Client = client) =>
  clientCredentials({ tenant: DEFAULT_TENANT, client: as, params: requestParams(values), by }, world.ports)
const claimsOf = async (token: string) => {
  const opened = await world.ports.unsealer.open(DEFAULT_TENANT, token)
  if ('unreadable' in opened) throw new Error(opened.unreadable)
  return opened.claims
}

describe('clientCredentials', () => {
  it('answers with a token whose subject is the client, and no refresh token', async () => {
    const response = await request({ scope: 'orders:read' })
    expect(response).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'orders:read',
    })
    const claims = await claimsOf(response.access_token)
    expect(claims).toMatchObject({ sub: client.id, client_id: client.id, aud: orders.identifier, rev: 1000 })
    expect(claims).not.toHaveProperty('grant')
  })

  it('gives all the scopes of the client when it asks for none, and says so', async () => {
    expect((await request()).scope).toBe('orders:read orders:write')
  })

  it('refuses a public client', async () => {
    const app = world.addClient({ public: true, apis: [orders.id] })
    expect(await refusalOf(request({}, app))).toBe('unauthorized_client: public_client')
  })

  it('refuses two resources, an unknown one and an unknown scope', async () => {
    expect(await refusalOf(request({ resource: [orders.identifier, orders.identifier] }))).toBe(
      'invalid_target: resource_repeated',
    )
    expect(await refusalOf(request({ resource: 'https://elsewhere.example' }))).toBe(
      'invalid_target: resource_not_for_this_client',
    )
    expect(await refusalOf(request({ scope: 'orders:delete' }))).toBe('invalid_scope: scope_unknown')
  })

  it('refuses an API that no token can be made for', async () => {
    world.breakApi(orders)
    expect(await refusalOf(request())).toBe('invalid_target: api_has_no_usable_encryption_key')
  })

  it('judges client, API and tenant after it has read the revision', async () => {
    // What is revoked between authentication and minting moves the revision: a token that carried it would outlive the revocation.
    const revokedMeanwhile = async (change: () => void) => {
      const { view } = world.ports
      const judged = async (tenantId: string) => {
        change()
        return view.judged(tenantId)
      }
      const params = requestParams({})
      return refusalOf(
        clientCredentials({ tenant: DEFAULT_TENANT, client, params, by }, { ...world.ports, view: { judged } }),
      )
    }
    expect(await revokedMeanwhile(() => world.update<Api>(orders, { disabled: true }))).toBe(
      'invalid_target: resource_missing',
    )
    expect(await revokedMeanwhile(() => world.update<Client>(client, { disabled: true }))).toBe(
      'invalid_client: client_disabled',
    )
    expect(await revokedMeanwhile(() => world.disableTenant(DEFAULT_TENANT))).toBe(
      'unauthorized_client: tenant_disabled',
    )
  })
})
