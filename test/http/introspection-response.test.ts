import { compactDecrypt, createLocalJWKSet, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import { beforeAll, expect, it } from 'vitest'
import { introspectionRoute } from '../../src/http/routes/introspection.js'
import { tokenRoute } from '../../src/http/routes/token.js'
import type { Api, EncryptionAlgorithm, EncryptionMethod, Tenant } from '../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT, testApp } from '../support/app.js'
import { type Agent, overBothTransports } from '../support/http.js'
import { basic } from '../support/oauth-app.js'
import { createWorld } from '../support/ports.js'
import { encryptionKey, newServer, type Server } from '../unit/keys/fixtures.js'

const TYPE = 'application/token-introspection+jwt'

// Keys are the real ones, and made once: RSA takes its time.
let server: Server
beforeAll(async () => {
  server = await newServer(DEFAULT_TENANT)
})

function scene() {
  const world = createWorld()
  const { mint, unsealer, jwtSigner, jwtEncrypter } = server
  const app = testApp([tokenRoute, introspectionRoute], {
    deps: { ...world.ports, mint, unsealer, jwtSigner, jwtEncrypter },
    tenants: world.ports.tenants,
    clients: world.ports.clients,
  })
  /** An API, a client of it, and a token. */
  const parties = async (agent: Agent, about: Partial<Api> = {}, tenant?: Tenant) => {
    const api = world.addApi({ format: 'opaque', ...about, ...(tenant && { tenant }) })
    const client = world.addClient({ apis: [api.id], ...(tenant && { tenant }) })
    const prefix = tenant ? `/t/${tenant.slug}` : ''
    const { body } = await agent
      .post(`${prefix}/oauth2/token`)
      .type('form')
      .set('authorization', basic(client))
      .send('grant_type=client_credentials')
      .expect(200)
    return { api, client, token: String(body.access_token), prefix }
  }
  return { world, app, parties }
}

type Asked = {
  readonly by?: { readonly id: string; readonly secret: string }
  readonly accept?: string
  readonly prefix?: string
}

const ask = (agent: Agent, token: string, { by, accept, prefix = '' }: Asked) => {
  const request = agent.post(`${prefix}/oauth2/introspect`).type('form').buffer(true)
  if (by) request.set('authorization', basic(by))
  if (accept !== undefined) request.set('accept', accept)
  return request.parse(asText).send(new URLSearchParams({ token }).toString())
}
/** Whatever its type. */
const asText = (answer: unknown, done: (error: Error | null, body: string) => void) => {
  const response = answer as NodeJS.ReadableStream
  const chunks: Buffer[] = []
  response.on('data', (chunk: Buffer) => chunks.push(chunk))
  response.on('end', () => done(null, Buffer.concat(chunks).toString()))
}

/** As an API reads it, by jose. */
async function verify(jwt: string, { issuer, id }: Tenant, audience: string) {
  const { keys } = await server.jwks.published({ ...DEFAULT_TENANT, id })
  return jwtVerify(jwt, createLocalJWKSet({ keys: [...keys] }), { issuer, audience, typ: 'token-introspection+jwt' })
}

overBothTransports('an introspection response', (reach) => {
  it('is a JWT for who asks for one, signed for it alone, with nothing outside that an access token has, RFC 9701 §5', async () => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, client, token } = await parties(agent)
    const { body, headers } = await ask(agent, token, { by: api, accept: TYPE }).expect(200)
    const { payload, protectedHeader } = await verify(body, DEFAULT_TENANT, api.identifier)
    expect(protectedHeader).toEqual({ typ: 'token-introspection+jwt', alg: 'RS256', kid: expect.any(String) })
    expect(payload).toEqual({
      iss: DEFAULT_TENANT.issuer,
      aud: api.identifier,
      iat: server.clock.time,
      token_introspection: expect.objectContaining({
        active: true,
        token_type: 'Bearer',
        client_id: client.id,
        sub: client.id,
        aud: api.identifier,
      }),
    })
    expect(headers['content-type']).toBe(TYPE)
    expect(headers['cache-control']).toBe('no-store')
    expect(headers['vary']).toContain('Accept')
  })

  it.each([
    { accept: undefined, type: 'application/json' },
    { accept: '*/*', type: 'application/json' },
    { accept: 'application/*', type: 'application/json' },
    { accept: 'application/json', type: 'application/json' },
    { accept: 'text/html', type: 'application/json' },
    { accept: `${TYPE};q=0`, type: 'application/json' },
    { accept: `${TYPE};q=0.5, application/json`, type: 'application/json' },
    { accept: `${TYPE};q=0.5, */*`, type: 'application/json' },
    { accept: `${TYPE}, */*`, type: TYPE },
    { accept: `application/json;q=0.9, ${TYPE}`, type: TYPE },
    { accept: 'APPLICATION/Token-Introspection+JWT', type: TYPE },
  ])('is $type for Accept: $accept', async ({ accept, type }) => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, token } = await parties(agent)
    const { headers } = await ask(agent, token, { by: api, ...(accept !== undefined && { accept }) }).expect(200)
    expect(headers['content-type']).toBe(type)
    expect(headers['vary']).toContain('Accept')
  })

  it('says of a token that does not count, or is none of the asker’s business, that it is inactive, and nothing more', async () => {
    const { app, world, parties } = scene()
    const { agent } = await reach(app)
    const { api, client, token } = await parties(agent)
    const stranger = world.addApi()
    const told = async (by: typeof api, asked: string) => {
      const { body } = await ask(agent, asked, { by, accept: TYPE }).expect(200)
      return (await verify(body, DEFAULT_TENANT, by.identifier)).payload['token_introspection']
    }
    expect(await told(stranger, token)).toEqual({ active: false })
    expect(await told(api, 'garbage')).toEqual({ active: false })
    world.revoke('client', client.id)
    expect(await told(api, token)).toEqual({ active: false })
  })

  it.each(['RS256', 'PS256', 'ES256', 'Ed25519'] as const)('is signed as the API registered: %s', async (alg) => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, token } = await parties(agent, { introspectionAlgorithm: alg })
    const { body } = await ask(agent, token, { by: api, accept: TYPE }).expect(200)
    expect((await verify(body, DEFAULT_TENANT, api.identifier)).protectedHeader.alg).toBe(alg)
  })

  it('tells a client about its own token what JSON would, for the client', async () => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { client, token } = await parties(agent)
    const { body } = await ask(agent, token, { by: client, accept: TYPE }).expect(200)
    const { payload } = await verify(body, DEFAULT_TENANT, client.id)
    const plain = await ask(agent, token, { by: client, accept: 'application/json' }).expect(200)
    expect(payload['token_introspection']).toEqual(JSON.parse(plain.body))
  })

  it('comes from the tenant that was asked, and is signed with its key', async () => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, token, prefix } = await parties(agent, {}, ACME)
    const { body } = await ask(agent, token, { by: api, accept: TYPE, prefix }).expect(200)
    const { payload } = await verify(body, ACME, api.identifier)
    expect(payload['token_introspection']).toMatchObject({ active: true, iss: ACME.issuer })
    await expect(verify(body, { ...ACME, id: DEFAULT_TENANT.id }, api.identifier)).rejects.toThrow(/no applicable key/)
  })

  it('is nothing for who does not say who asks, RFC 9701 §5, or says it wrongly, RFC 7662 §2.3', async () => {
    const { app, world, parties } = scene()
    const { agent } = await reach(app)
    const { api, token } = await parties(agent)
    const nobody = await ask(agent, token, { accept: TYPE }).expect(400)
    expect(JSON.parse(nobody.body).error).toBe('invalid_client')
    await ask(agent, token, { accept: `application/json;q=0.5, ${TYPE}` }).expect(400)
    const page = world.addClient({ public: true, apis: [api.id] })
    const byId = agent.post('/oauth2/introspect').type('form').set('accept', TYPE)
    await byId.send({ token, client_id: page.id }).expect(400)
    const wrong = await ask(agent, token, { by: { ...api, secret: 'wrong' }, accept: TYPE }).expect(401)
    expect(wrong.headers['www-authenticate']).toBe('Basic realm="oauth2"')
    await ask(agent, token, {}).expect(401)
  })
})

