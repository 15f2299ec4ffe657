import fc from 'fast-check'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { refreshToken } from '../../../../src/oauth/grants/refresh-token.js'
import type { Actor, Api, Client } from '../../../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT } from '../../../support/app.js'
import { createWorld, type WithSecret, type World } from '../../../support/ports.js'
import { refusalOf, requestParams } from '../../../support/request-params.js'

const by: Actor = { kind: 'client', id: 'tests' }
let world: World
let client: WithSecret<Client>
let orders: WithSecret<Api>
let stock: WithSecret<Api>
beforeEach(() => {
  world = createWorld()
  orders = world.addApi({ id: 'orders' })
  stock = world.addApi({ id: 'stock', scopes: ['stock:read'] })
  client = world.addClient({ apis: [orders.id, stock.id] })
})

const refresh = (token: string, values: Record<string, string | string[]> = {}, asked: Partial<typeof given> = {}) => {
  const params = requestParams({ refresh_token: token, ...values })
  return refreshToken({ tenant: DEFAULT_TENANT, client, params, by, ...asked }, world.ports)
}
const given = {
  tenant: DEFAULT_TENANT,
  get client() {
    return client
  },
}
const claimsOf = async (token: string) => {
  const opened = await world.ports.unsealer.open(DEFAULT_TENANT, token)
  if ('unreadable' in opened) throw new Error(opened.unreadable)
  return opened.claims
}
const ordersGrant = () => world.addGrant(client, { apis: [orders.id] })

describe('refreshToken', () => {
  it('answers with an access token for the API of the grant and the next refresh token', async () => {
    const { grant, refreshToken: token } = await ordersGrant()
    const response = await refresh(token)
    expect(response).toMatchObject({ token_type: 'Bearer', expires_in: 300, scope: 'orders:read orders:write' })
    expect(await claimsOf(response.access_token)).toMatchObject({
      iss: DEFAULT_TENANT.issuer,
      sub: grant.userId,
      aud: orders.identifier,
      client_id: client.id,
      rev: 1000,
      auth_time: Math.floor(grant.authTime.getTime() / 1000),
    })
    expect(response.refresh_token).not.toBe(token)
    expect(await refresh(response.refresh_token ?? '')).toHaveProperty('access_token')
  })

  it('goes on from a generation ahead of the row, and says that the database has lost a write', async () => {
    const { grant } = await ordersGrant()
    const warn = vi.fn()
    const ports = { ...world.ports, log: { ...world.ports.log, warn } }
    const present = async (generation: number) => {
      const params = requestParams({ refresh_token: await world.ports.refreshTokens.issue(grant, generation) })
      return refreshToken({ ...given, params, by }, ports)
    }
    await present(0)
    expect(warn).not.toHaveBeenCalled()
    await present(7)
    expect(world.grant(grant.id)).toMatchObject({ generation: 8, revoked: false })
    const lost = { tenant: DEFAULT_TENANT.id, client: client.id, grant: grant.id, presented: 7, known: 1 }
    expect(warn.mock.calls).toEqual([[lost, 'the database has lost a refresh']])
    await present(6)
    expect(warn).toHaveBeenCalledTimes(1)
  })

  it('gives everybody who retries within the grace the same successor', async () => {
    const { refreshToken: token } = await ordersGrant()
    const first = await refresh(token)
    world.advance(9)
    const late = await Promise.all([refresh(token), refresh(token), refresh(token)])
    expect(new Set(late.map((response) => response.refresh_token))).toEqual(new Set([first.refresh_token]))
  })

  it('gives a late retry the current token, though it was spent again since', async () => {
    const { refreshToken: token } = await ordersGrant()
    const second = await refresh(token)
    const third = await refresh(second.refresh_token ?? '')
    expect((await refresh(token)).refresh_token).toBe(third.refresh_token)
  })

  it('ends the whole grant when a spent token comes back after the grace', async () => {
    const { refreshToken: token } = await ordersGrant()
    const successor = await refresh(token)
    world.advance(11)
    expect(await refusalOf(refresh(token))).toBe('invalid_grant: refresh_token_reused')
    expect(await refusalOf(refresh(successor.refresh_token ?? ''))).toBe('invalid_grant: grant_revoked')
    expect(
      await world.ports.revocations.judge(DEFAULT_TENANT.id, await claimsOf(successor.access_token), 'key-1'),
    ).toEqual({ dead: 'grant' })
    expect(world.events).toEqual(['grant.reused'])
  })

  it('takes the grace from the client', async () => {
    client = world.addClient({ apis: [orders.id], grace: 0 })
    const { refreshToken: token } = await ordersGrant()
    await refresh(token)
    expect(await refusalOf(refresh(token))).toBe('invalid_grant: refresh_token_reused')
  })

  it('returns the same token to a client that never rotates', async () => {
    client = world.addClient({ apis: [orders.id], rotation: 'never' })
    const { refreshToken: token } = await world.addGrant(client, { apis: [orders.id], rotate: false })
    expect((await refresh(token)).refresh_token).toBe(token)
    world.advance(3600)
    expect((await refresh(token)).refresh_token).toBe(token)
  })

  it('narrows the scope of the access token and not of the grant', async () => {
    const { refreshToken: token } = await ordersGrant()
    const narrow = await refresh(token, { scope: 'orders:read' })
    expect(narrow.scope).toBe('orders:read')
    expect((await refresh(narrow.refresh_token ?? '')).scope).toBe('orders:read orders:write')
  })

  it('picks one API of several, with the scope that means something there', async () => {
    const { refreshToken: token } = await world.addGrant(client, { scope: ['orders:read', 'stock:read'] })
    const response = await refresh(token, { resource: stock.identifier })
    expect(response.scope).toBe('stock:read')
    expect(await claimsOf(response.access_token)).toMatchObject({ aud: stock.identifier, scope: 'stock:read' })
  })
})

