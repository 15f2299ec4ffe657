import { logoutByRefreshToken } from '../accounts/logout.js'
import { sha256Text } from '../crypto/sha256.js'
import { originAllowed } from '../oauth/client-auth.js'
import { invalidGrant, invalidRequest, OAuthError, unauthorizedClient } from '../oauth/errors.js'
import type { Client, Tenant } from '../oauth/records.js'
import { cookieValues } from './browser.js'
import { clientActor } from './caller.js'
import type { HttpRequest } from './handler.js'

type Owner = { readonly tenant: Pick<Tenant, 'id' | 'issuer'>; readonly client: Pick<Client, 'id'> }

/** What a page must add to a request: no form, image or link can, and another origin must ask first. RFC 10017 §6.1.3.3. */
const MARK = { name: 'x-requested-with', value: 'bulla' } as const

/** Whether a request says that it comes from a page whose refresh token is in a cookie. */
export const isFromPage = ({ headers }: Pick<HttpRequest, 'headers'>): boolean => headers[MARK.name] === MARK.value

/**
 * The cookie that holds the refresh token of a browser app: of one client at one tenant, whatever alphabet their ids have. With `__Host-`
 * a browser takes it from this host alone, and over https; on http, as in development, there is no such prefix to have. RFC 6265 §4.1.1.
 */
export function refreshCookieName({ tenant, client }: Owner): string {
  const owner = sha256Text(`${tenant.id}\n${client.id}`, 'base64url').slice(0, 22)
  return isSecure(tenant) ? `__Host-bulla.refresh.${owner}` : `bulla.refresh.${owner}`
}

/**
 * Throws unless a request may use such a cookie: of a client that has no server of its own to keep a refresh token, from one of its pages
 * or ours, and sent by a script there. SameSite keeps out other sites; this keeps out what shares the site. RFC 10017 §6.1.3.3.
 */
export function assertPageOf(request: HttpRequest, client: Client): void {
  const mayHold = client.public && client.firstParty && client.origins.length > 0
  if (!mayHold) throw unauthorizedClient('client_without_refresh_cookie')
  const { origin } = request.headers
  // No page's script can leave it out of a POST; whatever else does gets no use of what a browser holds.
  if (origin === undefined || !originAllowed(request, client)) throw notAPage('origin_missing_or_foreign')
  if (!isFromPage(request)) throw notAPage('page_header_missing')
}

/**
 * The refresh token that a browser holds for a client. Throws `invalid_grant` where it holds none, and `invalid_request` for two of the
 * name: then one of them was planted. RFC 6265 §5.4.
 */
export function heldRefreshToken(request: HttpRequest, client: Client): string {
  const [held, ...more] = cookieValues(request, refreshCookieName({ tenant: request.tenant, client }))
  if (more.length > 0) throw invalidRequest('A cookie was sent more than once.', 'refresh_cookie_repeated')
  if (!held) throw invalidGrant('refresh_cookie_missing')
  return held
}

/** Ends the grant of what a browser holds for a client. Of two one was planted, and nobody can tell which: both end, as both are sent. */
export async function endHeldTokens(
  request: HttpRequest,
  client: Client,
  deps: Parameters<typeof logoutByRefreshToken>[1],
): Promise<void> {
  const { tenant } = request
  const by = clientActor(request, client)
  for (const token of cookieValues(request, refreshCookieName({ tenant, client }))) {
    await logoutByRefreshToken({ token, client, tenant, by }, deps)
  }
}

/** The header that makes a browser hold a refresh token. `maxAge`: seconds until its grant is over. */
export function holdRefreshToken(owner: Owner, { token, maxAge }: { readonly token: string; readonly maxAge: number }) {
  return setCookie(owner, token, Math.max(0, Math.floor(maxAge)))
}

/** The header that makes a browser forget it. */
export const forgetRefreshToken = (owner: Owner) => setCookie(owner, '', 0)

// Strict: it comes along with what pages of the same site ask for, and with nothing else, links included. RFC 10017 §6.1.3.2.
function setCookie(owner: Owner, value: string, maxAge: number): { readonly 'set-cookie': string } {
  const attributes = `Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Strict${isSecure(owner.tenant) ? '; Secure' : ''}`
  return { 'set-cookie': `${refreshCookieName(owner)}=${value}; ${attributes}` }
}

const isSecure = ({ issuer }: Pick<Tenant, 'issuer'>) => issuer.startsWith('https:')

const notAPage = (reason: string) =>
  new OAuthError('invalid_request', reason, { status: 403, description: 'Only a page of the client may ask for this.' })
