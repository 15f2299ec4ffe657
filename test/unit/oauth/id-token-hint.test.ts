import { createHmac, createPublicKey } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { generateSigningKey } from '../../../src/crypto/jwk.js'
import { signJws } from '../../../src/crypto/jws.js'
import { issueIdToken } from '../../../src/oauth/id-token.js'
import { verifyIdTokenHint } from '../../../src/oauth/id-token-hint.js'
import type { Client } from '../../../src/oauth/records.js'
import { changed } from '../../support/changed.js'
import { ALGORITHMS, clientKeys, type OpenIdScene, openIdScene } from '../../support/openid.js'
import { newTenant } from '../keys/fixtures.js'

let scene: OpenIdScene
let claims: Record<string, unknown>
let genuine: string
beforeAll(async () => {
  scene = await openIdScene()
  genuine = await issue(scene.client())
  claims = JSON.parse(Buffer.from(genuine.split('.')[1] ?? '', 'base64url').toString())
})

const issue = (client: Client, of = scene) => {
  const { authentication, ports, server } = of
  const about = { scope: ['openid'], nonce: 'n', accessToken: undefined, withProfile: false }
  return issueIdToken({ tenant: server.tenant, client, authentication, ...about }, ports)
}
const read = (text: string, of = scene) => verifyIdTokenHint(of.server.tenant, text, of.ports)
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const sign = (typ: string, payload: Record<string, unknown> = claims) =>
  scene.ports.jwtSigner.sign(scene.server.tenant, { typ, alg: 'RS256' }, payload)

describe('verifyIdTokenHint', () => {
  it.each(ALGORITHMS)('reads back an ID token signed by %s, for whomever it was', async (alg) => {
    const hint = await read(await issue(scene.client({ idTokenAlgorithm: alg }, { id: 'cl_other' })))
    const { sessionId } = scene.authentication
    const sid = Buffer.from(String(sessionId).replaceAll('-', ''), 'hex').toString('base64url')
    expect(hint).toEqual({ sub: scene.profile.id, aud: 'cl_other', sid, sessionId })
  })

  it('reads one that has expired, and one whose key was retired, while the key is kept', async () => {
    const own = await openIdScene()
    const token = await issue(own.client(), own)
    await own.server.rotation.rotate(
      own.server.tenant.id,
      { purpose: 'id_token', now: true, revoke: false },
      { kind: 'system' },
    )
    own.server.clock.time += 86_000
    await own.server.rotation.advance()
    expect(await read(token, own)).toBeDefined()
    own.server.clock.time += 1100
    await own.server.rotation.advance()
    expect(await read(token, own)).toBeUndefined()
  })

  it('reads none whose key was revoked', async () => {
    const own = await openIdScene()
    const token = await issue(own.client(), own)
    await own.server.rotation.rotate(
      own.server.tenant.id,
      { purpose: 'id_token', now: true, revoke: true },
      { kind: 'system' },
    )
    expect(await read(token, own)).toBeUndefined()
  })

  it.each(['at+jwt', 'logout+jwt', 'userinfo+jwt', 'statuslist+jwt', ''])('reads nothing of type %j', async (typ) => {
    const key = (await scene.server.keyring.all(scene.server.tenant.id)).signing('id_token', 'RS256')
    if (!key) throw new Error('There is no key.')
    expect(await read(signJws({ typ: 'JWT' }, claims, key))).toBeDefined()
    expect(await read(signJws({ typ }, claims, key))).toBeUndefined()
  })

  it.each(['access_token', 'revocations', 'status_list', 'introspection'] as const)(
    'reads nothing signed by the key for %s',
    async (purpose) => {
      const alg = purpose === 'introspection' ? 'RS256' : 'ES256'
      const key = (await scene.server.keyring.all(scene.server.tenant.id)).signing(purpose, alg)
      if (!key) throw new Error('There is no key.')
      expect(await read(signJws({ typ: 'JWT' }, claims, key))).toBeUndefined()
    },
  )

  it.each([
    ['another issuer', { iss: 'https://other.example' }],
    ['an issuer spelled otherwise', { iss: 'https://login.example/' }],
    ['no issuer', { iss: undefined }],
    ['no subject', { sub: undefined }],
    ['several audiences', { aud: ['cl_app', 'cl_other'] }],
  ])('reads nothing with %s', async (_, change) => {
    expect(await read(await sign('JWT', { ...claims, ...change }))).toBeUndefined()
  })

  it('reads nothing of another tenant', async () => {
    const other = await openIdScene(newTenant({ issuer: scene.server.tenant.issuer }))
    expect(await read(genuine, other)).toBeUndefined()
  })

  it('reads nothing that was forged', async () => {
    const [header = '', payload = '', signature = ''] = genuine.split('.')
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString())
    const stranger = await generateSigningKey('RS256')
    const published = (await scene.server.jwks.published(scene.server.tenant)).keys.find((key) => key['kid'] === kid)
    const publicKey = createPublicKey({ key: published as never, format: 'jwk' }).export({
      type: 'spki',
      format: 'pem',
    })
    const hs256 = `${encode({ typ: 'JWT', alg: 'HS256', kid })}.${payload}`
    const forged = [
      `${encode({ typ: 'JWT', alg: 'none' })}.${payload}.`,
      `${encode({ typ: 'JWT', alg: 'none', kid })}.${payload}.`,
      `${encode({ typ: 'JWT', alg: 'nOnE', kid })}.${payload}.${signature}`,
      `${encode({ typ: 'JWT', alg: 'PS256', kid })}.${payload}.${signature}`,
      `${hs256}.${createHmac('sha256', publicKey).update(hs256).digest('base64url')}`,
      signJws({ typ: 'JWT' }, claims, stranger),
      signJws({ typ: 'JWT' }, claims, { ...stranger, kid }),
      signJws({ typ: 'JWT', jwk: stranger.publicJwk }, claims, { ...stranger, kid }),
      `${header}.${encode({ ...claims, sub: 'somebody else' })}.${signature}`,
      `${header}.${payload}.${changed(signature)}`,
      `${header}.${payload}.`,
      payload,
      '',
    ]
    for (const text of forged) expect(await read(text)).toBeUndefined()
  })

  it('reads nothing that is encrypted: only the client can', async () => {
    const { jwks } = clientKeys('ECDH-ES')
    const client = scene.client({ jwks, idTokenEncryption: { alg: 'ECDH-ES', enc: 'A256GCM' } })
    expect(await read(await issue(client))).toBeUndefined()
  })
})
