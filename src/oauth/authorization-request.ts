import { assertAcr } from './acr.js'
import type { Recipient } from './authorization-response.js'
import { parseClaimsRequest } from './claims-request.js'
import { authorizationError, invalidRequest, invalidScope, OAuthError, unauthorizedClient } from './errors.js'
import { verifyIdTokenHint } from './id-token-hint.js'
import type { Params } from './params.js'
import { CODE_CHALLENGE_METHODS, isCodeChallenge } from './pkce.js'
import type { Ports } from './ports.js'
import type { Api, AuthorizationRequest, Client, Prompt, ResponseMode, Tenant } from './records.js'
import { matchRedirectUri } from './redirect-uri.js'
import { isOpenidScope } from './registration/scopes.js'
import { grantTargets } from './resource.js'
import { parseScope } from './scope.js'

/** RFC 6749 §3.1.1: the one response type that gives nothing away in a URL but a code. */
export const RESPONSE_TYPES = ['code'] as const

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode §2. */
export const RESPONSE_MODES = ['query', 'fragment', 'form_post'] as const satisfies readonly ResponseMode[]

/** OpenID Connect Core §3.1.2.1. */
export const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const satisfies readonly Prompt[]

/** Bytes of JSON: what is kept of a request has to fit in beside what happens to it. */
const MOST_BYTES = 24_000

/** A client that may not be answered: whoever sent the browser here, it is nobody that a response could go to. */
const badLink = (reason: string) =>
  new OAuthError('invalid_request', reason, {
    problem: 'bad_link',
    description: 'The client or its redirect URI is not registered.',
  })

/**
 * Who a response would go to, errors included. Throws where there is nobody: then the browser goes nowhere, RFC 6749 §4.1.2.1.
 */
export async function findRecipient(
  tenant: Tenant,
  params: Params,
  { clients }: Pick<Ports, 'clients'>,
): Promise<Recipient> {
  const clientId = params.get('client_id')
  if (clientId === undefined) throw badLink('client_id_missing')
  const client = await clients.find(tenant.id, clientId)
  if (!client) throw badLink('client_unknown')
  if (client.disabled) throw badLink('client_disabled')
  const redirectUri = matchRedirectUri(client.redirectUris, params.get('redirect_uri'))
  if (redirectUri === undefined) throw badLink('redirect_uri_not_registered')
  // A request that is wrong in these two is answered too; how it wanted to be is then not known.
  const asked = readable(params, 'response_mode')
  const responseMode = RESPONSE_MODES.find((mode) => mode === asked) ?? 'query'
  const mode = responseMode === 'form_post' && !isPostable(redirectUri) ? 'query' : responseMode
  return { tenant, client, redirectUri, responseMode: mode, state: readable(params, 'state') }
}

const isPostable = (redirectUri: string) => /^https?:/.test(redirectUri)

/**
 * All that is asked for, checked: nothing that can fail for another reason than the user is left. Throws what the client is then told,
 * RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6.
 */
export async function readAuthorizationRequest(
  { tenant, client, redirectUri, responseMode, state }: Recipient,
  params: Params,
  ports: Pick<Ports, 'apis' | 'mint' | 'jwtVerifier'>,
): Promise<AuthorizationRequest> {
  if (tenant.disabled) throw unauthorizedClient('tenant_disabled')
  // OpenID Connect Core §6: what is not supported is said, never overlooked.
  if (params.get('request') !== undefined) throw authorizationError('request_not_supported')
  if (params.get('request_uri') !== undefined) throw authorizationError('request_uri_not_supported')
  checkResponseType(params, redirectUri)
  if (!client.grantTypes.includes('authorization_code')) throw unauthorizedClient('grant_type_not_of_this_client')
  const codeChallenge = challengeOf(params)
  const prompt = promptOf(params)

  const { scope, apis } = await targetsOf({ tenant, client }, params, ports)
  const hintedSubject = await hintedSubjectOf({ tenant, client }, params, ports)
  const claims = parseClaimsRequest(params.get('claims'))
  const acrValues = words(params.get('acr_values'))
  assertAcr({ claims, acrValues })
  const request: AuthorizationRequest = {
    clientId: client.id,
    redirectUri,
    responseMode,
    state,
    scope,
    apis,
    codeChallenge,
    nonce: params.get('nonce'),
    prompt,
    maxAge: maxAgeOf(params) ?? client.openid.defaultMaxAge,
    loginHint: params.get('login_hint'),
    hintedSubject,
    acrValues,
    claims,
    uiLocales: words(params.get('ui_locales')),
  }
  if (Buffer.byteLength(JSON.stringify(request)) > MOST_BYTES) {
    throw invalidRequest('The request is too long.', 'request_too_long')
  }
  return request
}

