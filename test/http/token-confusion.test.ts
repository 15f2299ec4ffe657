import { describe, expect, it } from 'vitest'
import { signJws } from '../../src/crypto/jws.js'
import { introspectionRoute } from '../../src/http/routes/introspection.js'
import { logoutRoute } from '../../src/http/routes/logout.js'
import { revocationRoute } from '../../src/http/routes/revocation.js'
import { revocationsRoute } from '../../src/http/routes/revocations.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import { userinfoRoute } from '../../src/http/routes/userinfo.js'
import type { SigningPurpose } from '../../src/keys/purpose.js'
import { verifyIdTokenHint } from '../../src/oauth/id-token-hint.js'
import { createIdTokens } from '../../src/oauth/id-tokens.js'
import type { Api } from '../../src/oauth/records.js'
import { userinfoApi } from '../../src/oauth/userinfo-api.js'
import { createFeed } from '../../src/revocation/feed.js'
import { sealAccessToken } from '../../src/wire/seal.js'
import { DEFAULT_TENANT, testApp } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { mintToken } from '../support/mint.js'
import { basic } from '../support/oauth-app.js'
import { createWorld } from '../support/ports.js'
import { encryptionKey, newServer } from '../unit/keys/fixtures.js'

// RFC 9068 §5: everything this server makes, and what could be made of its keys, presented wherever a token is expected.

// What is taken ends grants and tokens, never keys: they are made once.
const made = newServer(DEFAULT_TENANT)

const nobody = () => Promise.reject(new Error('No code is asked for here.'))
const NO_CODES = { issue: nobody, find: async () => undefined, redeem: nobody }