const KEYS = { X25519: encryptionKey('X25519'), 'P-256': encryptionKey('P-256'), RSA: encryptionKey('RSA') }
const ALGORITHMS: [keyof typeof KEYS, EncryptionAlgorithm][] = [
  ['X25519', 'ECDH-ES'],
  ['P-256', 'ECDH-ES'],
  ['X25519', 'ECDH-ES+A256KW'],
  ['P-256', 'ECDH-ES+A256KW'],
  ['RSA', 'RSA-OAEP-256'],
]
const METHODS: EncryptionMethod[] = ['A256GCM', 'A128CBC-HS256']
const COMBINATIONS = ALGORITHMS.flatMap(([key, alg]) => METHODS.map((enc) => ({ key, alg, enc })))

const encrypted = (
  key: keyof typeof KEYS = 'X25519',
  encryptionAlgorithm: EncryptionAlgorithm = 'ECDH-ES',
  encryptionMethod: EncryptionMethod = 'A256GCM',
): Partial<Api> => ({
  introspectionEncryption: true,
  encryptionAlgorithm,
  encryptionMethod,
  jwks: { keys: [KEYS[key].publicJwk] },
})

overBothTransports('an introspection response to an API that registered encryption', (reach) => {
  it.each(COMBINATIONS)('is signed, then encrypted: $alg on $key with $enc', async ({ key, alg, enc }) => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, token } = await parties(agent, encrypted(key, alg, enc))
    const { body, headers } = await ask(agent, token, { by: api, accept: TYPE }).expect(200)
    expect(headers['content-type']).toBe(TYPE)
    const { plaintext, protectedHeader } = await compactDecrypt(body, await importJWK(KEYS[key].privateJwk, alg))
    expect(protectedHeader).toMatchObject({ alg, enc, cty: 'JWT', kid: `api-${key}` })
    for (const parameter of ['apu', 'apv', 'bk', 'zip', 'iss', 'aud'])
      expect(protectedHeader).not.toHaveProperty(parameter)
    const { payload } = await verify(new TextDecoder().decode(plaintext), DEFAULT_TENANT, api.identifier)
    expect(payload['token_introspection']).toMatchObject({ active: true, aud: api.identifier })
  })

  it('is never in the clear: not for */*, not without Accept, not of an inactive token', async () => {
    const { app, parties } = scene()
    const { agent } = await reach(app)
    const { api, token } = await parties(agent, encrypted())
    for (const asked of [token, 'garbage']) {
      for (const accept of [TYPE, '*/*', 'application/*', `application/json, ${TYPE};q=0.1`, undefined]) {
        const { body } = await ask(agent, asked, { by: api, ...(accept !== undefined && { accept }) }).expect(200)
        expect(body.split('.')).toHaveLength(5)
        expect(decodeProtectedHeader(body)).toMatchObject({ alg: 'ECDH-ES', cty: 'JWT' })
      }
    }
  })

  it.each(['application/json', `application/json, ${TYPE};q=0`, 'text/html'])(
    'is refused for Accept: %s',
    async (accept) => {
      const { app, parties } = scene()
      const { agent } = await reach(app)
      const { api, token } = await parties(agent, encrypted())
      const { body } = await ask(agent, token, { by: api, accept }).expect(406)
      expect(JSON.parse(body)).toEqual({ error: 'invalid_request', error_description: expect.stringContaining(TYPE) })
    },
  )

  it.each([
    { name: 'no key set', change: { jwks: undefined } },
    { name: 'a set without a key that fits', change: { encryptionAlgorithm: 'RSA-OAEP-256' } },
    { name: 'a set that went stale', change: { jwksUri: 'https://api.example/jwks', jwksFetchedAt: new Date(0) } },
    { name: 'no algorithm', change: { encryptionAlgorithm: undefined } },
  ] satisfies { name: string; change: Partial<Api> }[])(
    'is an error, with a line in the log, when it has $name',
    async ({ change }) => {
      const { app, parties } = scene()
      const { agent } = await reach(app)
      const { api, token } = await parties(agent, { ...encrypted(), ...change })
      server.log.lines.length = 0
      for (const accept of [TYPE, '*/*']) {
        const { body } = await ask(agent, token, { by: api, accept }).expect(400)
        expect(JSON.parse(body)).toEqual({
          error: 'invalid_target',
          error_description: expect.stringMatching(/encryption key/),
        })
      }
      expect(server.log.lines).toContainEqual(expect.objectContaining({ level: 'error', identifier: api.identifier }))
      expect(app.lines().at(-1)).toMatchObject({ status: 400, reason: expect.stringMatching(/^api_/) })
    },
  )
})
