import { findRecipient, readAuthorizationRequest } from './authorization-request.js'
import type { Recipient } from './authorization-response.js'
import type { BrowserPorts } from './browser-ports.js'
import { invalidRequest } from './errors.js'
import type { Params } from './params.js'
import type { Ports } from './ports.js'
import type { Client, Tenant } from './records.js'
import { pushedRequestUri } from './request-uri.js'

/** Seconds from the push to when a browser must have come with it: enough for a slow app, too short to be worth stealing. */
export const PUSHED_REQUEST_LIFETIME = 90

/**
 * All that an authorization request says, and all that is kept of one: not what the client proves itself with, and nothing that nobody
 * reads. A `request` or `request_uri` is never among it, as both are refused.
 */
export const AUTHORIZATION_PARAMETERS = [
  'response_type',
  'redirect_uri',
  'response_mode',
  'state',
  'scope',
  'resource',
  'code_challenge',
  'code_challenge_method',
  'nonce',
  'prompt',
  'max_age',
  'login_hint',
  'id_token_hint',
  'acr_values',
  'claims',
  'ui_locales',
] as const

export type AuthorizationParams = Readonly<Record<string, readonly string[]>>

/** RFC 9126 §2.2. */
export type PushedResponse = { readonly request_uri: string; readonly expires_in: number }

export type PushPorts = Pick<Ports, 'clients' | 'apis' | 'mint' | 'jwtVerifier'> & Pick<BrowserPorts, 'pushedRequests'>

/** What is kept of an authorization request, by name. */
export function authorizationParams(params: Params): AuthorizationParams {
  const given = AUTHORIZATION_PARAMETERS.map((name) => [name, params.getAll(name)] as const)
  return Object.fromEntries(given.filter(([, values]) => values.length > 0))
}

/**
 * Keeps the authorization request of a client that is authenticated, once all of it is found right: what could fail for another reason
 * than the user fails here. Throws what the authorization endpoint would tell the client. RFC 9126 §2.1.
 */
export async function pushRequest(
  { tenant, client, params }: { readonly tenant: Tenant; readonly client: Client; readonly params: Params },
  ports: PushPorts,
): Promise<PushedResponse> {
  // RFC 9126 §2.1: one request does not stand for another.
  if (params.get('request_uri') !== undefined)
    throw invalidRequest('request_uri belongs to the authorization endpoint.')
  // RFC 9126 §2.1: required of an authorization request, however the client is authenticated.
  if (params.get('client_id') === undefined) throw invalidRequest('client_id is required.')
  const to = await findRecipient(tenant, params, ports)
  if (to.client.id !== client.id) throw invalidRequest('client_id is not the one that was authenticated.')
  await readAuthorizationRequest(to, params, ports)
  return keepRequest(to, authorizationParams(params), ports)
}

/** Keeps a request that was found right, for the browser to come with. RFC 9126 §2.2. */
export async function keepRequest(
  { tenant, client }: Pick<Recipient, 'tenant' | 'client'>,
  params: AuthorizationParams,
  { pushedRequests }: Pick<BrowserPorts, 'pushedRequests'>,
): Promise<PushedResponse> {
  const lifetime = PUSHED_REQUEST_LIFETIME
  const id = await pushedRequests.push(tenant.id, { clientId: client.id, params, lifetime })
  return { request_uri: pushedRequestUri(id), expires_in: lifetime }
}
