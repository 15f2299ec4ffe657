import { decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { userinfoRoute } from '../../src/http/routes/userinfo.js'
import type { Api, Client, Grant } from '../../src/oauth/records.js'
import { userinfoApi } from '../../src/oauth/userinfo-api.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'
import { mintToken } from '../support/mint.js'
import { ALGORITHMS, clientKeys, ENCRYPTIONS, type OpenIdScene, openIdScene } from '../support/openid.js'
import { createWorld, PLAIN_OPENID } from '../support/ports.js'

const PATH = '/oauth2/userinfo'
const ORIGIN = 'https://app.example'
/** Of the session 00000000-0000-4000-8000-000000000001, in tokens. */
const SID = 'AAAAAAAAQACAAAAAAAAAAQ'
const ADDRESS = { street_address: 'Lane 1', country: 'NL' }
const CLAIMS = { given_name: 'Ann', phone_number: '+31 20 1', phone_number_verified: true, address: ADDRESS }

let server: OpenIdScene['server']
let read: OpenIdScene['read']
beforeAll(async () => {
  const scene = await openIdScene(DEFAULT_TENANT)
  ;({ server, read } = scene)
})

/** The endpoint over stores in memory and real keys, with a client and a grant; `token` makes an access token on it. */
async function stage(openid: Partial<Client['openid']> = {}, granted: Partial<Grant> = {}) {
  const world = createWorld()
  const { mint, unsealer, jwtSigner, jwtEncrypter, subjects } = server
  const ports = { ...world.ports, mint, unsealer, jwtSigner, jwtEncrypter, subjects }
  const client = world.addClient({ id: 'cl_app', origins: [ORIGIN], openid: { ...PLAIN_OPENID, ...openid } })
  const { grant } = await world.addGrant(client, {
    scope: ['openid', 'profile', 'email', 'address', 'phone', 'orders:read'],
    ...granted,
  })
  world.describeUser(grant.userId, { claims: CLAIMS, emailVerified: true })
  const token = async (scope: readonly string[] = grant.scope, about: { api?: Api; of?: Grant | undefined } = {}) => {
    const { api = userinfoApi(DEFAULT_TENANT), of = await world.ports.grants.find(DEFAULT_TENANT.id, grant.id) } = about
    const subject = of?.userId ?? client.id
    const request = { tenant: DEFAULT_TENANT, api, clientId: client.id, scope, rev: 1000, subject }
    return (await mintToken(mint, 'of' in about && !about.of ? request : { ...request, ...(of && { grant: of }) }))
      .access_token
  }
  const app = testApp([userinfoRoute], { deps: ports, tenants: world.ports.tenants, clients: world.ports.clients })
  return { world, app, client, grant, token, reasons: () => app.lines().map(({ reason }) => reason) }
}

const bearer = (token: string) => `Bearer ${token}`

overBothTransports('userinfo, OpenID Connect Core §5.3', (reach) => {
  it('tells what the scope stands for, and nobody stores it', async () => {
    const { app, token, grant } = await stage()
    const { agent } = await reach(app)
    const { body, headers } = await agent
      .get(PATH)
      .set('authorization', bearer(await token()))
      .expect(200)
    expect(body).toEqual({
      sub: grant.userId,
      name: 'Ann Example',
      preferred_username: 'ann@example.com',
      updated_at: 1_700_000_000,
      email: 'Ann@example.com',
      email_verified: true,
      ...CLAIMS,
    })
    expect(headers['content-type']).toMatch(/^application\/json/)
    expect(headers['cache-control']).toBe('no-store')
  })

  it.each([
    ['openid', []],
    ['openid email', ['email', 'email_verified']],
    ['openid address', ['address']],
    ['openid phone', ['phone_number', 'phone_number_verified']],
    ['openid profile', ['given_name', 'name', 'updated_at']],
  ])('with the scope %s tells no more than that', async (scope, names) => {
    const { app, token } = await stage()
    const { agent } = await reach(app)
    const { body } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(scope.split(' '))))
      .expect(200)
    expect(
      Object.keys(body)
        .filter((name) => name !== 'sub')
        .sort(),
    ).toEqual(names)
  })

  it('tells what the client asked for by name, as far as the scope of the token covers it', async () => {
    const claims = { userinfo: { phone_number: { essential: true }, email: {} }, idToken: { address: {} } }
    const { app, token, world, client } = await stage({}, { claims })
    const { agent } = await reach(app)
    const ask = async (scope: string[]) =>
      Object.keys(
        (
          await agent
            .get(PATH)
            .set('authorization', bearer(await token(scope)))
            .expect(200)
        ).body,
      ).sort()
    expect(await ask(['openid'])).toEqual(['sub'])
    world.update<Client>(client, { firstParty: true })
    expect(await ask(['openid'])).toEqual(['email', 'phone_number', 'sub'])
  })

  it('never tells more than was granted, whatever the token says', async () => {
    const { app, token } = await stage({}, { scope: ['openid'] })
    const { agent } = await reach(app)
    const { body } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(['openid', 'email'])))
      .expect(200)
    expect(Object.keys(body)).toEqual(['sub'])
  })

  it('takes the token of the header of a POST, and that of its form', async () => {
    const { app, token, grant } = await stage()
    const { agent } = await reach(app)
    const access_token = await token(['openid'])
    for (const answer of [
      await agent.post(PATH).set('authorization', bearer(access_token)),
      await agent.post(PATH).type('form').set('authorization', bearer(access_token)).send(''),
      await agent.post(PATH).type('form').send(`access_token=${access_token}`),
    ]) {
      expect([answer.status, answer.body]).toEqual([200, { sub: grant.userId }])
    }
  })

  it('knows the user of a pairwise client by the name that the ID token has', async () => {
    const { app, token, grant } = await stage({ sector: 'app.example' })
    const { agent } = await reach(app)
    const { body } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(['openid'])))
      .expect(200)
    expect(body.sub).toBe(await server.subjects.of(grant, 'app.example'))
  })

  it.each(ALGORITHMS)('is signed for a client that registered %s', async (alg) => {
    const { app, token, grant, world } = await stage({ userinfoAlgorithm: alg })
    const { agent } = await reach(app)
    const { text, headers } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(['openid', 'email'])))
      .expect(200)
    expect(headers['content-type']).toBe('application/jwt')
    expect(headers['cache-control']).toBe('no-store')
    const { payload } = await read(text, alg)
    expect(payload).toEqual({
      iss: DEFAULT_TENANT.issuer,
      aud: 'cl_app',
      iat: world.now(),
      sub: grant.userId,
      email: 'Ann@example.com',
      email_verified: true,
    })
    expect(decodeProtectedHeader(text).typ).toBe('userinfo+jwt')
  })

  it.each(ENCRYPTIONS)('is encrypted after that for a client that registered $alg, $enc', async ({ alg, enc }) => {
    const { jwks, open } = clientKeys(alg)
    const { app, token, grant } = await stage({ jwks, userinfoAlgorithm: 'RS256', userinfoEncryption: { alg, enc } })
    const { agent } = await reach(app)
    const { text, headers } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(['openid'])))
      .expect(200)
    expect(headers['content-type']).toBe('application/jwt')
    const { inner, header } = await open(text)
    expect(header).toMatchObject({ alg, enc, cty: 'JWT' })
    expect((await read(inner)).payload.sub).toBe(grant.userId)
  })

  it('is never in the clear for a client that asked for encryption and has no key', async () => {
    const { app, token, grant } = await stage({
      userinfoAlgorithm: 'RS256',
      userinfoEncryption: { alg: 'ECDH-ES', enc: 'A256GCM' },
    })
    const { agent } = await reach(app)
    const { body, text } = await agent
      .get(PATH)
      .set('authorization', bearer(await token()))
      .expect(400)
    expect(body.error).toBe('invalid_client')
    expect(text).not.toContain(grant.userId)
  })

  it('says who shows no token how to, and no more, RFC 6750 §3.1', async () => {
    const { agent } = await reach((await stage()).app)
    for (const request of [agent.get(PATH), agent.post(PATH), agent.get(PATH).set('authorization', 'Basic YTpi')]) {
      const { headers, text } = await request.expect(401)
      expect(headers['www-authenticate']).toBe('Bearer')
      expect(text).toBe('')
    }
  })

  it('refuses a token in the URL, two tokens, and a header that holds none', async () => {
    const { app, token } = await stage()
    const { agent } = await reach(app)
    const access_token = await token()
    const both = `access_token=${access_token}`
    for (const request of [
      agent.get(`${PATH}?${both}`),
      agent.get(`${PATH}?${both}`).set('authorization', bearer(access_token)),
      agent.post(`${PATH}?${both}`),
      agent.post(PATH).type('form').set('authorization', bearer(access_token)).send(both),
      agent.post(PATH).type('form').send(`${both}&${both}`),
      agent.get(PATH).set('authorization', 'Bearer a b'),
    ]) {
      const { body } = await request.expect(400)
      expect(body.error).toBe('invalid_request')
    }
  })

  describe('a token that does not count', () => {
    const refused = async (all: Awaited<ReturnType<typeof stage>>, token: string, path = PATH) => {
      const { agent } = await reach(all.app)
      const { body, headers } = await agent.get(path).set('authorization', bearer(token)).expect(401)
      expect(body.error).toBe('invalid_token')
      expect(headers['www-authenticate']).toContain('Bearer error="invalid_token"')
      return [all.reasons().at(-1), body.error_description] as const
    }

    it('is one of another API: the developer is told what to ask for', async () => {
      const all = await stage()
      const api = all.world.addApi({ format: 'opaque' })
      const [reason, description] = await refused(all, await all.token(['openid'], { api }))
      expect(reason).toBe('access_token_for_other_resource')
      expect(description).toContain(`resource=${DEFAULT_TENANT.issuer}`)
    })

    it('is one that was not sealed: a signing key alone makes none', async () => {
      const all = await stage()
      const api = { ...userinfoApi(DEFAULT_TENANT), format: 'signed' as const }
      expect((await refused(all, await all.token(['openid'], { api })))[0]).toBe('access_token_invalid')
    })

    it('is one of no user, of another tenant, forged, or expired', async () => {
      const all = await stage()
      expect((await refused(all, await all.token(['openid'], { of: undefined })))[0]).toBe('access_token_without_grant')
      expect((await refused(all, await all.token(), `/t/${ACME.slug}${PATH}`))[0]).toBe('access_token_invalid')
      expect((await refused(all, 'x'.repeat(200)))[0]).toBe('access_token_invalid')
      const token = await all.token()
      all.world.advance(301)
      expect((await refused(all, token))[0]).toBe('access_token_invalid')
    })

    it.each([
      [
        'its grant was revoked',
        ({ world, grant }) =>
          world.ports.revocations.revokeGrant(grant.tenantId, grant.id, { reason: '', by: { kind: 'user' } }),
        'access_token_revoked',
      ],
      ['its session was revoked', ({ world }) => world.revoke('sid', SID), 'access_token_revoked'],
      [
        'its client is disabled',
        ({ world, client }) => world.update<Client>(client, { disabled: true }),
        'grant_client_disabled',
      ],
      ['its user is disabled', ({ world, grant }) => world.disableUser(grant.userId), 'grant_user_disabled'],
      ['its tenant is disabled', ({ world }) => world.disableTenant(DEFAULT_TENANT), 'grant_tenant_disabled'],
    ] satisfies [string, (all: Awaited<ReturnType<typeof stage>>) => unknown, string][])(
      'is one when %s',
      async (_, end, reason) => {
        const all = await stage({}, { sessionId: '00000000-0000-4000-8000-000000000001' })
        const token = await all.token()
        const { agent } = await reach(all.app)
        await agent.get(PATH).set('authorization', bearer(token)).expect(200)
        await end(all)
        expect((await refused(all, token))[0]).toBe(reason)
      },
    )
  })

  it('refuses a token without the scope openid, RFC 6750 §3.1', async () => {
    const { app, token } = await stage()
    const { agent } = await reach(app)
    const { body, headers } = await agent
      .get(PATH)
      .set('authorization', bearer(await token(['email'])))
      .expect(403)
    expect(body.error).toBe('insufficient_scope')
    expect(headers['www-authenticate']).toContain('error="insufficient_scope"')
  })

  it('can be read from pages of the clients’ origins, and of no others', async () => {
    const { app, token } = await stage()
    const { agent } = await reach(app)
    const from = async (origin: string) =>
      (
        await agent
          .get(PATH)
          .set('authorization', bearer(await token()))
          .set('origin', origin)
      ).headers['access-control-allow-origin']
    expect(await from(ORIGIN)).toBe(ORIGIN)
    expect(await from('https://evil.example')).toBeUndefined()
    const preflight = await agent
      .options(PATH)
      .set('origin', ORIGIN)
      .set('access-control-request-method', 'GET')
      .expect(204)
    expect(preflight.headers['access-control-allow-headers']).toContain('Authorization')
  })

  it.each([`${PATH}/`, `${PATH}/x.css`, `${PATH};x`, '/oauth2/Userinfo', '/userinfo'])('is not at %s', async (path) => {
    const { app, token } = await stage()
    const { agent } = await reach(app)
    await agent
      .get(path)
      .set('authorization', bearer(await token()))
      .expect(404)
  })
})
