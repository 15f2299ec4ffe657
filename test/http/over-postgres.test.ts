import { createLocalJWKSet, type JWK, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeBase64url } from '../../src/crypto/base64url.js'
import { hashSecret } from '../../src/crypto/secrets.js'
import { introspectionRoute } from '../../src/http/routes/introspection.js'
import { revocationRoute } from '../../src/http/routes/revocation.js'
import { revocationsRoute } from '../../src/http/routes/revocations.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import { createJwtEncrypter } from '../../src/keys/jwt-encrypter.js'
import { createJwtSigner } from '../../src/keys/jwt-signer.js'
import { createJwtVerifier } from '../../src/keys/jwt-verifier.js'
import { createFindListKeys } from '../../src/keys/list-keys.js'
import { createMint } from '../../src/keys/mint.js'
import { createFindRecipient } from '../../src/keys/recipient.js'
import { createRefreshTokens } from '../../src/keys/refresh-tokens.js'
import { createSubjects } from '../../src/keys/subjects.js'
import { createUnsealer } from '../../src/keys/unsealer.js'
import { createIdTokens } from '../../src/oauth/id-tokens.js'
import { createFeed } from '../../src/revocation/feed.js'
import { createIndices } from '../../src/revocation/indices.js'
import { createKnownRevocations } from '../../src/revocation/known-revocations.js'
import { createAuthorizationCodes } from '../../src/store/codes.js'
import { createDirectory } from '../../src/store/directory.js'
import { createGrants } from '../../src/store/grants.js'
import { readInstallation } from '../../src/store/installation.js'
import { createKnownKeys } from '../../src/store/known-keys.js'
import { createLeases } from '../../src/store/leases.js'
import { silent } from '../../src/store/log.js'
import { createRecentlyUsed } from '../../src/store/recently-used.js'
import { createRevocations } from '../../src/store/revocations.js'
import { createThrottle } from '../../src/store/throttle.js'
import { createUserProfiles } from '../../src/store/user-profiles.js'
import { createView, type RememberingView } from '../../src/store/view.js'
import { entryDigest } from '../../src/wire/revocation-list.js'
import { PUBLIC_URL, testApp } from '../support/app.js'
import { makeApi, makeClient, makeGrant, makeTenant, makeUser, type Stage, setStage } from '../support/fixtures.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { databaseProcess } from '../support/keys.js'
import { basic } from '../support/oauth-app.js'

// The endpoints with nothing in memory behind them: stores, keys and tokens are the real ones.

const SECRET = 'a-secret-of-a-client-or-an-api'
const secret_hashes = [hashSecret(SECRET)]

let stage: Stage
let view: RememberingView
let ports: Awaited<ReturnType<typeof realPorts>>
beforeAll(async () => {
  stage = await setStage()
  view = createView({ pool: stage.pool, maxStaleness: 5, log: silent })
  ports = await realPorts()
})
afterAll(async () => {
  await view.close()
  await stage.close()
})

async function realPorts() {
  const { pool } = stage
  const now = () => Date.now() / 1000
  const policy = { accessTokenLifetime: 300, grantLifetime: 2_592_000, grantIdleLifetime: 604_800, maxStaleness: 5 }
  const { keyring, log } = databaseProcess(pool, { now, remember: view.remember })
  const indices = createIndices({ leases: createLeases({ pool }), keys: createFindListKeys(keyring) })
  const recipient = createFindRecipient({ log, now })
  const directory = createDirectory({ pool, view, publicUrl: PUBLIC_URL, grace: 10 })
  const revocations = createRevocations({ pool, installation: await readInstallation(pool) })
  const ports = {
    ...directory,
    grants: createGrants({ pool }),
    revocations,
    // What ends here by no port of the process is to be seen at once.
    knownRevocations: createKnownRevocations({ ...directory, revocations, watch: view.watch, log }, { within: 0 }),
    throttle: createThrottle(pool, Buffer.alloc(32, 1)),
    view,
    mint: createMint({ keyring, indices, recipient, now, log, policy }),
    unsealer: createUnsealer({ keyring, recent: createRecentlyUsed(100) }),
    refreshTokens: createRefreshTokens({ keyring }),
    jwtSigner: createJwtSigner({ keyring }),
    subjects: createSubjects({ keyring }),
    jwtVerifier: createJwtVerifier({ keyring }),
    jwtEncrypter: createJwtEncrypter({ recipient, log }),
    knownKeys: createKnownKeys(pool),
    codes: createAuthorizationCodes({ pool }),
    profiles: createUserProfiles({ pool }),
    policy,
    log,
    now,
  }
  return { ...ports, idTokens: createIdTokens(ports) }
}

