import { createHmac } from 'node:crypto'
import { constantTimeEqual } from '../crypto/equality.js'
import { randomToken } from '../crypto/secrets.js'
import { OAuthError } from '../oauth/errors.js'
import type { Tenant } from '../oauth/records.js'
import type { HttpRequest, ResponseHeaders } from './handler.js'

/** What a browser holds of this server, in one cookie a tenant. */
export type Browser = {
  /** Tells this browser from all others, from before anybody signed in; 128 bits, never shown to a page. */
  readonly id: string
  /** Of the session that was begun in it, if one was; whether it is live the store knows. */
  readonly session: string | undefined
}

const ID = '[A-Za-z0-9_-]{22}'
const SESSION = '[A-Za-z0-9_-]{64}'
const VALUE = new RegExp(`^(${ID})(?:\\.(${SESSION}))?$`)

/**
 * The cookie of a tenant. With `__Host-` a browser takes it from this host alone, and over https, so that no sibling can plant one; on
 * http, as in development, there is no such prefix to have. One tenant's is of no use at another: each looks for its own name.
 * RFC 6265 §5.3.
 */
export function cookieName({ id, issuer }: Pick<Tenant, 'id' | 'issuer'>): string {
  return issuer.startsWith('https:') ? `__Host-bulla.${id}` : `bulla.${id}`
}

/** The value of a cookie; undefined when it is not there, or there twice: then one of them was planted. RFC 6265 §5.4. */
export function readCookie(request: Pick<HttpRequest, 'headers'>, name: string): string | undefined {
  const [only, ...more] = cookieValues(request, name)
  return more.length > 0 ? undefined : only
}

/** Every value that a browser sends under a name, in its order. */
export function cookieValues({ headers }: Pick<HttpRequest, 'headers'>, name: string): readonly string[] {
  return (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
}

/** The browser that asks; undefined when it has no cookie of the tenant's that we could have set. */
export function browserOf(request: Pick<HttpRequest, 'headers' | 'tenant'>): Browser | undefined {
  const [, id, session] = VALUE.exec(readCookie(request, cookieName(request.tenant)) ?? '') ?? []
  return id === undefined ? undefined : { id, session }
}

/** A browser that was never here. */
export const newBrowser = (): Browser => ({ id: randomToken(16), session: undefined })

/** The header that makes a browser be the one given from now on, until it is closed. RFC 6265 §4.1. */
export function rememberBrowser(tenant: Tenant, { id, session }: Browser): ResponseHeaders {
  const value = session === undefined ? id : `${id}.${session}`
  // Lax: it comes along when another site sends somebody here, and with nothing that such a site posts or embeds.
  const attributes = `Path=/; HttpOnly; SameSite=Lax${tenant.issuer.startsWith('https:') ? '; Secure' : ''}`
  return { 'set-cookie': `${cookieName(tenant)}=${value}; ${attributes}` }
}

/**
 * What a form of ours carries, so that no other site can post it: made of what the browser holds, and for one purpose (a flow, the
 * account page), so that it is good neither in another browser nor for another form, and for none once the session has changed.
 */
export function csrfToken({ id, session = '' }: Browser, purpose: string): string {
  return createHmac('sha256', `${id}.${session}`).update(`csrf ${purpose}`).digest('base64url')
}

/** Throws `invalid_request` with 403 for what a browser says another site made it post. RFC 9700 §4.7. */
export function assertOwnSite({ headers, tenant }: Pick<HttpRequest, 'headers' | 'tenant'>): void {
  const { origin, 'sec-fetch-site': site = 'same-origin' } = headers
  // Pages that send no referrer send `null` for their own origin too.
  const foreign = origin !== undefined && origin !== 'null' && origin !== new URL(tenant.issuer).origin
  if (foreign || (site !== 'same-origin' && site !== 'none')) throw notOurs('form_of_another_site')
}

/** What a form says it is: for what it was made, and its token. */
export type FormProof = { readonly purpose: string; readonly token: string | undefined }

/** Whether a form was made for this browser, as signed in as it is now, and for this purpose. In constant time. */
export function isOwnForm(browser: Browser, { purpose, token }: FormProof): boolean {
  return token !== undefined && constantTimeEqual(token, csrfToken(browser, purpose))
}

/**
 * Throws `invalid_request` with 403 unless a form was posted by a page of ours, in the browser it was made for. RFC 9700 §4.7.
 */
export function assertOwnForm(
  request: Pick<HttpRequest, 'headers' | 'tenant'>,
  browser: Browser | undefined,
  proof: FormProof,
): asserts browser is Browser {
  assertOwnSite(request)
  if (!browser) throw notOurs('form_without_browser')
  if (!isOwnForm(browser, proof)) throw notOurs('csrf_token_wrong')
}

const notOurs = (reason: string) =>
  new OAuthError('invalid_request', reason, {
    status: 403,
    problem: 'forbidden',
    description: 'This form is out of date. Go back, reload the page and try again.',
  })
