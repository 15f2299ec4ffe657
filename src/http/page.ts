import { randomBytes } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Tenant } from '../oauth/records.js'
import { type Html, render } from '../ui/html.js'
import type { Brand, PageContext } from '../ui/page-context.js'
import { chooseLanguage } from '../ui/texts/languages.js'
import { type HttpResponse, NO_STORE, type ResponseHeaders } from './handler.js'

/** What of a request a page is made for; without a tenant it is nobody's. */
export type PageRequest = {
  readonly headers: IncomingHttpHeaders
  readonly tenant?: Pick<Tenant, 'slug' | 'name' | 'issuer' | 'branding'> | undefined
}

export type PageOptions = {
  /** Default 200. */
  readonly status?: number
  readonly headers?: ResponseHeaders
  /** What the client asked for, OpenID Connect Core §3.1.2.1. */
  readonly uiLocales?: string | undefined
  /** Where a form of the page may lead beside this site: sources of Content Security Policy, such as an origin or `https:`. */
  readonly formAction?: readonly string[]
  /** The page has a script of its own. */
  readonly script?: boolean
  /** Origins that the page shows in frames. */
  readonly frames?: readonly string[]
  /** A client may have opened the page in a window of its own and wait for it. Only for pages that lead back to a client. */
  readonly keepsOpener?: boolean
}

const NONCE_BYTES = 16

/** An answer for a person, in the language they read and in the tenant's colours, under the strictest policy it works with. */
export function page(
  { headers, tenant }: PageRequest,
  draw: (context: PageContext) => Html,
  options: PageOptions = {},
): HttpResponse {
  const nonce = randomBytes(NONCE_BYTES).toString('base64url')
  const language = chooseLanguage({ uiLocales: options.uiLocales, acceptLanguage: headers['accept-language'] })
  const basePath = tenant ? new URL(tenant.issuer).pathname.replace(/\/$/, '') : ''
  const context: PageContext = { nonce, language, brand: brandOf(tenant), basePath, now: new Date() }
  return {
    status: options.status ?? 200,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-language': language.tag,
      ...NO_STORE,
      vary: 'Accept-Language, Cookie',
      'content-security-policy': policy(nonce, options),
      'x-frame-options': 'DENY',
      // Who opened the window could else lead it elsewhere while a password is typed. See docs/decisions/openers.md.
      'cross-origin-opener-policy': options.keepsOpener ? 'unsafe-none' : 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'permissions-policy': PERMISSIONS,
      ...options.headers,
    },
    body: render(draw(context)),
  }
}

// What a page could ask a person for, and none of ours does.
const PERMISSIONS = ['camera', 'microphone', 'geolocation', 'payment', 'usb', 'display-capture', 'browsing-topics']
  .map((feature) => `${feature}=()`)
  .join(', ')

/** Nothing but what the page has. `form-action` is enforced on redirects too: see docs/decisions/form-action.md. */
function policy(nonce: string, { formAction = [], script = false, frames = [] }: PageOptions): string {
  const directives = [
    "default-src 'none'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    ...(script ? [`script-src 'nonce-${nonce}'`] : []),
    ...(frames.length > 0 ? [`frame-src ${sources(frames)}`] : []),
    `form-action ${sources(["'self'", ...formAction])}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return directives.join('; ')
}

/** Throws TypeError for what is no source: a space or semicolon in it would begin another one, or a directive. */
function sources(list: readonly string[]): string {
  for (const source of list) {
    if (!/^(?:'self'|[a-z][a-z0-9+.-]*:(?:\/\/[a-z0-9.*:[\]-]+)?)$/i.test(source)) {
      throw new TypeError('This is no source of a Content Security Policy.')
    }
  }
  return [...new Set(list)].join(' ')
}

const NAMELESS: Brand = { name: '' }

function brandOf(tenant: PageRequest['tenant']): Brand {
  if (!tenant) return NAMELESS
  const { slug, name, issuer, branding } = tenant
  // What the first start calls the default tenant says nothing to people; where they are does.
  return { ...branding, name: slug === 'default' && name === 'Default' ? new URL(issuer).host : name }
}