/** A tenant of its own with a confidential client, its API and a user's grant. */
async function world(columns: Record<string, unknown> = {}) {
  const { pool } = stage
  const tenant = await makeTenant(pool)
  const user = await makeUser(pool, tenant.id)
  const api = await makeApi(pool, tenant.id, { secret_hashes, ...columns })
  const client = await makeClient(pool, tenant.id, {
    apis: [api.id],
    public: false,
    secret_hashes,
    grant_types: ['refresh_token', 'client_credentials'],
  })
  const grant = await makeGrant(ports.grants, { tenant, user, api, client })
  const refreshToken = await ports.refreshTokens.issue(grant, 0)
  return { tenant, user, api, client, grant, refreshToken }
}
type World = Awaited<ReturnType<typeof world>>

async function keysOf({ tenant }: World, purpose: string) {
  const { rows } = await stage.pool.query<{ public_jwk: JWK }>(
    'SELECT public_jwk FROM keys WHERE tenant_id = $1 AND purpose = $2',
    [tenant.id, purpose],
  )
  return rows.map(({ public_jwk }) => public_jwk)
}

const app = () =>
  testApp([tokenRoute, introspectionRoute, revocationRoute, revocationsRoute], {
    deps: { ...ports, feed: createFeed({ ...ports, watch: view.watch }) },
    tenants: ports.tenants,
    clients: ports.clients,
  })

/** What the callers of one tenant say. */
function callers(agent: Agent, { tenant, api, client, refreshToken }: World) {
  const post = (path: string, by: { id: string }, form: Record<string, string>) =>
    agent
      .post(`/t/${tenant.slug}${path}`)
      .type('form')
      .set('authorization', basic({ id: by.id, secret: SECRET }))
      .send(new URLSearchParams(form).toString())
  return {
    token: () => post('/oauth2/token', client, { grant_type: 'client_credentials' }),
    refresh: (refresh_token = refreshToken) =>
      post('/oauth2/token', client, { grant_type: 'refresh_token', refresh_token }),
    introspect: async (token: string, by: { id: string } = api) =>
      (await post('/oauth2/introspect', by, { token }).expect(200)).body,
    revoke: (token: string) => post('/oauth2/revoke', client, { token }),
    revocations: (query = '') =>
      agent
        .get(`/t/${tenant.slug}/revocations${query}`)
        .set('authorization', basic({ id: api.id, secret: SECRET }))
        .responseType('blob'),
  }
}