async function scene() {
  const { mint, unsealer, refreshTokens, jwtSigner, jwtEncrypter, jwtVerifier, subjects, keyring, recipient } =
    await made
  const world = createWorld()
  const ports = { ...world.ports, mint, unsealer, refreshTokens, jwtSigner, jwtEncrypter, subjects }
  const idTokens = createIdTokens(ports)
  const jwks = { keys: [encryptionKey('X25519').publicJwk] }
  const api = world.addApi({ jwks })
  const client = world.addClient({ apis: [api.id] })
  const { grant } = await world.addGrant(client, { scope: ['openid', 'orders:read', 'orders:write'] })

  const minted = async (format: 'sealed' | 'signed' | 'opaque', of: Api = api) => {
    const request = {
      tenant: DEFAULT_TENANT,
      clientId: client.id,
      scope: ['openid', 'orders:read'],
      rev: 1000,
      subject: 'ann',
      grant,
    }
    return (await mintToken(mint, { ...request, api: { ...of, format } })).access_token
  }
  const signed = await minted('signed')
  const claims = JSON.parse(Buffer.from(signed.split('.')[1] ?? '', 'base64url').toString())
  const keys = await keyring.all(DEFAULT_TENANT.id)
  const sign = (purpose: SigningPurpose, typ: string, alg = 'ES256') => {
    const key = keys.signing(purpose, alg)
    if (!key) throw new Error(`There is no key for ${purpose}.`)
    return signJws({ typ }, claims, key)
  }
  const typ = 'token-introspection+jwt'
  const own = (kind: string, payload: Record<string, unknown>) =>
    jwtSigner.sign(DEFAULT_TENANT, { typ: kind, alg: 'RS256' }, payload)
  const respond = (payload: Record<string, unknown>) => jwtSigner.sign(DEFAULT_TENANT, { typ, alg: 'RS256' }, payload)
  const about = { active: true, token_type: 'Bearer', ...claims }
  const response = await respond({ iss: claims.iss, aud: claims.aud, iat: claims.iat, token_introspection: about })
  const kek = keys.kek()
  if (!kek) throw new Error('There is no key to wrap with.')
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [, payload = '', signature = ''] = signed.split('.')
  const tokens = {
    'a sealed access token': await minted('sealed'),
    'the inside of a sealed access token': signed,
    'an opaque access token': await minted('opaque'),
    'a refresh token': await refreshTokens.issue(grant, 0),
    'a revocation list': await jwtSigner.sign(DEFAULT_TENANT, { typ: 'revocations+jwt' }, claims),
    'a status list': await jwtSigner.sign(DEFAULT_TENANT, { typ: 'statuslist+jwt' }, claims),
    'an introspection response': response,
    'an introspection response with the claims of a token': await respond(claims),
    'an encrypted introspection response': jwtEncrypter.encrypt(api, { signed: response, typ }),
    'one that says outside that it is an access token': jwtEncrypter.encrypt(api, { signed: response, typ: 'at+jwt' }),
    'an introspection response sealed as an access token': sealAccessToken(await respond(claims), recipient(api), kek),
    'an access token encrypted as an introspection response': jwtEncrypter.encrypt(api, { signed, typ }),
    'an access token signed by the key of introspection responses': sign('introspection', 'at+jwt', 'RS256'),
    'an introspection response signed by the key of access tokens': sign('access_token', typ),
    'an access token signed by the key of revocation lists': sign('revocations', 'at+jwt'),
    'an access token signed by the key of status lists': sign('status_list', 'at+jwt'),
    'an ID token': await own('JWT', { ...claims, aud: client.id }),
    'an ID token with the claims of a token': await own('JWT', claims),
    'what userinfo is signed as': await own('userinfo+jwt', claims),
    'a logout token of ours': await own('logout+jwt', claims),
    'an access token signed by the key of ID tokens': sign('id_token', 'at+jwt', 'RS256'),
    'an ID token signed by the key of access tokens': sign('access_token', 'JWT'),
    'an access token for userinfo': await minted('opaque', userinfoApi(DEFAULT_TENANT)),
    'the inside of one for userinfo': await minted('signed', userinfoApi(DEFAULT_TENANT)),
    'a token of no type': sign('access_token', ''),
    'a logout token': sign('access_token', 'logout+jwt'),
    'a client assertion': sign('access_token', 'client-authentication+jwt'),
    'a token whose algorithm is none': `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    'the claims alone': payload,
    'the claims as JSON': JSON.stringify(claims),
    'a signature alone': signature,
    'the secret of the client': client.secret,
    'the secret of the API': api.secret,
    'the id of the grant': grant.id,
  }
  const app = testApp([tokenRoute, introspectionRoute, revocationRoute, revocationsRoute, logoutRoute, userinfoRoute], {
    deps: { ...ports, idTokens, codes: NO_CODES, feed: createFeed({ ...ports, watch: world.list.watch }) },
    tenants: world.ports.tenants,
    clients: world.ports.clients,
  })
  const hint = (text: string) => verifyIdTokenHint(DEFAULT_TENANT, text, { jwtVerifier })
  return { app, world, tokens, client, api, hint }
}

type Scene = Awaited<ReturnType<typeof scene>>
type Kind = keyof Scene['tokens']

/** Presents a token; whether it was taken for what is expected there. */
type Present = (agent: Agent, token: string, scene: Scene) => Promise<boolean>

// RFC 9068 §4: what is inside is no token where encryption was agreed.
const ACCESS: Kind[] = ['a sealed access token', 'an opaque access token']
const USERINFO: Kind = 'an access token for userinfo'

const form = (agent: Agent, path: string, by: { id: string; secret: string }, values: Record<string, string>) =>
  agent.post(path).type('form').set('authorization', basic(by)).send(new URLSearchParams(values).toString())
/** Whether a request wrote something. */
const wrote = async ({ world }: Scene, request: () => PromiseLike<unknown>) => {
  const before = world.written()
  await request()
  return world.written() > before
}

const places: { place: string; takes: Kind[]; present: Present }[] = [
  {
    place: 'refresh_token at the token endpoint',
    takes: ['a refresh token'],
    present: async (agent, refresh_token, { client }) =>
      (await form(agent, '/oauth2/token', client, { grant_type: 'refresh_token', refresh_token })).status === 200,
  },
  {
    place: 'introspection for the client',
    takes: [...ACCESS, 'a refresh token', USERINFO],
    present: async (agent, token, { client }) =>
      (await form(agent, '/oauth2/introspect', client, { token }).expect(200)).body.active,
  },
  {
    place: 'introspection for the API',
    takes: ACCESS,
    present: async (agent, token, { api }) =>
      (await form(agent, '/oauth2/introspect', api, { token }).expect(200)).body.active,
  },
  {
    place: 'revocation',
    // Somebody has it, and it can be ended by whoever the token was issued to.
    takes: [
      'a sealed access token',
      'the inside of a sealed access token',
      'an opaque access token',
      'a refresh token',
      USERINFO,
      'the inside of one for userinfo',
    ],
    present: (agent, token, all) => wrote(all, () => form(agent, '/oauth2/revoke', all.client, { token }).expect(200)),
  },
  {
    place: 'the header at logout',
    takes: [...ACCESS, USERINFO],
    present: (agent, token, all) =>
      wrote(all, () => agent.post('/auth/logout').set('authorization', `Bearer ${token}`).send({})),
  },
  {
    place: 'userinfo',
    takes: [USERINFO],
    present: async (agent, token) =>
      (await agent.get('/oauth2/userinfo').set('authorization', `Bearer ${token}`)).status === 200,
  },
  {
    place: 'the hint of who is meant',
    takes: ['an ID token', 'an ID token with the claims of a token'],
    present: async (_, token, { hint }) => (await hint(token)) !== undefined,
  },
  {
    place: 'refresh_token at logout',
    takes: ['a refresh token'],
    present: (agent, refresh_token, all) =>
      wrote(all, () => agent.post('/auth/logout').set('authorization', basic(all.client)).send({ refresh_token })),
  },
  {
    place: 'the secret of the client in the body',
    takes: ['the secret of the client'],
    present: async (agent, client_secret, { client }) => {
      const values = { grant_type: 'client_credentials', client_id: client.id, client_secret }
      const { status } = await agent.post('/oauth2/token').type('form').send(new URLSearchParams(values).toString())
      return status === 200
    },
  },
  {
    place: 'the secret of the API in the header',
    takes: ['the secret of the API'],
    present: async (agent, secret, { api }) =>
      (await agent.get('/revocations').set('authorization', basic({ id: api.id, secret }))).status === 200,
  },
  {
    place: 'the cursor of the revocation list',
    takes: [],
    present: async (agent, since, { api }) =>
      (await agent.get('/revocations').query({ since }).set('authorization', basic(api))).status === 200,
  },
]

overBothTransports('a token of one kind where another is expected', (reach) => {
  describe.each(places)('$place', ({ takes, present }) => {
    it('takes what it is for, and nothing else', async () => {
      const kinds = Object.keys((await scene()).tokens) as Kind[]
      const taken: Kind[] = []
      for (const kind of kinds) {
        // A new world for each, since what is taken may end the others.
        const all = await scene()
        const { agent } = await reach(all.app)
        if (await present(agent, all.tokens[kind], all)) taken.push(kind)
      }
      expect(taken).toEqual(takes)
    })
  })
})
