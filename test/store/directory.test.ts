import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createDirectory } from '../../src/store/directory.js'
import { silent } from '../../src/store/log.js'
import { createLogos } from '../../src/store/logos.js'
import { createView, type RememberingView } from '../../src/store/view.js'
import { insert, makeApi, makeClient, makeTenant, type Stage, setStage } from '../support/fixtures.js'
import { pictures } from '../support/pictures.js'

const PUBLIC_URL = 'https://id.example.com'

let stage: Stage
let view: RememberingView
let statements: string[]
let directory: ReturnType<typeof createDirectory>

beforeAll(async () => {
  stage = await setStage()
  view = createView({ pool: stage.pool, maxStaleness: 5, log: silent })
  await Promise.all([view.judged(stage.ours.tenant.id), view.judged(stage.theirs.tenant.id)])
  const counting = {
    query: (query: { name: string }) => {
      statements.push(query.name)
      return stage.pool.query(query as never)
    },
  } as unknown as Stage['pool']
  directory = createDirectory({ pool: counting, view, publicUrl: PUBLIC_URL, grace: 10 })
})
beforeEach(() => {
  statements = []
})
afterAll(async () => {
  await view.close()
  await stage.close()
})

/** As an administrative act ends: everybody forgets. */
async function changed(tenantId = stage.ours.tenant.id): Promise<void> {
  await stage.pool.query('SELECT config_changed($1)', [tenantId])
  await view.catchUp()
}

async function update(table: string, set: string, id: string): Promise<void> {
  await stage.pool.query(`UPDATE ${table} SET ${set} WHERE id = $1`, [id])
}

