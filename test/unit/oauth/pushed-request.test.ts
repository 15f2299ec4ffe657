import { expect, it } from 'vitest'
import { readAuthorizationRequest } from '../../../src/oauth/authorization-request.js'
import type { Params } from '../../../src/oauth/params.js'
import { AUTHORIZATION_PARAMETERS, authorizationParams, pushRequest } from '../../../src/oauth/pushed-request.js'
import { DEFAULT_TENANT } from '../../support/app.js'
import { CHALLENGE, firstPartyWorld, REDIRECT_URI } from '../../support/first-party.js'
import { refusalOf, requestParams } from '../../support/request-params.js'

const request = {
  response_type: 'code',
  redirect_uri: REDIRECT_URI,
  code_challenge: CHALLENGE,
  code_challenge_method: 'S256',
  scope: 'orders:read',
}

it('keeps every parameter that an authorization request is read from', async () => {
  const { client, deps } = firstPartyWorld()
  const names = new Set<string>()
  const params = requestParams(request)
  const noted = (name: string) => {
    names.add(name)
    return name
  }
  const watched: Params = { get: (name) => params.get(noted(name)), getAll: (name) => params.getAll(noted(name)) }
  const to = { tenant: DEFAULT_TENANT, client, redirectUri: REDIRECT_URI, responseMode: 'query', state: '' } as const
  await readAuthorizationRequest(to, watched, deps)
  const refused = ['request', 'request_uri']
  expect([...names].filter((name) => !refused.includes(name)).filter((name) => !isKept(name))).toEqual([])
})

const isKept = (name: string) => AUTHORIZATION_PARAMETERS.some((one) => one === name)

it('keeps what a client proves itself with nowhere', () => {
  const secrets = { client_secret: 's', client_assertion: 'a', client_assertion_type: 't', password: 'p', code: 'c' }
  expect(authorizationParams(requestParams({ ...request, ...secrets }))).toEqual(
    authorizationParams(requestParams(request)),
  )
})

it('pushes for nobody but the client that was authenticated, RFC 9126 §2.1', async () => {
  const { client, deps, world } = firstPartyWorld()
  const other = world.addClient({ ...client, id: 'other' })
  const params = requestParams({ ...request, client_id: other.id })
  expect(await refusalOf(pushRequest({ tenant: DEFAULT_TENANT, client, params }, deps))).toBe(
    'invalid_request: client_id_is_not_the_one_that_was_authenticated',
  )
})
