import { createHash, randomUUID } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { OAuthError } from '../../../src/oauth/errors.js'
import { assertIdTokenReady, type IdTokenRequest, issueIdToken, tokenHash } from '../../../src/oauth/id-token.js'
import type { Client } from '../../../src/oauth/records.js'
import { ALGORITHMS, clientKeys, ENCRYPTIONS, type OpenIdScene, openIdScene } from '../../support/openid.js'
import { NOW } from '../keys/fixtures.js'

let scene: OpenIdScene
beforeAll(async () => {
  scene = await openIdScene()
})

const request = (client: Client, about: Partial<IdTokenRequest> = {}): IdTokenRequest => ({
  tenant: scene.server.tenant,
  client,
  authentication: scene.authentication,
  scope: ['openid', 'email'],
  nonce: undefined,
  accessToken: undefined,
  withProfile: false,
  ...about,
})
const issue = (client: Client, about?: Partial<IdTokenRequest>) => issueIdToken(request(client, about), scene.ports)
const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: unknown) => (error instanceof OAuthError ? [error.code, error.status, error.reason] : error),
  )

describe('issueIdToken, OpenID Connect Core §2', () => {
  it('says who signed in, when and how, at whom, for whom and for how long', async () => {
    const { client, read, server, authentication, profile } = scene
    const { payload, header } = await read(await issue(client()))
    expect(payload).toEqual({
      iss: server.tenant.issuer,
      sub: profile.id,
      aud: 'cl_app',
      exp: NOW + 3600,
      iat: NOW,
      auth_time: NOW - 60,
      acr: '1',
      amr: ['pwd'],
      sid: Buffer.from(String(authentication.sessionId).replaceAll('-', ''), 'hex').toString('base64url'),
    })
    const published = (await server.jwks.published(server.tenant)).keys.map(({ kid }) => kid)
    expect(header).toEqual({ typ: 'JWT', alg: 'RS256', kid: expect.any(String) })
    expect(published).toContain(header.kid)
  })

  it('leaves out what there is not', async () => {
    const authentication = { ...scene.authentication, sessionId: undefined, acr: undefined, amr: [] }
    const claims = decodeJwt(await issue(scene.client(), { authentication }))
    expect(Object.keys(claims).sort()).toEqual(['aud', 'auth_time', 'exp', 'iat', 'iss', 'sub'])
  })

  it.each(['n-0S6_WzA2Mj', '', 'ü "quoted" \\ \n', 'x'.repeat(500)])('passes the nonce %j through', async (nonce) => {
    expect(decodeJwt(await issue(scene.client(), { nonce }))['nonce']).toBe(nonce)
  })

  it('knows the user of a pairwise client by another name', async () => {
    const { sub } = decodeJwt(await issue(scene.client({ sector: 'app.example' })))
    expect(sub).toBe(
      await scene.ports.subjects.of({ tenantId: scene.server.tenant.id, userId: scene.profile.id }, 'app.example'),
    )
    expect(sub).not.toBe(scene.profile.id)
  })

  it.each(ALGORITHMS)('is signed as the client registered: %s', async (alg) => {
    const accessToken = 'jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y'
    const { payload, header } = await scene.read(
      await issue(scene.client({ idTokenAlgorithm: alg }), { accessToken }),
      alg,
    )
    expect(header.alg).toBe(alg)
    expect(payload['at_hash']).toBe(tokenHash(accessToken, alg))
  })

  it.each(ENCRYPTIONS)('is encrypted to the client after it was signed: $alg, $enc', async ({ alg, enc }) => {
    const { jwks, open } = clientKeys(alg)
    const jwe = await issue(scene.client({ jwks, idTokenEncryption: { alg, enc } }))
    const { inner, header } = await open(jwe)
    expect(header).toMatchObject({ alg, enc, cty: 'JWT', kid: jwks.keys[0]?.kid })
    expect((await scene.read(inner)).payload.sub).toBe(scene.profile.id)
    // Nothing of the user stands outside.
    expect(Buffer.from(jwe.split('.')[0] ?? '', 'base64url').toString()).not.toContain(scene.profile.id)
  })

  it.each([
    ['no key', undefined],
    ['a key of another type', clientKeys('RSA-OAEP-256').jwks],
    ['a private key', { keys: [{ kty: 'oct', k: 'AAAA', use: 'enc' }] }],
  ])('is never sent in the clear to a client that asked for encryption and has %s', async (_, jwks) => {
    const client = scene.client({ jwks, idTokenEncryption: { alg: 'ECDH-ES', enc: 'A256GCM' } })
    const refused = ['invalid_client', 400, 'client_without_encryption_key']
    expect(await refusal(issue(client))).toEqual(refused)
    expect(await refusal(assertIdTokenReady({ tenant: scene.server.tenant, client }, scene.ports))).toEqual(refused)
    expect(scene.server.log.lines.at(-1)).toMatchObject({ level: 'error', client: 'cl_app', reason: refused[2] })
  })

  it('has a key made for the algorithm of a client before anything is spent', async () => {
    const { tenant } = scene.server
    await assertIdTokenReady({ tenant, client: scene.client({ idTokenAlgorithm: 'ES256' }) }, scene.ports)
    expect((await scene.server.keyring.all(tenant.id)).signing('id_token', 'ES256')).toBeDefined()
  })
})

