import { beforeEach, describe, expect, it } from 'vitest'
import type { Introspector } from '../../../src/oauth/client-auth.js'
import { introspect } from '../../../src/oauth/introspection.js'
import type { TokenClaims } from '../../../src/oauth/ports.js'
import type { Api, Client } from '../../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT } from '../../support/app.js'
import { mintToken, newPlace } from '../../support/mint.js'
import { createWorld, PLAIN_OPENID, type WithSecret, type World } from '../../support/ports.js'
import { refusalOf, requestParams } from '../../support/request-params.js'

let world: World
let client: WithSecret<Client>
let api: WithSecret<Api>
beforeEach(() => {
  world = createWorld()
  api = world.addApi()
  client = world.addClient({ apis: [api.id] })
})

const ask = (by: Introspector, token: string, hint?: string, tenant = DEFAULT_TENANT) => {
  const params = requestParams({ token, ...(hint !== undefined && { token_type_hint: hint }) })
  return introspect({ tenant, by, params }, world.ports)
}
const mint = async (more: { rev?: number } = {}) => {
  const { grant, refreshToken } = await world.addGrant(client)
  const { access_token } = await mintToken(world.ports.mint, {
    tenant: DEFAULT_TENANT,
    api,
    clientId: client.id,
    scope: ['orders:read'],
    rev: 1000,
    subject: grant.userId,
    grant,
    ...more,
  })
  const opened = await world.ports.unsealer.open(DEFAULT_TENANT, access_token)
  if ('unreadable' in opened) throw new Error(opened.unreadable)
  return { token: access_token, claims: opened.claims, grant, refreshToken }
}

describe('introspect: an access token', () => {
  it('tells the API it is for all of its claims', async () => {
    const { token, claims } = await mint()
    expect(await ask({ api }, token)).toEqual({ ...claims, active: true, token_type: 'Bearer' })
  })

  it('tells its client what it was told with the token, and nothing the seal hides', async () => {
    const { token, claims } = await mint()
    expect(await ask({ client }, token)).toEqual({
      active: true,
      token_type: 'Bearer',
      client_id: client.id,
      scope: 'orders:read',
      iat: claims.iat,
      exp: claims.exp,
    })
  })

  it('has the client for its subject when there is no user', async () => {
    const { access_token } = await mintToken(world.ports.mint, {
      tenant: DEFAULT_TENANT,
      api,
      clientId: client.id,
      scope: ['orders:read'],
      rev: 1000,
      subject: client.id,
    })
    expect(await ask({ api }, access_token)).toMatchObject({ active: true, sub: client.id, client_id: client.id })
  })

  it.each(['refresh_token', 'access_token', 'nonsense', '__proto__'])(
    'is found whatever the hint: %s',
    async (hint) => {
      const { token } = await mint()
      expect(await ask({ api }, token, hint)).toMatchObject({ active: true })
    },
  )

  it('tells everybody else that it is inactive, and nothing more', async () => {
    const { token } = await mint()
    const strangers: Introspector[] = [
      { api: world.addApi() },
      { client: world.addClient({ apis: [api.id] }) },
      // Not even by the name of the other kind: an id is no identifier.
      { api: world.addApi({ identifier: client.id }) },
    ]
    for (const by of strangers) expect(await ask(by, token)).toEqual({ active: false })
  })

  it('is what an API of signed tokens was given as well', async () => {
    api = world.update(api, { format: 'signed' })
    const { token } = await mint()
    expect(await ask({ api }, token)).toMatchObject({ active: true })
    expect(await ask({ client }, token)).toMatchObject({ active: true })
  })

  it.each(['sealed', 'opaque'] as const)('is not what stood inside of one, RFC 9068 §4: %s', async (format) => {
    // Signed for the API by the right key, and without the envelope that the API is registered for.
    api = world.update(api, { format: 'signed' })
    const { token } = await mint()
    api = world.update(api, { format })
    expect(await ask({ api }, token)).toEqual({ active: false })
    expect(await ask({ client }, token)).toEqual({ active: false })
  })

  it('is inactive at another tenant', async () => {
    const { token } = await mint()
    expect(await ask({ api }, token, undefined, ACME)).toEqual({ active: false })
  })

  it('is inactive when it has expired, to the second', async () => {
    const { token, claims } = await mint()
    world.advance(claims.exp - world.now() - 1)
    expect(await ask({ api }, token)).toMatchObject({ active: true })
    world.advance(1)
    expect(await ask({ api }, token)).toEqual({ active: false })
  })

  it.each<[kind: string, value: (claims: TokenClaims) => string]>([
    ['jti', (claims) => claims.jti],
    ['grant', (claims) => claims.grant ?? ''],
    ['sub', (claims) => claims.sub],
    ['client', (claims) => claims.client_id],
    ['aud', (claims) => claims.aud],
    ['kid', () => 'key-1'],
    ['tenant', () => DEFAULT_TENANT.id],
  ])('is inactive once its %s is revoked', async (kind, value) => {
    const { token, claims } = await mint()
    world.revoke(kind, value(claims))
    expect(await ask({ api }, token)).toEqual({ active: false })
    expect(await ask({ client }, token)).toEqual({ active: false })
  })

  it.each(['', 'x', 'a.b.c', 'a.b.c.d.e', '{}', 'null', '__proto__', 'é'])(
    'is inactive when it is garbage: %j',
    async (token) => {
      expect(await ask({ api }, token)).toEqual({ active: false })
      expect(await ask({ client }, token)).toEqual({ active: false })
    },
  )

  it('is inactive when one of its characters is changed', async () => {
    const { token } = await mint()
    for (let at = 0; at < token.length; at += 7) {
      const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
      expect(await ask({ api }, changed)).toEqual({ active: false })
    }
  })
})

