import { describe, expect, test } from 'vitest'
import {
  changeClient,
  clientWarnings,
  type NewClient,
  registerClient,
  strayScopes,
} from '../../../../src/oauth/registration/client.js'
import { RegistrationError } from '../../../../src/oauth/registration/registration-error.js'

const CONFIDENTIAL = { name: 'Service', public: false, firstParty: false }
const PUBLIC = { name: 'App', public: true, firstParty: true }
const REDIRECT = 'https://app.example/callback'

describe('the grant types of a new client', () => {
  test.each([
    { name: 'a service', given: CONFIDENTIAL, expect: ['client_credentials'] },
    { name: 'a public client', given: { ...PUBLIC, firstParty: false }, expect: ['refresh_token'] },
    { name: 'a public first-party client', given: PUBLIC, expect: ['refresh_token'] },
    {
      name: 'a confidential first-party client',
      given: { ...CONFIDENTIAL, firstParty: true },
      expect: ['refresh_token'],
    },
    {
      name: 'a client with redirect URIs',
      given: { ...CONFIDENTIAL, redirectUris: [REDIRECT] },
      expect: ['authorization_code', 'refresh_token'],
    },
    {
      name: 'a client told them',
      given: { ...CONFIDENTIAL, grantTypes: ['refresh_token', 'refresh_token'] },
      expect: ['refresh_token'],
    },
  ] satisfies { name: string; given: NewClient; expect: string[] }[])(
    'are those it needs: $name',
    ({ given, expect: expected }) => {
      expect(registerClient(given).grantTypes).toEqual(expected)
    },
  )
})

describe('a client is refused', () => {
  test.each([
    { name: 'with an unknown grant type', given: { ...CONFIDENTIAL, grantTypes: ['password'] }, setting: 'grantTypes' },
    {
      name: "with an object's own member for grant type",
      given: { ...CONFIDENTIAL, grantTypes: ['constructor'] },
      setting: 'grantTypes',
    },
    { name: 'with no grant type', given: { ...CONFIDENTIAL, grantTypes: [] }, setting: 'grantTypes' },
    {
      name: 'public, with client_credentials',
      given: { ...PUBLIC, grantTypes: ['client_credentials'] },
      setting: 'grantTypes',
    },
    {
      name: 'for codes without redirect URI',
      given: { ...PUBLIC, grantTypes: ['authorization_code'] },
      setting: 'redirectUris',
    },
    {
      name: 'with a bad redirect URI',
      given: { ...PUBLIC, redirectUris: ['http://app.example/'] },
      setting: 'redirectUris',
    },
    {
      name: 'with too many redirect URIs',
      given: { ...PUBLIC, redirectUris: Array.from({ length: 51 }, (_, i) => `${REDIRECT}/${i}`) },
      setting: 'redirectUris',
    },
    { name: 'with a bad origin', given: { ...PUBLIC, origins: ['null'] }, setting: 'origins' },
    { name: 'with a bad scope', given: { ...PUBLIC, scopes: ['a"b'] }, setting: 'scopes' },
    { name: 'public, that does not rotate', given: { ...PUBLIC, rotation: 'never' }, setting: 'rotation' },
    { name: 'with an unknown rotation', given: { ...CONFIDENTIAL, rotation: 'sometimes' }, setting: 'rotation' },
    { name: 'with a grace over 300', given: { ...PUBLIC, grace: 301 }, setting: 'grace' },
    { name: 'with a grace below 0', given: { ...PUBLIC, grace: -1 }, setting: 'grace' },
    { name: 'with half a second of grace', given: { ...PUBLIC, grace: 0.5 }, setting: 'grace' },
    { name: 'with no number of grace', given: { ...PUBLIC, grace: Number.NaN }, setting: 'grace' },
    {
      name: 'with a default that is not among its APIs',
      given: { ...PUBLIC, defaultResource: 'urn:a', apis: ['urn:b'] },
      setting: 'defaultResource',
    },
    { name: 'without a name', given: { ...PUBLIC, name: '' }, setting: 'name' },
  ] satisfies { name: string; given: NewClient; setting: string }[])('$name', ({ given, setting }) => {
    expect(() => registerClient(given)).toThrow(RegistrationError)
    expect(() => registerClient(given)).toThrow(expect.objectContaining({ setting }))
  })
})

describe('a change of a client', () => {
  const client = registerClient({
    ...PUBLIC,
    redirectUris: [REDIRECT],
    apis: ['urn:a'],
    defaultResource: 'urn:a',
    grace: 5,
  })

  test('leaves what it does not name', () => {
    expect(changeClient(client, { name: 'Other' })).toEqual({ ...client, name: 'Other' })
    expect(changeClient(client, { name: undefined, grace: undefined })).toEqual(client)
  })

  test('takes away what it names null', () => {
    const changed = changeClient(client, { defaultResource: null, grace: null })
    expect(changed.defaultResource).toBeUndefined()
    expect(changed.grace).toBeUndefined()
  })

  test('moves the origins that came from redirect URIs along with them', () => {
    const redirectUris = ['https://new.example/callback']
    expect(changeClient(client, { redirectUris }).origins).toEqual(['https://new.example'])
  })

  test('leaves the origins that were named', () => {
    const named = registerClient({ ...PUBLIC, redirectUris: [REDIRECT], origins: ['https://other.example'] })
    const redirectUris = ['https://new.example/callback']
    expect(changeClient(named, { redirectUris }).origins).toEqual(['https://other.example'])
  })

  test('is refused as a whole when what comes of it is not allowed', () => {
    expect(() => changeClient(client, { apis: ['urn:b'] })).toThrow(
      expect.objectContaining({ setting: 'defaultResource' }),
    )
    expect(() => changeClient(client, { redirectUris: [] })).toThrow(
      expect.objectContaining({ setting: 'redirectUris' }),
    )
    expect(() => changeClient(client, { rotation: 'never' })).toThrow(expect.objectContaining({ setting: 'rotation' }))
  })
})

test('a client that leads nowhere is warned of', () => {
  expect(clientWarnings(registerClient({ ...PUBLIC, apis: ['urn:a'] }))).toEqual([])
  expect(clientWarnings(registerClient({ ...CONFIDENTIAL, apis: ['urn:a'] }))).toEqual([])
  expect(clientWarnings(registerClient(PUBLIC))).toEqual([expect.stringContaining('no API')])
  expect(clientWarnings(registerClient({ ...PUBLIC, firstParty: false, apis: ['urn:a'] }))).toEqual([
    expect.stringContaining('Nobody can sign in'),
  ])
})

test('a grace of a minute and more is warned of', () => {
  const graced = (grace: number) => clientWarnings(registerClient({ ...PUBLIC, apis: ['urn:a'], grace }))
  expect(graced(59)).toEqual([])
  expect(graced(60)).toEqual([expect.stringContaining('60 seconds')])
})

test('scopes of no API are found, those of OpenID Connect apart', () => {
  const client = registerClient({ ...PUBLIC, scopes: ['read', 'wirte', 'openid'] })
  expect(strayScopes(client, ['read', 'write'])).toEqual(['wirte'])
})