describe('what an ID token tells of the user, OpenID Connect Core §5.4, §5.5', () => {
  const profileOf = async (client: Client, about: Partial<IdTokenRequest>) => {
    const { iss, sub, aud, exp, iat, auth_time, acr, amr, sid, ...rest } = decodeJwt(await issue(client, about))
    return rest
  }
  const asking = (idToken: object) => ({
    ...scene.authentication,
    claims: { userinfo: { name: {} }, idToken: { ...idToken } },
  })

  it('is nothing where the access token is for userinfo', async () => {
    expect(await profileOf(scene.client(), {})).toEqual({})
  })

  it('is what the scope stands for where it is not', async () => {
    expect(await profileOf(scene.client(), { withProfile: true })).toEqual({
      email: 'Ann@example.com',
      email_verified: true,
    })
  })

  it('is what was asked for in it by name and a granted scope covers', async () => {
    const authentication = asking({ email: {}, given_name: {}, sub: { value: 'x' } })
    expect(await profileOf(scene.client(), { authentication })).toEqual({ email: 'Ann@example.com' })
    const firstParty = scene.client({}, { firstParty: true })
    expect(await profileOf(firstParty, { authentication })).toEqual({ email: 'Ann@example.com', given_name: 'Ann' })
  })

  it('never takes the place of what the token says of itself', async () => {
    const { profile, ports } = scene
    const claims = { iss: 'evil', sub: 'evil', aud: 'evil', exp: 1, nonce: 'evil', email: 'evil' }
    const evil = { ...ports, profiles: { find: async () => ({ ...profile, claims }) } }
    const client = scene.client({}, { firstParty: true })
    const token = await issueIdToken(
      request(client, { withProfile: true, scope: ['openid', 'profile', 'email'] }),
      evil,
    )
    expect(JSON.stringify(decodeJwt(token))).not.toContain('evil')
  })

  it('is no token at all when the user is gone', async () => {
    const authentication = { ...scene.authentication, userId: randomUUID() }
    expect(await refusal(issue(scene.client(), { authentication, withProfile: true }))).toEqual([
      'invalid_grant',
      400,
      'user_disabled',
    ])
  })
})

describe('tokenHash, OpenID Connect Core §3.1.3.6', () => {
  it.each([
    // OpenID Connect Core §A.4, §A.6: at_hash and c_hash of the examples.
    ['jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y', '77QmUPtjPfzWtF2AnpK9RQ'],
    ['Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk', 'LDktKdoQak3Pk0cnXxCltA'],
  ])('of %s is %s', (token, hash) => {
    for (const alg of ['RS256', 'PS256', 'ES256'] as const) expect(tokenHash(token, alg)).toBe(hash)
  })

  it('is half of a SHA-512 where the signature is an Ed25519 one', () => {
    const half = createHash('sha512').update('token').digest().subarray(0, 32)
    expect(tokenHash('token', 'Ed25519')).toBe(half.toString('base64url'))
  })
})

it('says in its header what it is', async () => {
  expect(decodeProtectedHeader(await issue(scene.client())).typ).toBe('JWT')
})