function checkResponseType(params: Params, redirectUri: string): void {
  const responseType = params.get('response_type')
  if (responseType === undefined) throw invalidRequest('response_type is required.')
  if (!RESPONSE_TYPES.some((one) => one === responseType)) throw authorizationError('unsupported_response_type')
  const mode = params.get('response_mode')
  if (mode !== undefined && !RESPONSE_MODES.some((one) => one === mode)) {
    throw invalidRequest('response_mode is not supported.')
  }
  if (mode === 'form_post' && !isPostable(redirectUri)) {
    throw invalidRequest('response_mode form_post needs a redirect URI of https or http.')
  }
}

/** RFC 7636 §4.4.1. Without a method it would be `plain`, RFC 7636 §4.3. */
function challengeOf(params: Params): string {
  const challenge = params.get('code_challenge')
  if (challenge === undefined) throw invalidRequest('code_challenge is required.')
  if (!CODE_CHALLENGE_METHODS.some((method) => method === params.get('code_challenge_method'))) {
    throw invalidRequest('code_challenge_method must be S256.')
  }
  if (!isCodeChallenge(challenge)) throw invalidRequest('code_challenge is malformed.')
  return challenge
}

function promptOf(params: Params): readonly Prompt[] {
  const asked = words(params.get('prompt'))
  const known = PROMPTS.filter((prompt) => asked.includes(prompt))
  if (known.length < new Set(asked).size) throw invalidRequest('prompt is not supported.')
  // OpenID Connect Core §3.1.2.1: nothing may be shown, and something must.
  if (known.includes('none') && known.length > 1) throw invalidRequest('prompt none goes with no other.')
  return known
}

function maxAgeOf(params: Params): number | undefined {
  const text = params.get('max_age')
  if (text === undefined) return undefined
  if (!/^\d{1,9}$/.test(text)) throw invalidRequest('max_age must be a number of seconds.')
  return Number(text)
}

/** Who an `id_token_hint` is about; it must have been issued to this client. OpenID Connect Core §3.1.2.1. */
async function hintedSubjectOf(
  { tenant, client }: Pick<Recipient, 'tenant' | 'client'>,
  params: Params,
  ports: Pick<Ports, 'jwtVerifier'>,
): Promise<string | undefined> {
  const text = params.get('id_token_hint')
  if (text === undefined) return undefined
  const hint = await verifyIdTokenHint(tenant, text, ports)
  if (hint?.aud === client.id) return hint.sub
  throw invalidRequest('id_token_hint is not an ID token of this client.', 'id_token_hint_invalid')
}

/** The grant's scope and APIs, RFC 8707 §2.1: OpenID Connect's scopes are the server's own, all others some API's. */
async function targetsOf(
  { tenant, client }: Pick<Recipient, 'tenant' | 'client'>,
  params: Params,
  { apis, mint }: Pick<Ports, 'apis' | 'mint'>,
): Promise<Pick<AuthorizationRequest, 'scope' | 'apis'>> {
  const asked = parseScope(params.get('scope')) ?? []
  const own = openidScopes(client, asked)
  const isOpenid = own.includes('openid')
  const available = await apis.list(tenant.id, client.apis)
  const wanted = asked.filter((one) => !isOpenidScope(one))
  // OpenID Connect Core §3.1.2.1: scopes that are not understood SHOULD be ignored.
  const apiScope = isOpenid ? wanted.filter((one) => isKnown(available, one)) : wanted
  const resources = params.getAll('resource').filter((resource) => resource !== tenant.issuer)
  if (resources.length === 0 && apiScope.length === 0 && isOpenid) return { scope: own, apis: [] }

  const ask = { resources, scope: apiScope.length > 0 ? apiScope.join(' ') : undefined }
  const targets = grantTargets(client, ask, available)
  await mint.assertReady(tenant, targets.first)
  return { scope: [...own, ...targets.scope], apis: targets.apis.map(({ id }) => id) }
}

/** Of those asked for, those that mean something for this client. */
function openidScopes(client: Client, asked: readonly string[]): readonly string[] {
  const allowed = asked.filter(isOpenidScope).filter((one) => client.scopes.length === 0 || client.scopes.includes(one))
  // OpenID Connect Core §5.4: without `openid` nobody can be asked who the user is.
  const known = asked.includes('openid') ? allowed : allowed.filter((one) => one === 'offline_access')
  if (asked.includes('openid') && !allowed.includes('openid')) throw invalidScope('openid_not_of_this_client')
  // OpenID Connect Core §11: it asks for a refresh token, and is ignored where there can be none.
  return client.grantTypes.includes('refresh_token') ? known : known.filter((one) => one !== 'offline_access')
}

const isKnown = (apis: readonly Api[], scope: string) => apis.some((api) => api.scopes.includes(scope))

const words = (text: string | undefined): readonly string[] => (text ?? '').split(' ').filter((word) => word !== '')

/** A parameter that may have come twice: then it is as if it had not come, and the request is refused for that. */
function readable(params: Params, name: string): string | undefined {
  const all = params.getAll(name)
  return all.length === 1 ? all[0] : undefined
}
