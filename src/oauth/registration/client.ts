import type { OpenIdSettings } from '../records.js'
import { given, type Optional } from './change.js'
import { parseName } from './name.js'
import { changeOpenId, type OpenIdAsked, type OpenIdChange, openIdWarnings, registerOpenId } from './openid.js'
import { quoted, RegistrationError } from './registration-error.js'
import { isOpenidScope, parseScopes } from './scopes.js'
import { originsOf, parseOrigin, parseRedirectUri } from './uris.js'

const GRANT_TYPES = ['authorization_code', 'refresh_token', 'client_credentials'] as const
const MAX_URIS = 50
const MAX_APIS = 100
const MAX_GRACE = 300
const LONG_GRACE = 60

/** What is registered of a client, RFC 7591 §2. APIs are named by their identifiers. */
export type ClientSettings = {
  readonly name: string
  readonly public: boolean
  readonly firstParty: boolean
  readonly grantTypes: readonly string[]
  readonly redirectUris: readonly string[]
  readonly origins: readonly string[]
  readonly scopes: readonly string[]
  readonly apis: readonly string[]
  readonly defaultResource: string | undefined
  readonly rotation: 'always' | 'never'
  /** Seconds; undefined: the server's default. */
  readonly grace: number | undefined
  /** Somebody of the tenant has checked who is behind it. */
  readonly verified: boolean
  /** RFC 9126 §6. */
  readonly requirePushedRequests: boolean
  readonly openid: OpenIdSettings
}

type CoreSettings = Omit<ClientSettings, 'openid'>
type Asked = Omit<CoreSettings, 'public' | 'rotation'> & { readonly rotation: string }

/** What whoever registers a client has to say; all else has a default. */
export type NewClient = Pick<ClientSettings, 'name' | 'public' | 'firstParty'> &
  Optional<Asked> & { readonly openid?: Optional<OpenIdAsked> }

/**
 * Undefined leaves a setting as it is, null takes it away. Whether a client is public is decided once: it would need a secret, or
 * keep one.
 */
export type ClientChange = Optional<Omit<Asked, 'defaultResource' | 'grace'>> & {
  readonly defaultResource?: string | null | undefined
  readonly grace?: number | null | undefined
  readonly openid?: OpenIdChange
}

/**
 * The settings of a new client. Without `grantTypes`: `refresh_token` for one that signs users in (with `authorization_code` when
 * it has redirect URIs), `client_credentials` for a confidential one that doesn't. Throws RegistrationError. RFC 7591 §2.
 */
export function registerClient(asked: NewClient): ClientSettings {
  const redirectUris = asked.redirectUris ?? []
  const settings = check({
    name: asked.name,
    public: asked.public,
    firstParty: asked.firstParty,
    grantTypes: asked.grantTypes ?? defaultGrantTypes(asked, redirectUris),
    redirectUris,
    origins: asked.origins ?? originsOf(redirectUris.map(parseRedirectUri)),
    scopes: asked.scopes ?? [],
    apis: asked.apis ?? [],
    defaultResource: asked.defaultResource,
    rotation: asked.rotation ?? 'always',
    grace: asked.grace,
    verified: asked.verified ?? false,
    requirePushedRequests: asked.requirePushedRequests ?? false,
  })
  return { ...settings, openid: registerOpenId(asked.openid ?? {}, settings.redirectUris) }
}

/**
 * The settings of a client after a change; origins that came from its redirect URIs go on coming from them. Throws
 * RegistrationError. RFC 7592 §2.2.
 */
export function changeClient(
  { openid, ...current }: ClientSettings,
  { openid: openIdChange = {}, ...change }: ClientChange,
): ClientSettings {
  const follow = sameSet(current.origins, originsOf(current.redirectUris))
  const origins = follow && change.redirectUris ? originsOf(change.redirectUris.map(parseRedirectUri)) : current.origins
  const settings = check({ ...current, origins, ...given(change) })
  return { ...settings, openid: changeOpenId(openid, openIdChange, settings.redirectUris) }
}

