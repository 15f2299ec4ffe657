import { invalidScope, invalidTarget } from './errors.js'
import type { Api, Client, Grant } from './records.js'
import { parseScope, within } from './scope.js'

/** What a request says of the token it wants: `resource` as often as it came, `scope` as it came. */
export type Ask = { readonly resources: readonly string[]; readonly scope: string | undefined }

/** The one API a token is for, and what it may do there; never nothing. */
export type Target = { readonly api: Api; readonly scope: readonly string[] }

/** What a login grants: APIs in the order asked, and the one its first token is for. */
export type GrantTargets = {
  readonly apis: readonly Api[]
  readonly scope: readonly string[]
  readonly first: Api
}

/** An API that may be chosen, and the scopes that may be had there. */
type Choice = Target

// RFC 3986 §4.3: a scheme, something after it, no fragment. What is registered is compared byte for byte anyway.
const ABSOLUTE_URI = /^[a-z][a-z0-9+.-]*:[\x21\x22\x24-\x7e]+$/i

/**
 * The API and scope of a token that a client wants for itself, RFC 8707 §2.2. `apis`: the live ones of the client.
 * Throws `invalid_target` and `invalid_scope`.
 */
export function clientTarget(client: Client, ask: Ask, apis: readonly Api[]): Target {
  const asked = parseScope(ask.scope)
  const choice = choose(client, { resources: ask.resources, asked }, choices(client, apis))
  // RFC 6749 §3.3: a scope that cannot be had is refused; one not asked for is the client's, and said in the answer.
  if (asked && !within(asked, choice.scope)) throw invalidScope('scope_not_at_resource')
  return granted(choice.api, asked ?? choice.scope)
}

/**
 * The API and scope of a token on a grant, RFC 8707 §2.2, RFC 6749 §6. `apis`: the grant's live ones. A client that has lost an
 * API or a scope since has lost it here too. Throws `invalid_target` and `invalid_scope`.
 */
export function refreshTarget(
  { client, grant }: { readonly client: Client; readonly grant: Pick<Grant, 'scope'> },
  ask: Ask,
  apis: readonly Api[],
): Target {
  const asked = parseScope(ask.scope)
  // RFC 6749 §6: nothing that was not granted, whatever the API has to offer.
  if (asked && !within(asked, grant.scope)) throw invalidScope('scope_beyond_grant')
  const covered = choices(
    client,
    apis.filter((api) => client.apis.includes(api.id)),
  ).map(({ api, scope }) => ({ api, scope: grant.scope.filter((one) => scope.includes(one)) }))
  const choice = choose(client, { resources: ask.resources, asked }, covered)
  // RFC 8707 §2.2: of what was granted for several APIs, the part that means something at this one.
  return granted(choice.api, asked ? asked.filter((one) => choice.scope.includes(one)) : choice.scope)
}

/**
 * The APIs and scope that a login grants, RFC 8707 §2.1. `apis`: the live ones of the client.
 * Throws `invalid_target` and `invalid_scope`.
 */
export function grantTargets(client: Client, ask: Ask, apis: readonly Api[]): GrantTargets {
  const resources = [...new Set(ask.resources)]
  if (resources.length < 2) {
    const { api, scope } = clientTarget(client, { resources, scope: ask.scope }, apis)
    return { apis: [api], scope, first: api }
  }
  const covered = resources.map((resource) => named(resource, choices(client, apis)))
  const union = [...new Set(covered.flatMap((choice) => choice.scope))]
  const scope = parseScope(ask.scope) ?? union
  if (!within(scope, union)) throw invalidScope('scope_not_at_resource')
  const first = covered.find(({ api }) => scopeAt(api, scope).length > 0)
  if (!first) throw invalidScope('scope_empty')
  return { apis: covered.map(({ api }) => api), scope, first: first.api }
}

/** The part of a granted scope that means something at an API. RFC 8707 §2.2. */
export function scopeAt(api: Api, scope: readonly string[]): readonly string[] {
  return scope.filter((one) => api.scopes.includes(one))
}

const choices = (client: Client, apis: readonly Api[]): readonly Choice[] =>
  apis.map((api) => ({ api, scope: client.scopes.length > 0 ? scopeAt(api, client.scopes) : api.scopes }))

function choose(
  client: Client,
  { resources: [resource, ...more], asked }: { resources: readonly string[]; asked: readonly string[] | undefined },
  among: readonly Choice[],
): Choice {
  // One token is for one API: two would need two keys, and each could use the token at the other.
  if (more.length > 0) throw invalidTarget('resource_repeated')
  if (resource !== undefined) return named(resource, among)

  if (asked?.some((scope) => !among.some((choice) => choice.scope.includes(scope)))) throw invalidScope('scope_unknown')
  const owners = among.filter(({ scope }) => scope.length > 0 && within(asked ?? [], scope))
  const pool = owners.length > 0 ? owners : among
  const choice = pool.length === 1 ? pool[0] : pool.find(({ api }) => api.identifier === client.defaultResource)
  // The log names the choices, the answer does not.
  if (!choice) throw invalidTarget('resource_missing', { choices: identifiers(pool) })
  return choice
}

function named(resource: string, among: readonly Choice[]): Choice {
  // RFC 8707 §2: an absolute URI without a fragment.
  if (!ABSOLUTE_URI.test(resource)) throw invalidTarget('resource_malformed')
  const choice = among.find(({ api }) => api.identifier === resource)
  if (!choice) throw invalidTarget('resource_not_for_this_client', { choices: identifiers(among) })
  return choice
}

const identifiers = (among: readonly Choice[]) => among.map(({ api }) => api.identifier)

function granted(api: Api, scope: readonly string[]): Target {
  // RFC 6749 §3.3: there is no empty scope. A token that may do nothing would only hide a mistake.
  if (scope.length === 0) throw invalidScope('scope_empty')
  return { api, scope }
}