describe('tenants', () => {
  test('the default one has the issuer of the server, with its slug or without', async () => {
    expect(await directory.tenants.find(undefined)).toBeUndefined()
    const { id } = await makeTenant(stage.pool, { slug: 'default', max_token_lifetime: 600 })
    expect(await directory.tenants.find(undefined)).toEqual({
      id,
      slug: 'default',
      name: 'A tenant',
      branding: {},
      issuer: PUBLIC_URL,
      maxTokenLifetime: 600,
      disabled: false,
    })
    expect(await directory.tenants.find('default')).toEqual(await directory.tenants.find(undefined))
  })

  test('another has its slug in its issuer, RFC 8414 §2', async () => {
    const { id, slug } = stage.ours.tenant
    const found = await directory.tenants.find(slug)
    expect(found).toMatchObject({ id, slug, issuer: `${PUBLIC_URL}/t/${slug}`, maxTokenLifetime: 3600 })
    expect((await directory.tenants.find(stage.theirs.tenant.slug))?.id).toBe(stage.theirs.tenant.id)
  })

  test('are read once until something changes', async () => {
    const { id, slug } = stage.ours.tenant
    for (let i = 0; i < 4; i++) await directory.tenants.find(slug)
    expect(statements.length).toBeLessThanOrEqual(1)
    await update('tenants', 'disabled_at = now()', id)
    await changed()
    expect((await directory.tenants.find(slug))?.disabled).toBe(true)
    await update('tenants', 'disabled_at = NULL', id)
    await changed()
    expect((await directory.tenants.find(slug))?.disabled).toBe(false)
  })

  test('are known by how people see them, and their logos by what is in them', async () => {
    const { id, slug } = await makeTenant(stage.pool)
    const logos = createLogos({ pool: stage.pool })
    expect(await logos.find(id)).toBeUndefined()
    const { bytes, contentType } = pictures.png
    await stage.pool.query('UPDATE tenants SET branding = $2, logo = $3, logo_type = $4 WHERE id = $1', [
      id,
      { accent: '#0b5fff' },
      bytes,
      contentType,
    ])
    await changed(id)
    const found = await directory.tenants.find(slug)
    expect(found?.branding).toEqual({ accent: '#0b5fff', logo: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(await logos.find(id)).toEqual({ bytes, contentType })
    expect(await logos.find(stage.ours.tenant.id)).toBeUndefined()
  })

  test.each([
    ["logo = 'x'", 'without a type'],
    ["logo = 'x', logo_type = 'image/svg+xml'", 'of a type with scripts'],
    ["logo = '', logo_type = 'image/png'", 'that is empty'],
    ["logo = convert_to(repeat('x', 262145), 'UTF8'), logo_type = 'image/png'", 'that is too large'],
    ["branding = '[]'", 'as a list'],
  ])('never have, whoever writes it, %s (%s)', async (set) => {
    await expect(update('tenants', set, stage.ours.tenant.id)).rejects.toMatchObject({ code: '23514' })
  })

  test('that were deleted are found while their row stands, and the slug is free again when it is gone', async () => {
    const first = await makeTenant(stage.pool, { deleted_at: new Date() })
    expect(await directory.tenants.find(first.slug)).toMatchObject({ id: first.id, disabled: true })
    await stage.pool.query('DELETE FROM tenants WHERE id = $1', [first.id])
    await view.catchUp()
    expect(await directory.tenants.find(first.slug)).toBeUndefined()
    const second = await makeTenant(stage.pool, { slug: first.slug })
    expect((await directory.tenants.find(first.slug))?.id).toBe(second.id)
    await view.catchUp()
    expect((await directory.tenants.find(first.slug))?.id).toBe(second.id)
  })

  test.each(['', 'A', 'a/b', '-a', 'a\0', '🦉', 'a'.repeat(64)])(
    'cannot be called %j, and nobody is asked',
    async (slug) => {
      expect(await directory.tenants.find(slug)).toBeUndefined()
      expect(statements).toEqual([])
    },
  )
})

describe('clients', () => {
  test('are found with everything, in their tenant alone', async () => {
    const { tenant, api } = stage.ours
    const columns = {
      name: 'Web shop',
      public: false,
      first_party: false,
      grant_types: ['client_credentials'],
      redirect_uris: ['https://shop.example/cb'],
      origins: ['https://app.example'],
      scopes: ['read'],
      default_resource: api.identifier,
      rotation: 'never',
      grace: 0,
      secret_hashes: [Buffer.alloc(32, 1), Buffer.alloc(32, 2)],
      verified: true,
      require_pushed_requests: true,
      jwks: { keys: [] },
      id_token_algorithm: 'ES256',
      id_token_encryption: 'ECDH-ES',
      id_token_encryption_method: 'A256GCM',
      userinfo_algorithm: 'PS256',
      userinfo_encryption: 'RSA-OAEP-256',
      userinfo_encryption_method: 'A128CBC-HS256',
      subject_type: 'pairwise',
      sector: 'shop.example',
      default_max_age: 600,
      post_logout_redirect_uris: ['https://shop.example/bye'],
      backchannel_logout_uri: 'https://shop.example/back',
      frontchannel_logout_uri: 'https://shop.example/front',
    }
    const { id } = await makeClient(stage.pool, tenant.id, { apis: [api.id], ...columns })
    expect(await directory.clients.find(tenant.id, id)).toEqual({
      tenantId: tenant.id,
      id,
      name: 'Web shop',
      public: false,
      firstParty: false,
      grantTypes: ['client_credentials'],
      redirectUris: ['https://shop.example/cb'],
      origins: ['https://app.example'],
      scopes: ['read'],
      apis: [api.id],
      defaultResource: api.identifier,
      rotation: 'never',
      grace: 0,
      secretHashes: columns.secret_hashes,
      disabled: false,
      verified: true,
      requirePushedRequests: true,
      openid: {
        jwks: { keys: [] },
        idTokenAlgorithm: 'ES256',
        idTokenEncryption: { alg: 'ECDH-ES', enc: 'A256GCM' },
        userinfoAlgorithm: 'PS256',
        userinfoEncryption: { alg: 'RSA-OAEP-256', enc: 'A128CBC-HS256' },
        sector: 'shop.example',
        defaultMaxAge: 600,
        postLogoutRedirectUris: ['https://shop.example/bye'],
        backchannelLogoutUri: 'https://shop.example/back',
        frontchannelLogoutUri: 'https://shop.example/front',
      },
    })
    expect(await directory.clients.find(stage.theirs.tenant.id, id)).toBeUndefined()
  })

  test('without a grace of their own have the server’s', async () => {
    expect((await directory.clients.find(stage.ours.tenant.id, stage.ours.client.id))?.grace).toBe(10)
  })

  test('that are disabled are found, deleted ones not', async () => {
    const { id } = await makeClient(stage.pool, stage.ours.tenant.id)
    await update('clients', 'disabled_at = now()', id)
    expect((await directory.clients.find(stage.ours.tenant.id, id))?.disabled).toBe(true)
    await update('clients', 'deleted_at = now()', id)
    await changed()
    expect(await directory.clients.find(stage.ours.tenant.id, id)).toBeUndefined()
  })

  test('are read once until something changes', async () => {
    const { id } = await makeClient(stage.pool, stage.ours.tenant.id)
    for (let i = 0; i < 4; i++) await directory.clients.find(stage.ours.tenant.id, id)
    expect(statements).toEqual(['clients_find'])
  })

  test('cannot have a zero in their id, and the database is not asked', async () => {
    expect(await directory.clients.find(stage.ours.tenant.id, 'a\0b')).toBeUndefined()
    expect(statements).toEqual([])
  })

  test.each([
    {
      name: 'what was registered',
      origins: ['https://a.example'],
      uris: ['https://b.example/cb'],
      expect: ['https://a.example'],
    },
    {
      name: 'else those of https redirect URIs, each once',
      origins: [],
      uris: [
        'https://b.example/cb',
        'https://b.example:443/x',
        'https://c.example:8443/?q',
        'http://127.0.0.1/cb',
        'app:/cb',
      ],
      expect: ['https://b.example', 'https://c.example:8443'],
    },
    { name: 'none without either', origins: [], uris: [], expect: [] },
  ])('have as origins $name', async ({ origins, uris, expect: expected }) => {
    const { id } = await makeClient(stage.pool, stage.ours.tenant.id, { origins, redirect_uris: uris })
    expect((await directory.clients.find(stage.ours.tenant.id, id))?.origins).toEqual(expected)
  })

  test('that live allow their origins, in their tenant alone', async () => {
    const { tenant } = stage.ours
    const live = await makeClient(stage.pool, tenant.id, { origins: ['https://spa.example'] })
    await makeClient(stage.pool, tenant.id, { origins: ['https://off.example'], disabled_at: new Date() })
    await makeClient(stage.pool, tenant.id, { redirect_uris: ['https://gone.example/cb'], deleted_at: new Date() })
    await makeClient(stage.pool, tenant.id, { redirect_uris: ['https://web.example/cb'] })
    await changed()
    const asked = [
      'https://spa.example',
      'https://web.example',
      'https://off.example',
      'https://gone.example',
      'null',
      '',
    ]
    const allowed = (tenantId: string) =>
      Promise.all(asked.map((origin) => directory.clients.allowsOrigin(tenantId, origin)))
    expect(await allowed(tenant.id)).toEqual([true, true, false, false, false, false])
    expect(await allowed(stage.theirs.tenant.id)).toEqual(Array(6).fill(false))
    expect(statements).toEqual(['clients_origins', 'clients_origins'])

    await update('clients', 'disabled_at = now()', live.id)
    await changed()
    expect(await directory.clients.allowsOrigin(tenant.id, 'https://spa.example')).toBe(false)
  })
})

describe('APIs', () => {
  test('say what their scopes allow where their owner has said it', async () => {
    const { tenant } = stage.ours
    const { id } = await makeApi(stage.pool, tenant.id, { scopes: ['orders:write', 'orders:read'] })
    const describeScope =
      "UPDATE api_scopes SET description = 'Read your orders' WHERE api_id = $1 AND name = 'orders:read'"
    await stage.pool.query(describeScope, [id])
    expect((await directory.apis.find(tenant.id, id))?.descriptions).toEqual(
      new Map([['orders:read', 'Read your orders']]),
    )
  })

  test('are found by id and by identifier, byte for byte, in their tenant alone', async () => {
    const { tenant } = stage.ours
    const jwks = { keys: [{ kty: 'EC', kid: 'one' }] }
    const { id, identifier } = await makeApi(stage.pool, tenant.id, {
      scopes: ['orders:write', 'orders:read'],
      format: 'sealed',
      signing_algorithm: 'Ed25519',
      encryption_algorithm: 'ECDH-ES',
      encryption_method: 'A256GCM',
      jwks,
      jwks_uri: 'https://api.example/jwks.json',
      jwks_fetched_at: new Date('2026-11-23T00:00:00Z'),
      token_lifetime: 120,
      secret_hashes: [Buffer.alloc(32, 3)],
    })
    const expected = {
      tenantId: tenant.id,
      id,
      identifier,
      name: 'An API',
      scopes: ['orders:read', 'orders:write'],
      descriptions: new Map(),
      format: 'sealed',
      signingAlgorithm: 'Ed25519',
      encryptionAlgorithm: 'ECDH-ES',
      encryptionMethod: 'A256GCM',
      introspectionAlgorithm: 'RS256',
      introspectionEncryption: false,
      jwks,
      jwksUri: 'https://api.example/jwks.json',
      jwksFetchedAt: new Date('2026-11-23T00:00:00Z'),
      tokenLifetime: 120,
      secretHashes: [Buffer.alloc(32, 3)],
      disabled: false,
    }
    expect(await directory.apis.find(tenant.id, id)).toEqual(expected)
    expect(await directory.apis.findByIdentifier(tenant.id, identifier)).toEqual(expected)
    for (const other of [`${identifier}/`, identifier.toUpperCase(), `${identifier}\0`, ` ${identifier}`]) {
      expect(await directory.apis.findByIdentifier(tenant.id, other), other).toBeUndefined()
    }
    expect(await directory.apis.find(stage.theirs.tenant.id, id)).toBeUndefined()
    expect(await directory.apis.findByIdentifier(stage.theirs.tenant.id, identifier)).toBeUndefined()
  })

  test('with one identifier in two tenants are two', async () => {
    const identifier = 'https://same.example'
    const ours = await makeApi(stage.pool, stage.ours.tenant.id, { identifier })
    const theirs = await makeApi(stage.pool, stage.theirs.tenant.id, { identifier })
    expect((await directory.apis.findByIdentifier(stage.ours.tenant.id, identifier))?.id).toBe(ours.id)
    expect((await directory.apis.findByIdentifier(stage.theirs.tenant.id, identifier))?.id).toBe(theirs.id)
  })

  test('registered again after a deletion are found, the deleted one is not', async () => {
    const { tenant } = stage.ours
    const old = await makeApi(stage.pool, tenant.id, { deleted_at: new Date() })
    expect(await directory.apis.find(tenant.id, old.id)).toBeUndefined()
    const fresh = await makeApi(stage.pool, tenant.id, { identifier: old.identifier })
    expect((await directory.apis.findByIdentifier(tenant.id, old.identifier))?.id).toBe(fresh.id)
  })

  test('are listed in the order asked, unknown, disabled, deleted and foreign ones left out', async () => {
    const { tenant, api } = stage.ours
    const second = await makeApi(stage.pool, tenant.id)
    const off = await makeApi(stage.pool, tenant.id, { disabled_at: new Date() })
    const gone = await makeApi(stage.pool, tenant.id, { deleted_at: new Date() })
    const asked = [second.id, 'nobody', off.id, gone.id, stage.theirs.api.id, 'a\0', api.id]
    const listed = await directory.apis.list(tenant.id, asked)
    expect(listed.map(({ id }) => id)).toEqual([second.id, api.id])
  })

  test('are read once until something changes', async () => {
    const { id } = await makeApi(stage.pool, stage.ours.tenant.id)
    for (let i = 0; i < 4; i++) await directory.apis.find(stage.ours.tenant.id, id)
    expect(statements).toEqual(['apis_find'])
    await insert(stage.pool, 'api_scopes', { tenant_id: stage.ours.tenant.id, api_id: id, name: 'admin' })
    await changed()
    expect((await directory.apis.find(stage.ours.tenant.id, id))?.scopes).toEqual(['admin', 'read', 'write'])
  })
})
