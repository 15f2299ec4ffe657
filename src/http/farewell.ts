import { type Farewell, withQuery } from '../oauth/end-session.js'
import { sidOf } from '../oauth/logout-token.js'
import type { BrowserSession, Client, Tenant } from '../oauth/records.js'
import { isLink } from '../ui/html.js'
import { signedOutPage } from '../ui/pages/signed-out.js'
import { signingOutPage } from '../ui/pages/signing-out.js'
import { browserOf, newBrowser, rememberBrowser } from './browser.js'
import type { HttpRequest, HttpResponse } from './handler.js'
import { page } from './page.js'
import { seeOther, tenantPath } from './see-other.js'

/** What is to be told to clients in frames. */
export type Told = { readonly session: BrowserSession; readonly uris: readonly string[] }

export type Goodbye = {
  readonly farewell: Farewell
  /** The client as the page names it. */
  readonly client: Pick<Client, 'name'> | undefined
  /** Undefined where no session was ended. */
  readonly told: Told | undefined
  readonly uiLocales: string | undefined
}

/**
 * The answer to a browser in which nobody is signed in any more. One that was, or that still thinks so, is a new one to us from here on:
 * whatever was known of it is good for nothing. Clients that ask to be told by the browser are shown in frames first, OpenID Connect Front-Channel Logout §3.
 */
export function goodbye(request: HttpRequest, { farewell, client, told, uiLocales }: Goodbye): HttpResponse {
  const { tenant } = request
  // One that never was may be in the middle of signing in.
  const headers = browserOf(request)?.session === undefined ? {} : rememberBrowser(tenant, newBrowser())
  const frames = told ? framesOf(tenant, told) : []
  const { continueTo, vouched } = farewell
  if (frames.length > 0) {
    // The page of somebody who is not signed in says that they are signed out.
    const next = vouched && continueTo !== undefined ? continueTo : tenantPath(tenant, '/oauth2/logout')
    const further = isLink(next) ? { continueTo: next } : {}
    // What no link of a page may lead to, an app's own scheme, the browser is told of where no markup is read.
    const refresh = isLink(next) ? {} : { refresh: `4; url=${next}` }
    return page(request, (context) => signingOutPage({ frames, ...further }, context), {
      headers: { ...headers, ...refresh },
      frames: frames.map((frame) => new URL(frame).origin),
      uiLocales,
    })
  }
  if (continueTo !== undefined && vouched) return seeOther(continueTo, headers)
  const link = continueTo !== undefined && isLink(continueTo) ? { client, continueTo } : {}
  return page(request, (context) => signedOutPage(link, context), { headers, uiLocales })
}

/** Never of our own origin, whose pages a frame could then read. */
function framesOf(tenant: Tenant, { session, uris }: Told): string[] {
  const ours = new URL(tenant.issuer).origin
  return uris
    .filter((uri) => isLink(uri) && URL.canParse(uri) && new URL(uri).origin !== ours)
    .map((uri) => withQuery(uri, { iss: tenant.issuer, sid: sidOf(session.id) }))
}
