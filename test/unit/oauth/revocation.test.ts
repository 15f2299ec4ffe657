import { beforeEach, describe, expect, it } from 'vitest'
import type { Actor, Client } from '../../../src/oauth/records.js'
import { revoke } from '../../../src/oauth/revocation.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'
import { mintToken, newPlace } from '../../support/mint.js'
import { createWorld, type World } from '../../support/ports.js'
import { refusalOf, requestParams } from '../../support/request-params.js'

const by: Actor = { kind: 'client', id: 'tests' }
let world: World
let client: Client
beforeEach(() => {
  world = createWorld()
  client = world.addClient({ apis: [world.addApi({ id: 'orders' }).id] })
})

const ask = (
  token: string,
  { as = client, tenant = DEFAULT_TENANT, hint }: Partial<{ as: Client; tenant: typeof ACME; hint: string }> = {},
) => {
  const params = requestParams({ token, ...(hint !== undefined && { token_type_hint: hint }) })
  return revoke({ tenant, client: as, params, by }, world.ports)
}
const issued = async () => {
  const { grant, refreshToken } = await world.addGrant(client)
  const api = await world.ports.apis.find(client.tenantId, 'orders')
  if (!api) throw new Error('The API is missing.')
  const { access_token: accessToken } = await mintToken(world.ports.mint, {
    tenant: DEFAULT_TENANT,
    api,
    clientId: client.id,
    scope: ['orders:read'],
    rev: 1000,
    subject: grant.userId,
    grant,
  })
  const live = async () => {
    const opened = await world.ports.unsealer.open(DEFAULT_TENANT, accessToken)
    if ('unreadable' in opened) throw new Error(opened.unreadable)
    return (await world.ports.revocations.judge(DEFAULT_TENANT.id, opened.claims, 'key-1')) === 'live'
  }
  return { grant, refreshToken, accessToken, live }
}

describe('revoke', () => {
  it.each([undefined, 'refresh_token', 'access_token', 'nonsense'])(
    'ends an access token alone, whatever the hint: %s',
    async (hint) => {
      const { accessToken, grant, live } = await issued()
      await ask(accessToken, hint === undefined ? {} : { hint })
      expect(await live()).toBe(false)
      expect(world.grant(grant.id)?.revoked).toBe(false)
    },
  )

  it.each([undefined, 'refresh_token', 'access_token', 'nonsense'])(
    'ends the grant of a refresh token and with it its access tokens, whatever the hint: %s',
    async (hint) => {
      const { refreshToken, grant, live } = await issued()
      await ask(refreshToken, hint === undefined ? {} : { hint })
      expect(world.grant(grant.id)?.revoked).toBe(true)
      expect(await live()).toBe(false)
    },
  )

  it('ends the grant of a refresh token that is spent: who holds it may be the one who lost the answer', async () => {
    const { refreshToken, grant } = await issued()
    await world.ports.grants.refresh(grant, { generation: 0, grace: 10, place: newPlace() }, by)
    world.advance(3600)
    await ask(refreshToken)
    expect(world.grant(grant.id)?.revoked).toBe(true)
  })

  it('refuses a token of another client, and it goes on to work', async () => {
    const { refreshToken, accessToken, grant, live } = await issued()
    const other = world.addClient({ apis: ['orders'] })
    expect(await refusalOf(ask(refreshToken, { as: other }))).toBe('invalid_grant: token_of_other_client')
    expect(await refusalOf(ask(accessToken, { as: other }))).toBe('invalid_grant: token_of_other_client')
    expect(world.grant(grant.id)?.revoked).toBe(false)
    expect(await live()).toBe(true)
  })

  it('does nothing for a token of another tenant', async () => {
    const { refreshToken, accessToken, grant, live } = await issued()
    const other = world.addClient({ tenant: ACME, id: client.id })
    await ask(refreshToken, { as: other, tenant: ACME })
    await ask(accessToken, { as: other, tenant: ACME })
    expect(world.grant(grant.id)?.revoked).toBe(false)
    expect(await live()).toBe(true)
  })

  it.each(['x', 'a.b.c', 'a.b.c.d.e', '__proto__', 'A'.repeat(72), 'é', '{}'])(
    'does nothing for garbage: %s',
    async (token) => {
      await ask(token)
      expect(world.written()).toBe(0)
    },
  )

  it('does nothing for a forged refresh token', async () => {
    const { grant } = await issued()
    await ask(await world.ports.refreshTokens.issue({ ...grant, secret: new Uint8Array(32) }, 0))
    expect(world.grant(grant.id)?.revoked).toBe(false)
  })

  it('writes nothing for what has expired, whoever asks', async () => {
    const { refreshToken, accessToken } = await issued()
    const other = world.addClient({ apis: ['orders'] })
    world.advance(2_592_000)
    for (const as of [client, other]) {
      await ask(refreshToken, { as })
      await ask(accessToken, { as })
    }
    expect(world.written()).toBe(0)
  })

  it('writes once, however often it is asked', async () => {
    const { refreshToken, accessToken } = await issued()
    await ask(accessToken)
    await ask(accessToken)
    expect(world.written()).toBe(1)
    await ask(refreshToken)
    await ask(refreshToken)
    expect(world.written()).toBe(2)
  })

  it('needs a token', async () => {
    const request = { tenant: DEFAULT_TENANT, client, params: requestParams({}), by }
    expect(await refusalOf(revoke(request, world.ports))).toBe('invalid_request: token_is_required')
  })
})
