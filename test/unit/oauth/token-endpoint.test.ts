import { beforeEach, describe, expect, it } from 'vitest'
import { findGrant, grantTypes } from '../../../src/oauth/grants/index.js'
import type { Client } from '../../../src/oauth/records.js'
import { tokenEndpoint } from '../../../src/oauth/token-endpoint.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { createWorld, type World } from '../../support/ports.js'
import { refusalOf, requestParams } from '../../support/request-params.js'

let world: World
let client: Client
beforeEach(() => {
  world = createWorld()
  client = world.addClient({ apis: [world.addApi().id] })
})

const request = (values: Record<string, string>, as: Client = client, tenant = DEFAULT_TENANT) =>
  tokenEndpoint({ tenant, client: as, params: requestParams(values), by: { kind: 'client', id: as.id } }, world.ports)

describe('tokenEndpoint', () => {
  it('hands the request to the grant', async () => {
    expect(await request({ grant_type: 'client_credentials' })).toHaveProperty('access_token')
  })

  it('needs a grant type', async () => {
    expect(await refusalOf(request({}))).toBe('invalid_request: grant_type_is_required')
  })

  it.each(['password', 'implicit', 'CLIENT_CREDENTIALS', 'constructor', '__proto__', 'toString', 'hasOwnProperty'])(
    'has no grant %s',
    async (grant_type) => {
      expect(await refusalOf(request({ grant_type }))).toBe('unsupported_grant_type: unsupported_grant_type')
      // Not even for a client that was registered for it.
      const odd = world.addClient({ grantTypes: [grant_type] })
      expect(await refusalOf(request({ grant_type }, odd))).toBe('unsupported_grant_type: unsupported_grant_type')
    },
  )

  it.each(grantTypes)('refuses %s to a client that is not registered for it', async (grant_type) => {
    const other = world.addClient({ grantTypes: grantTypes.filter((one) => one !== grant_type) })
    expect(await refusalOf(request({ grant_type }, other))).toBe('unauthorized_client: grant_type_not_of_this_client')
  })

  it.each(grantTypes)('refuses %s at a disabled tenant', async (grant_type) => {
    const able = world.addClient({ grantTypes: [grant_type] })
    expect(await refusalOf(request({ grant_type }, able, { ...DEFAULT_TENANT, disabled: true }))).toBe(
      'unauthorized_client: tenant_disabled',
    )
  })
})

it('finds every grant it names', () => {
  expect(grantTypes).toEqual(['authorization_code', 'refresh_token', 'client_credentials'])
  for (const grantType of grantTypes) expect(findGrant(grantType)).toBeTypeOf('function')
})
