import { randomBytes } from 'node:crypto'
import { secretMatches } from '../crypto/secrets.js'
import { type Credentials, parseBasic } from './basic-credentials.js'
import { invalidClient, invalidRequest, tooManyRequests, unauthorizedClient } from './errors.js'
import type { Params } from './params.js'
import type { Ports } from './ports.js'
import type { Api, Client, Tenant } from './records.js'

/** What of a request says who calls. `address` as `addressKey` gives it. */
export type Caller = {
  readonly tenant: Tenant
  readonly headers: { readonly authorization?: string | undefined; readonly origin?: string | undefined }
  readonly address: string
}

/** Who may ask about tokens: the API they are for, or the client they were issued to. */
export type Introspector = { readonly api: Api } | { readonly client: Client }

/** The ways a client may authenticate, RFC 8414 §2. */
export const CLIENT_AUTH_METHODS = ['client_secret_basic', 'client_secret_post', 'none'] as const

/** The ways of a caller that must have a secret. */
export const SECRET_AUTH_METHODS = ['client_secret_basic', 'client_secret_post'] as const

/**
 * Authenticates a client by header or body, a public one by its id alone, RFC 6749 §2.3. Throws `invalid_client` alike for every
 * reason, `invalid_request` for two methods at once, 429 once too many have failed from the address.
 */
export async function authenticateClient(
  caller: Caller,
  params: Params,
  { clients, throttle }: Pick<Ports, 'clients' | 'throttle'>,
): Promise<Client> {
  const presented = credentials(caller, params)
  const client = await clients.find(caller.tenant.id, presented.id)
  const reason = refusal(client, presented.secret)
  if (!client || reason) throw await failed(caller, reason, throttle)
  // RFC 10017 §6.3.2: the preflight knew the tenant alone; a page of one client does not act for another.
  if (!originAllowed(caller, client)) throw unauthorizedClient('origin_not_of_this_client')
  return client
}

/** Authenticates an API by its `api_id` and `api_secret` in the header, RFC 7662 §2.1. Throws as `authenticateClient`. */
export async function authenticateApi(
  caller: Caller,
  { apis, throttle }: Pick<Ports, 'apis' | 'throttle'>,
): Promise<Api> {
  const { authorization } = caller.headers
  if (authorization === undefined) throw invalidClient('authentication_missing')
  const presented = parseBasic(authorization)
  if (!presented) throw invalidClient('authorization_malformed')
  const api = await apis.find(caller.tenant.id, presented.id)
  const reason = refusal(api, presented.secret)
  if (!api || reason) throw await failed(caller, reason, throttle)
  return api
}

/**
 * Would an API that was authenticated be so again? Asked where an answer goes on for longer than what it was given on may hold.
 * Counts as no try.
 */
export async function stillAuthenticated({ tenant, headers }: Caller, { apis }: Pick<Ports, 'apis'>): Promise<boolean> {
  const presented = parseBasic(headers.authorization ?? '')
  if (!presented) return false
  return refusal(await apis.find(tenant.id, presented.id), presented.secret) === undefined
}

/** Authenticates who asks about a token: an API or a confidential client, RFC 7662 §2.1. Throws as `authenticateClient`. */
export async function authenticateIntrospector(
  caller: Caller,
  params: Params,
  { apis, clients, throttle }: Pick<Ports, 'apis' | 'clients' | 'throttle'>,
): Promise<Introspector> {
  const { id, secret } = credentials(caller, params)
  const { tenant } = caller
  // Both are looked up, whatever the first answers, so that the time taken does not tell the kinds apart.
  const [api, client] = await Promise.all([apis.find(tenant.id, id), clients.find(tenant.id, id)])
  // RFC 7662 §2.1: who has no secret proves nothing and could try tokens one by one.
  const reason = refusal(api ?? client, secret) ?? (client?.public ? 'public_client' : undefined)
  if (api && !reason) return { api }
  if (client && !reason) return { client }
  throw await failed(caller, reason, throttle)
}

function credentials({ headers: { authorization } }: Caller, params: Params): Credentials {
  const id = params.get('client_id')
  const secret = params.get('client_secret')
  const assertion = params.get('client_assertion') ?? params.get('client_assertion_type')
  // RFC 6749 §2.3: one method per request.
  if ([authorization, secret, assertion].filter((one) => one !== undefined).length > 1) {
    throw invalidRequest('Only one method of client authentication may be used.', 'two_client_authentications')
  }
  if (assertion !== undefined) throw invalidClient('client_assertion_unsupported')
  if (authorization !== undefined) {
    const basic = parseBasic(authorization)
    if (!basic) throw invalidClient('authorization_malformed')
    if (id !== undefined && id !== basic.id) {
      throw invalidRequest('client_id is not the one of the Authorization header.', 'client_id_differs')
    }
    return basic
  }
  if (id === undefined) throw invalidClient('authentication_missing')
  return { id, secret }
}

type SecretHolder = Pick<Client, 'secretHashes' | 'disabled'> & { readonly public?: boolean }

// A hash of nothing: it stands in for those that are not there, so that every answer takes as many comparisons.
const NOBODY = randomBytes(32)
const MAX_SECRETS = 2

/** Why these credentials do not count; undefined when they do. RFC 6749 §2.3.1. */
function refusal(holder: SecretHolder | undefined, secret: string | undefined): string | undefined {
  const matches = secret !== undefined && matchesAny(secret, holder?.secretHashes ?? [])
  if (!holder) return 'client_unknown'
  if (holder.disabled) return 'client_disabled'
  if (holder.public) return secret === undefined ? undefined : 'public_client_with_secret'
  if (secret === undefined) return 'client_secret_missing'
  return matches ? undefined : 'client_secret_wrong'
}

function matchesAny(secret: string, hashes: readonly Uint8Array[]): boolean {
  const padded = [...hashes, ...Array<Uint8Array>(MAX_SECRETS).fill(NOBODY)].slice(0, MAX_SECRETS)
  // Two secrets live while one replaces the other.
  return secretMatches(secret, ...padded)
}

/** RFC 6749 §2.3.1: a secret must be protected against guessing. */
async function failed({ tenant, address }: Caller, reason: string | undefined, throttle: Ports['throttle']) {
  const outcome = await throttle.clientFailed(tenant.id, address)
  return outcome === 'counted'
    ? invalidClient(reason ?? 'client_unknown')
    : tooManyRequests('client_authentication_throttled', outcome.retryAfter)
}

/** Whether a request comes from no page, from the server's own, or from one of the client's origins. RFC 10017 §6.3.2. */
export function originAllowed(
  { headers: { origin }, tenant }: Pick<Caller, 'headers' | 'tenant'>,
  client: Pick<Client, 'origins'>,
): boolean {
  if (origin === undefined) return true
  // `null` is every sandboxed frame and local file at once, so it is nobody, whatever is registered.
  return origin !== 'null' && (origin === new URL(tenant.issuer).origin || client.origins.includes(origin))
}