describe('refreshToken refuses, and spends nothing for,', () => {
  const refused = async (
    token: string,
    ...more: [values?: Record<string, string | string[]>, asked?: Partial<typeof given>]
  ) => {
    const before = world.written()
    const refusal = await refusalOf(refresh(token, ...more))
    expect(world.written()).toBe(before)
    return refusal
  }

  it('a request without a token', async () => {
    const params = requestParams({})
    expect(await refusalOf(refreshToken({ tenant: DEFAULT_TENANT, client, params, by }, world.ports))).toBe(
      'invalid_request: refresh_token_is_required',
    )
  })

  it.each(['x', 'a.b.c', '__proto__', 'A'.repeat(72), 'é'.repeat(72)])('the garbage %s', async (token) => {
    expect(await refused(token)).toBe('invalid_grant: refresh_token_malformed')
  })

  it('a token of a grant that is not there', async () => {
    const { grant } = await createWorld().addGrant(client)
    const token = await world.ports.refreshTokens.issue(grant, 0)
    expect(await refused(token)).toBe('invalid_grant: refresh_token_unknown')
  })

  it('a token whose grant has another secret', async () => {
    const { grant } = await ordersGrant()
    const token = await world.ports.refreshTokens.issue({ ...grant, secret: new Uint8Array(32) }, 0)
    expect(await refused(token)).toBe('invalid_grant: refresh_token_forged')
  })

  it('every single changed byte and every truncation', async () => {
    const { refreshToken: token } = await ordersGrant()
    const bytes = Buffer.from(token, 'base64url')
    const changed = fc
      .tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, mask]) => Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ mask : byte))).toString('base64url'))
    const cut = fc.nat(token.length - 1).map((length) => token.slice(0, length))
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(changed, cut, fc.constantFrom(`${token}A`, `${token}=`, ` ${token}`)),
        async (mutation) => {
          expect(await refused(mutation)).toMatch(/^invalid_/)
        },
      ),
      { numRuns: 500 },
    )
    expect(await refresh(token)).toHaveProperty('refresh_token')
  })

  it('a token of another client, which keeps it', async () => {
    const { refreshToken: token } = await ordersGrant()
    const other = world.addClient({ apis: client.apis })
    expect(await refused(token, {}, { client: other })).toBe('invalid_grant: refresh_token_of_other_client')
    expect(await refresh(token)).toHaveProperty('refresh_token')
  })

  it('a token at another tenant', async () => {
    const { refreshToken: token } = await ordersGrant()
    expect(await refused(token, {}, { tenant: ACME })).toBe('invalid_grant: refresh_token_unknown')
  })

  it('more scope than was granted', async () => {
    const { refreshToken: token } = await world.addGrant(client, { apis: [orders.id], scope: ['orders:read'] })
    expect(await refused(token, { scope: 'orders:read orders:write' })).toBe('invalid_scope: scope_beyond_grant')
    expect(await refresh(token)).toHaveProperty('refresh_token')
  })

  it('an API that was not granted', async () => {
    const { refreshToken: token } = await ordersGrant()
    expect(await refused(token, { resource: stock.identifier })).toBe('invalid_target: resource_not_for_this_client')
  })

  it('two APIs at once', async () => {
    const { refreshToken: token } = await ordersGrant()
    const resource = [orders.identifier, stock.identifier]
    expect(await refused(token, { resource })).toBe('invalid_target: resource_repeated')
  })

  it('an API that no token can be made for', async () => {
    const { refreshToken: token } = await ordersGrant()
    world.breakApi(orders)
    expect(await refused(token)).toBe('invalid_target: api_has_no_usable_encryption_key')
  })

  it('a grant that is revoked', async () => {
    const { grant, refreshToken: token } = await ordersGrant()
    await world.ports.revocations.revokeGrant(grant.tenantId, grant.id, { reason: 'test', by })
    expect(await refused(token)).toBe('invalid_grant: grant_revoked')
  })

  it('a grant that has expired, however often it was refreshed', async () => {
    const { refreshToken: token } = await ordersGrant()
    const { refresh_token: next = '' } = await refresh(token)
    world.advance(2_592_000)
    expect(await refused(next)).toBe('invalid_grant: grant_expired')
  })

  it('a disabled user', async () => {
    const { grant, refreshToken: token } = await ordersGrant()
    world.disableUser(grant.userId)
    expect(await refused(token)).toBe('invalid_grant: grant_user_disabled')
  })

  it('a client that was disabled since it was authenticated', async () => {
    const { refreshToken: token } = await ordersGrant()
    world.update<Client>(client, { disabled: true })
    expect(await refused(token)).toBe('invalid_grant: grant_client_disabled')
  })

  it('a tenant that was disabled since it was found', async () => {
    const { refreshToken: token } = await ordersGrant()
    world.disableTenant(DEFAULT_TENANT)
    expect(await refused(token)).toBe('invalid_grant: grant_tenant_disabled')
  })

  it('a grant whose API is disabled', async () => {
    const { refreshToken: token } = await ordersGrant()
    world.update<Api>(orders, { disabled: true })
    expect(await refused(token)).toBe('invalid_target: resource_missing')
  })
})
