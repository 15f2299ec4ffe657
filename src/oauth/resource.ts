import { invalidScope, invalidTarget } from './errors.js'
import type { Api, Client, Grant, Tenant } from './records.js'
import { isOpenidScope } from './registration/scopes.js'
import { parseScope, within } from './scope.js'
import { userinfoApi } from './userinfo-api.js'

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
 * API or a scope since has lost it here too. With `openid` in the scope userinfo may be named as well, by the issuer, and is what a
 * request without a `resource` is for where no one API is. Throws `invalid_target` and `invalid_scope`.
 */
export function refreshTarget(
  { tenant, client, grant }: { readonly tenant: Tenant; readonly client: Client; readonly grant: Pick<Grant, 'scope'> },
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
  const wanted = { resources: ask.resources, asked: asked?.filter((one) => !isOpenidScope(one)) }
  const choice =
    (asked ?? grant.scope).includes('openid') && meansUserinfo({ tenant, client }, wanted, covered)
      ? { api: userinfoApi(tenant), scope: grant.scope.filter(isOpenidScope) }
      : choose(client, wanted, covered)
  // RFC 8707 §2.2: of what was granted for several APIs, the part that means something at this one.
  return granted(choice.api, asked ? asked.filter((one) => choice.scope.includes(one)) : choice.scope)
}

/** Whether a request is for the user's own claims: by name, by its scope, or because no API is meant more than another. */
function meansUserinfo(
  { tenant, client }: { readonly tenant: Tenant; readonly client: Client },
  { resources: [resource, ...more], asked }: Wanted,
  covered: readonly Choice[],
): boolean {
  if (resource !== undefined) return more.length === 0 && resource === tenant.issuer
  if (asked?.length === 0) return true
  const useful = covered.filter(({ scope }) => scope.length > 0)
  return unnamed(client, asked, useful) === undefined
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

/** `asked`: scopes of APIs alone; undefined when no scope was asked for. */
type Wanted = { readonly resources: readonly string[]; readonly asked: readonly string[] | undefined }

function choose(client: Client, { resources: [resource, ...more], asked }: Wanted, among: readonly Choice[]): Choice {
  // One token is for one API: two would need two keys, and each could use the token at the other.
  if (more.length > 0) throw invalidTarget('resource_repeated')
  if (resource !== undefined) return named(resource, among)

  if (asked?.some((scope) => !among.some((choice) => choice.scope.includes(scope)))) throw invalidScope('scope_unknown')
  const choice = unnamed(client, asked, among)
  // The log names the choices, the answer does not.
  if (!choice) throw invalidTarget('resource_missing', { choices: identifiers(owners(asked, among)) })
  return choice
}

/** The API that a request means which names none: the one that owns all its scopes, or else the client's default. */
function unnamed(client: Client, asked: readonly string[] | undefined, among: readonly Choice[]): Choice | undefined {
  const pool = owners(asked, among)
  return pool.length === 1 ? pool[0] : pool.find(({ api }) => api.identifier === client.defaultResource)
}

function owners(asked: readonly string[] | undefined, among: readonly Choice[]): readonly Choice[] {
  const owning = among.filter(({ scope }) => scope.length > 0 && within(asked ?? [], scope))
  return owning.length > 0 ? owning : among
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