overBothTransports('the protocol over Postgres', (reach) => {
  it('answers an API about its token with what it registered, signed by the tenant’s key of that purpose', async () => {
    const { agent } = await reach(app())
    const all = await world({ introspection_algorithm: 'ES256' })
    const { body } = await callers(agent, all).token().expect(200)
    const response = await agent
      .post(`/t/${all.tenant.slug}/oauth2/introspect`)
      .type('form')
      .set('authorization', basic({ id: all.api.id, secret: SECRET }))
      .set('accept', 'application/token-introspection+jwt')
      .responseType('blob')
      .send({ token: body.access_token })
      .expect(200)
    const { payload } = await jwtVerify(
      response.body.toString(),
      createLocalJWKSet({ keys: await keysOf(all, 'introspection') }),
      { issuer: `${PUBLIC_URL}/t/${all.tenant.slug}`, audience: all.api.identifier, typ: 'token-introspection+jwt' },
    )
    expect(payload['token_introspection']).toMatchObject({ active: true, sub: all.client.id })
  })

  it('keeps which of the tenant’s signing keys an API says it holds', async () => {
    const { agent } = await reach(app())
    const [all, others] = [await world(), await world()]
    for (const one of [all, others]) await callers(agent, one).token().expect(200)
    const [[{ kid: ours } = {}], [{ kid: theirs } = {}]] = [
      await keysOf(all, 'access_token'),
      await keysOf(others, 'access_token'),
    ]
    await callers(agent, all).revocations(`?kid=${ours}&kid=${theirs}&kid=unknown`).expect(200)
    expect(await ports.knownKeys.list(all.tenant.id)).toEqual([{ kid: ours, api: all.api.identifier }])
    expect(await ports.knownKeys.list(others.tenant.id)).toEqual([])
  })

  it('issues, introspects and revokes a token of a client for itself, and lists it as revoked', async () => {
    const { agent } = await reach(app())
    const all = await world()
    const { token, introspect, revoke, revocations } = callers(agent, all)
    const { body } = await token().expect(200)
    const claims = await introspect(body.access_token)
    expect(claims).toMatchObject({ active: true, sub: all.client.id, aud: all.api.identifier })
    await revoke(body.access_token).expect(200, {})
    expect(await introspect(body.access_token)).toEqual({ active: false })

    const list = await revocations().expect(200)
    const payload = JSON.parse(Buffer.from(list.body.toString().split('.')[1], 'base64url').toString())
    expect(payload.entries).toMatchObject([{ k: 'jti', d: entryDigest('jti', claims.jti) }])
  })

  it('serves the default tenant at the root', async () => {
    const { pool } = stage
    const found = await ports.tenants.find(undefined)
    const { id } = found ?? (await makeTenant(pool, { slug: 'default' }))
    const api = await makeApi(pool, id)
    const columns = { apis: [api.id], public: false, secret_hashes, grant_types: ['client_credentials'] }
    const client = await makeClient(pool, id, columns)
    const { agent } = await reach(app())
    await agent
      .post('/oauth2/token')
      .type('form')
      .set('authorization', basic({ id: client.id, secret: SECRET }))
      .send('grant_type=client_credentials')
      .expect(200)
  })

  it('gives twenty callers with one refresh token one successor', async () => {
    const { agent } = await reach(app())
    const all = await world()
    const { refresh, introspect } = callers(agent, all)
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh().expect(200)))
    const [successor, ...others] = new Set(answers.map(({ body }) => body.refresh_token))
    expect(others).toEqual([])
    expect(await introspect(successor, all.client)).toMatchObject({ active: true, sub: all.user.id })
    expect(await introspect(all.refreshToken, all.client)).toEqual({ active: false })
  })

  it('costs the owner nothing when a refresh token is changed, whatever byte', async () => {
    const { agent } = await reach(app())
    const all = await world()
    const { refresh } = callers(agent, all)
    const bytes = Buffer.from(all.refreshToken, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes.map((byte, i) => (i === at ? byte ^ 1 : byte)))
      const { body } = await refresh(encodeBase64url(changed)).expect(400)
      expect(body.error).toBe('invalid_grant')
    }
    expect((await ports.grants.find(all.tenant.id, all.grant.id))?.generation).toBe(0)
    await refresh().expect(200)
  })

  // Every layer of design §5 by the function that an operator's command calls.
  const by = '{"kind":"operator"}'
  const layers: [layer: string, statements: (all: World) => [string, unknown[]][]][] = [
    ['grant', ({ tenant, grant }) => [['SELECT revoke_grant($1, $2, $3, $4)', [tenant.id, grant.id, by, 'test']]]],
    ['user', ({ tenant, user }) => [['SELECT revoke_user($1, $2, $3, $4)', [tenant.id, user.id, by, 'test']]]],
    ['client', ({ tenant, client }) => [['SELECT revoke_client($1, $2, $3, $4)', [tenant.id, client.id, by, 'test']]]],
    [
      'tenant',
      ({ tenant }) => [
        ['SELECT revoke_tenant($1, $2, $3, $4)', [tenant.id, `${PUBLIC_URL}/t/${tenant.slug}`, by, 'test']],
      ],
    ],
    [
      'disabled user',
      ({ tenant, user }) => [
        ['UPDATE users SET disabled_at = now() WHERE tenant_id = $1 AND id = $2', [tenant.id, user.id]],
      ],
    ],
    [
      'disabled tenant',
      ({ tenant }) => [
        ['UPDATE tenants SET disabled_at = now() WHERE id = $1', [tenant.id]],
        ['SELECT config_changed($1)', [tenant.id]],
      ],
    ],
  ]
  describe.each(layers)('a revocation of the %s', (_layer, statements) => {
    it('ends refresh token and access token at once, and those of nobody else', async () => {
      const { agent } = await reach(app())
      const [hit, spared] = [await world(), await world()]
      const [ours, theirs] = [callers(agent, hit), callers(agent, spared)]
      const mine = (await ours.refresh().expect(200)).body
      const other = (await theirs.refresh().expect(200)).body
      expect(await ours.introspect(mine.access_token)).toMatchObject({ active: true })
      for (const [text, values] of statements(hit)) await stage.pool.query(text, values)

      expect(await ours.introspect(mine.access_token)).toEqual({ active: false })
      expect(await ours.introspect(mine.refresh_token, hit.client)).toEqual({ active: false })
      await ours.refresh(mine.refresh_token).expect(400)
      expect(await theirs.introspect(other.access_token)).toMatchObject({ active: true })
      await theirs.refresh(other.refresh_token).expect(200)
    })
  })

  it('ends the access tokens of an API that is revoked, and gives new ones', async () => {
    const { agent } = await reach(app())
    const all = await world()
    const { refresh, introspect } = callers(agent, all)
    const { body } = await refresh().expect(200)
    await stage.pool.query('SELECT revoke_api($1, $2, $3, $4)', [all.tenant.id, all.api.id, by, 'test'])
    expect(await introspect(body.access_token)).toEqual({ active: false })
    const next = await refresh(body.refresh_token).expect(200)
    expect(await introspect(next.body.access_token)).toMatchObject({ active: true })
  })
})
