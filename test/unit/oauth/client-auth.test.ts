import { beforeEach, describe, expect, it } from 'vitest'
import { hashSecret } from '../../../src/crypto/secrets.js'
import {
  authenticateApi,
  authenticateClient,
  authenticateIntrospector,
  type Caller,
  originAllowed,
} from '../../../src/oauth/client-auth.js'
import { OAuthError } from '../../../src/oauth/errors.js'
import { params } from '../../../src/oauth/params.js'
import type { Api, Client } from '../../../src/oauth/records.js'
import { ACME, DEFAULT_TENANT, PUBLIC_URL } from '../../support/app.js'
import { createWorld, type WithSecret, type World } from '../../support/ports.js'

let world: World
let client: WithSecret<Client>
let api: WithSecret<Api>
beforeEach(() => {
  world = createWorld()
  api = world.addApi()
  client = world.addClient({ apis: [api.id] })
})

const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
const form = (values: Record<string, string>) =>
  params(new Map(Object.entries(values).map(([name, value]) => [name, [value]])))
const caller = (headers: Caller['headers'] = {}, tenant = DEFAULT_TENANT): Caller => ({
  tenant,
  headers,
  address: '192.0.2.1',
})

/** The id of who was authenticated, or `code: reason`. */
const outcome = (act: Promise<{ id: string }>) =>
  act.then(
    ({ id }) => id,
    (error: unknown) => (error instanceof OAuthError ? error.message : Promise.reject(error)),
  )
const asClient = (headers: Caller['headers'], values: Record<string, string> = {}, tenant = DEFAULT_TENANT) =>
  outcome(authenticateClient(caller(headers, tenant), form(values), world.ports))