/** What is allowed and yet unwise or leads nowhere, as sentences for whoever registers the client. RFC 9700 §4.14.2. */
export function clientWarnings(client: ClientSettings): string[] {
  const warnings: string[] = []
  if (client.apis.length === 0) warnings.push('The client can reach no API until one is named.')
  if (!client.firstParty && client.redirectUris.length === 0 && !client.grantTypes.includes('client_credentials')) {
    warnings.push('Nobody can sign in with the client: it is not first-party and has no redirect URI.')
  }
  if (client.grace !== undefined && client.grace >= LONG_GRACE) {
    warnings.push(
      `For ${client.grace} seconds a spent refresh token is answered with the current one: a thief and the owner can share a grant ` +
        'that long, unnoticed.',
    )
  }
  return [...warnings, ...openIdWarnings(client.openid)]
}

function defaultGrantTypes({ public: isPublic, firstParty }: NewClient, redirectUris: readonly string[]): string[] {
  if (redirectUris.length > 0) return ['authorization_code', 'refresh_token']
  return isPublic || firstParty ? ['refresh_token'] : ['client_credentials']
}

function check(settings: Omit<CoreSettings, 'rotation'> & { rotation: string }): CoreSettings {
  const { rotation, grace } = settings
  if (rotation !== 'always' && rotation !== 'never') throw new RegistrationError('rotation', 'must be always or never')
  // RFC 9700 §2.2.2: refresh tokens of public clients are rotated.
  if (settings.public && rotation === 'never') {
    throw new RegistrationError('rotation', 'must be always for a public client')
  }
  if (grace !== undefined && !(Number.isInteger(grace) && grace >= 0 && grace <= MAX_GRACE)) {
    throw new RegistrationError('grace', `must be 0 to ${MAX_GRACE} seconds`)
  }
  const apis = [...new Set(settings.apis)]
  if (apis.length > MAX_APIS) throw new RegistrationError('apis', `must be at most ${MAX_APIS}`)
  if (settings.defaultResource !== undefined && !apis.includes(settings.defaultResource)) {
    throw new RegistrationError(
      'defaultResource',
      `${quoted(settings.defaultResource)} must be one of the client's APIs`,
    )
  }
  return {
    ...settings,
    name: parseName(settings.name),
    grantTypes: checkGrantTypes(settings),
    redirectUris: distinct('redirectUris', settings.redirectUris).map(parseRedirectUri),
    origins: distinct('origins', settings.origins).map(parseOrigin),
    scopes: parseScopes(settings.scopes),
    apis,
    rotation,
  }
}

function checkGrantTypes(client: Pick<ClientSettings, 'grantTypes' | 'public' | 'redirectUris'>): string[] {
  const grantTypes = [...new Set(client.grantTypes)]
  const unknown = grantTypes.find((grantType) => !GRANT_TYPES.some((known) => known === grantType))
  if (unknown !== undefined) {
    throw new RegistrationError('grantTypes', `${quoted(unknown)} must be one of ${GRANT_TYPES.join(', ')}`)
  }
  if (grantTypes.length === 0) throw new RegistrationError('grantTypes', 'must be at least one')
  // RFC 6749 §4.4: the client credentials grant type MUST only be used by confidential clients.
  if (client.public && grantTypes.includes('client_credentials')) {
    throw new RegistrationError('grantTypes', 'must not have client_credentials for a public client')
  }
  // RFC 6749 §3.1.2.2: what a code is sent to is registered.
  if (grantTypes.includes('authorization_code') && client.redirectUris.length === 0) {
    throw new RegistrationError('redirectUris', 'must be at least one for authorization_code')
  }
  return grantTypes
}

/** Of the client's own scopes, those that none of its APIs has. */
export function strayScopes(client: ClientSettings, scopesOfApis: readonly string[]): string[] {
  return client.scopes.filter((scope) => !isOpenidScope(scope) && !scopesOfApis.includes(scope))
}

function distinct(setting: 'redirectUris' | 'origins', values: readonly string[]): string[] {
  const set = [...new Set(values)]
  if (set.length > MAX_URIS) throw new RegistrationError(setting, `must be at most ${MAX_URIS}`)
  return set
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value))
}