describe('introspect: a refresh token', () => {
  it('tells its client what it stands for', async () => {
    const { grant, refreshToken } = await mint()
    expect(await ask({ client }, refreshToken, 'access_token')).toEqual({
      active: true,
      client_id: client.id,
      scope: 'orders:read orders:write',
      sub: grant.userId,
      iat: grant.createdAt.getTime() / 1000,
      exp: grant.expiresAt.getTime() / 1000,
    })
  })

  it('tells a pairwise client of its refresh token the subject that it knows, OpenID Connect Core §8', async () => {
    const pairwise = world.addClient({ openid: { ...PLAIN_OPENID, sector: 'app.example' } })
    const { grant, refreshToken } = await world.addGrant(pairwise)
    expect(await ask({ client: pairwise }, refreshToken)).toMatchObject({
      active: true,
      sub: `${grant.userId} at app.example`,
    })
  })

  it('is inactive for everybody else, APIs included', async () => {
    const { refreshToken } = await mint()
    expect(await ask({ api }, refreshToken)).toEqual({ active: false })
    expect(await ask({ client: world.addClient({ apis: [api.id] }) }, refreshToken)).toEqual({ active: false })
    expect(await ask({ client }, refreshToken, undefined, ACME)).toEqual({ active: false })
  })

  it('is inactive once it is spent; asking ends nothing', async () => {
    const { grant, refreshToken } = await mint()
    await world.ports.grants.refresh(grant, { generation: 0, grace: 10, place: newPlace() }, { kind: 'client' })
    world.advance(60)
    const before = world.written()
    expect(await ask({ client }, refreshToken)).toEqual({ active: false })
    expect(world.written()).toBe(before)
    expect(world.grant(grant.id)?.revoked).toBe(false)
  })

  it('is inactive when it is forged', async () => {
    const { grant } = await mint()
    const forged = await world.ports.refreshTokens.issue({ ...grant, secret: new Uint8Array(32) }, 0)
    expect(await ask({ client }, forged)).toEqual({ active: false })
  })

  it.each<[state: string, end: (grant: { id: string; userId: string }) => unknown]>([
    [
      'its grant is revoked',
      ({ id }) =>
        world.ports.revocations.revokeGrant(DEFAULT_TENANT.id, id, { reason: 'test', by: { kind: 'operator' } }),
    ],
    ['its grant has expired', () => world.advance(2_592_000)],
    ['its user is disabled', ({ userId }) => world.disableUser(userId)],
    ['its client is disabled', () => world.update<Client>(client, { disabled: true })],
    ['its tenant is disabled', () => world.disableTenant(DEFAULT_TENANT)],
  ])('is inactive once %s', async (_state, end) => {
    const { grant, refreshToken } = await mint()
    await end(grant)
    expect(await ask({ client }, refreshToken)).toEqual({ active: false })
  })
})

it('needs a token', async () => {
  const asked = introspect({ tenant: DEFAULT_TENANT, by: { api }, params: requestParams({}) }, world.ports)
  expect(await refusalOf(asked)).toBe('invalid_request: token_is_required')
})