describe('authenticateClient', () => {
  it('knows a confidential client by its secret in the header', async () => {
    expect(await asClient({ authorization: basic(client.id, client.secret) })).toBe(client.id)
  })

  it('knows a confidential client by its secret in the body', async () => {
    expect(await asClient({}, { client_id: client.id, client_secret: client.secret })).toBe(client.id)
  })

  it('knows a public client by its id', async () => {
    const app = world.addClient({ public: true })
    expect(await asClient({}, { client_id: app.id })).toBe(app.id)
  })

  it('allows client_id in the body beside the header when it is the same', async () => {
    const authorization = basic(client.id, client.secret)
    expect(await asClient({ authorization }, { client_id: client.id })).toBe(client.id)
    expect(await asClient({ authorization }, { client_id: 'other' })).toBe('invalid_request: client_id_differs')
  })

  it('knows both secrets while one replaces the other', async () => {
    world.update<Client>(client, { secretHashes: [hashSecret('new'), hashSecret('old')] })
    expect(await asClient({ authorization: basic(client.id, 'new') })).toBe(client.id)
    expect(await asClient({ authorization: basic(client.id, 'old') })).toBe(client.id)
    expect(await asClient({ authorization: basic(client.id, client.secret) })).toBe(
      'invalid_client: client_secret_wrong',
    )
  })

  it.each([
    { name: 'header and secret', headers: true, values: { client_secret: 's' } },
    { name: 'header and assertion', headers: true, values: { client_assertion: 'a' } },
    { name: 'header and type of an assertion', headers: true, values: { client_assertion_type: 'a' } },
    { name: 'secret and assertion', headers: false, values: { client_secret: 's', client_assertion: 'a' } },
  ])('refuses two methods at once: $name', async ({ headers, values }) => {
    const authorization = headers ? basic(client.id, client.secret) : undefined
    expect(await asClient({ authorization }, { client_id: client.id, ...values })).toBe(
      'invalid_request: two_client_authentications',
    )
  })

  it('refuses a method it does not have, rather than take the client for a public one', async () => {
    const app = world.addClient({ public: true })
    const values = { client_id: app.id, client_assertion: 'a' }
    expect(await asClient({}, values)).toBe('invalid_client: client_assertion_unsupported')
    expect(await asClient({ authorization: 'Bearer abc' }, { client_id: app.id })).toBe(
      'invalid_client: authorization_malformed',
    )
  })

  it.each<{ name: string; change: Partial<Client>; secret: string | undefined; expected: string }>([
    { name: 'a wrong secret', change: {}, secret: 'wrong', expected: 'client_secret_wrong' },
    { name: 'an empty secret', change: {}, secret: '', expected: 'client_secret_wrong' },
    { name: 'no secret', change: {}, secret: undefined, expected: 'client_secret_missing' },
    {
      name: 'no secret for a client that has none',
      change: { secretHashes: [] },
      secret: undefined,
      expected: 'client_secret_missing',
    },
    {
      name: 'any secret for a client that has none',
      change: { secretHashes: [] },
      secret: 'wrong',
      expected: 'client_secret_wrong',
    },
    { name: 'a disabled client', change: { disabled: true }, secret: 'right', expected: 'client_disabled' },
    {
      name: 'a secret of a public client',
      change: { public: true },
      secret: 'right',
      expected: 'public_client_with_secret',
    },
    {
      name: 'an empty secret of a public client',
      change: { public: true },
      secret: '',
      expected: 'public_client_with_secret',
    },
  ])('refuses $name', async ({ change, secret, expected }) => {
    world.update<Client>(client, { secretHashes: [hashSecret('right')], ...change })
    const given =
      secret === undefined
        ? asClient({}, { client_id: client.id })
        : asClient({ authorization: basic(client.id, secret) })
    expect(await given).toBe(`invalid_client: ${expected}`)
  })

  it.each(['unknown', '__proto__', 'constructor', 'toString'])('refuses the unknown client %s', async (id) => {
    expect(await asClient({ authorization: basic(id, 's') })).toBe('invalid_client: client_unknown')
    expect(await asClient({}, { client_id: id })).toBe('invalid_client: client_unknown')
  })

  it('refuses who says nothing of itself', async () => {
    expect(await asClient({})).toBe('invalid_client: authentication_missing')
    expect(await asClient({}, { client_secret: client.secret })).toBe('invalid_client: authentication_missing')
  })

  it('knows a client of its own tenant only', async () => {
    const authorization = basic(client.id, client.secret)
    expect(await asClient({ authorization }, {}, ACME)).toBe('invalid_client: client_unknown')
  })

  it('says the same of an unknown client as of a wrong secret', async () => {
    const error = (authorization: string) =>
      authenticateClient(caller({ authorization }), form({}), world.ports).catch((e: OAuthError) => e)
    const [unknown, wrong] = [await error(basic('nobody', 'x')), await error(basic(client.id, 'x'))]
    expect(unknown).toMatchObject({ code: 'invalid_client', status: 401 })
    expect(wrong).toMatchObject({
      code: 'invalid_client',
      status: 401,
      description: (unknown as OAuthError).description,
    })
  })

  it('answers 429 with Retry-After once an address has failed too often, and still serves who knows the secret', async () => {
    world.allowFailures(2)
    const attempt = () => asClient({ authorization: basic(client.id, 'wrong') })
    expect([await attempt(), await attempt()]).toEqual(Array(2).fill('invalid_client: client_secret_wrong'))
    const error = await authenticateClient(caller({ authorization: basic('x', 'y') }), form({}), world.ports).catch(
      (e) => e,
    )
    expect(error).toMatchObject({ status: 429, headers: { 'retry-after': '900' } })
    expect(await asClient({ authorization: basic(client.id, client.secret) })).toBe(client.id)
  })

  it('counts no failure of who only forgot to authenticate', async () => {
    world.allowFailures(0)
    expect(await asClient({})).toBe('invalid_client: authentication_missing')
  })

  describe('from a page', () => {
    const app = () => world.addClient({ public: true, origins: ['https://app.example.com'] })

    it.each(['https://app.example.com', 'https://id.example.com'])('serves %s', async (origin) => {
      const { id } = app()
      expect(await asClient({ origin }, { client_id: id })).toBe(id)
    })

    it.each(['https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null', ''])(
      'refuses %j, though another client may have that origin',
      async (origin) => {
        const { id } = app()
        world.addClient({ origins: ['https://evil.example'] })
        expect(await asClient({ origin }, { client_id: id })).toBe('unauthorized_client: origin_not_of_this_client')
      },
    )

    it('never takes the origin null for anybody', async () => {
      const { id } = world.addClient({ public: true, origins: ['null'] })
      expect(await asClient({ origin: 'null' }, { client_id: id })).toBe(
        'unauthorized_client: origin_not_of_this_client',
      )
    })
  })
})

describe('authenticateApi', () => {
  const asApi = (authorization: string | undefined, tenant = DEFAULT_TENANT) =>
    outcome(authenticateApi(caller({ authorization }, tenant), world.ports))

  it('knows an API by its credentials', async () => {
    expect(await asApi(basic(api.id, api.secret))).toBe(api.id)
  })

  it('refuses everybody else', async () => {
    expect(await asApi(undefined)).toBe('invalid_client: authentication_missing')
    expect(await asApi('Bearer x')).toBe('invalid_client: authorization_malformed')
    expect(await asApi(basic(api.id, 'wrong'))).toBe('invalid_client: client_secret_wrong')
    expect(await asApi(basic('__proto__', 'x'))).toBe('invalid_client: client_unknown')
    expect(await asApi(basic(client.id, client.secret))).toBe('invalid_client: client_unknown')
    expect(await asApi(basic(api.id, api.secret), ACME)).toBe('invalid_client: client_unknown')
    world.update<Api>(api, { disabled: true })
    expect(await asApi(basic(api.id, api.secret))).toBe('invalid_client: client_disabled')
  })

  it('counts failures against the address', async () => {
    world.allowFailures(1)
    await asApi(basic(api.id, 'wrong'))
    expect(await asApi(basic(api.id, 'wrong'))).toBe('too_many_requests: client_authentication_throttled')
  })
})

describe('authenticateIntrospector', () => {
  const asIntrospector = (headers: Caller['headers'], values: Record<string, string> = {}) =>
    outcome(
      authenticateIntrospector(caller(headers), form(values), world.ports).then((by) =>
        'api' in by ? by.api : by.client,
      ),
    )

  it('knows an API and a confidential client', async () => {
    expect(await asIntrospector({ authorization: basic(api.id, api.secret) })).toBe(api.id)
    expect(await asIntrospector({ authorization: basic(client.id, client.secret) })).toBe(client.id)
    expect(await asIntrospector({}, { client_id: client.id, client_secret: client.secret })).toBe(client.id)
  })

  it('refuses a public client: it has nothing that proves who asks', async () => {
    const { id } = world.addClient({ public: true })
    expect(await asIntrospector({}, { client_id: id })).toBe('invalid_client: public_client')
  })

  it('refuses a wrong secret, an unknown id and nothing at all', async () => {
    expect(await asIntrospector({ authorization: basic(api.id, client.secret) })).toBe(
      'invalid_client: client_secret_wrong',
    )
    expect(await asIntrospector({ authorization: basic('nobody', 'x') })).toBe('invalid_client: client_unknown')
    expect(await asIntrospector({})).toBe('invalid_client: authentication_missing')
  })
})

describe('originAllowed', () => {
  const allowed = (origin: string | undefined) =>
    originAllowed(
      { headers: origin === undefined ? {} : { origin }, tenant: ACME },
      { origins: ['https://app.example.com', 'null'] },
    )

  it.each([
    { name: 'a caller that is no page', origin: undefined, expected: true },
    { name: "the client's own page", origin: 'https://app.example.com', expected: true },
    { name: "the server's own page", origin: PUBLIC_URL, expected: true },
    { name: 'a page of another client', origin: 'https://other.example.com', expected: false },
    { name: 'a page that hides its origin', origin: 'null', expected: false },
    { name: 'an issuer that is no origin', origin: ACME.issuer, expected: false },
    { name: 'nothing', origin: '', expected: false },
  ])('is $expected for $name', ({ origin, expected }) => {
    expect(allowed(origin)).toBe(expected)
  })
})
