import { createHash, randomBytes } from 'node:crypto'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { type Arrival, formOf, type TestBrowser } from './browser.js'
import type { Party, Person } from './issuer.js'

/** What came back to the client, wherever it stood. */
export type Callback = Readonly<Record<string, string>>

export type IdTokenClaims = JWTPayload & {
  readonly nonce?: string
  readonly auth_time?: number
  readonly acr?: string
  readonly sid?: string
  readonly at_hash?: string
}

export type TokenAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>> & {
    readonly access_token: string
    readonly refresh_token: string
    readonly id_token: string
    readonly expires_in: number
    readonly error?: string
  }
}

export type Asked = Readonly<Record<string, string | readonly string[] | undefined>>

type Registered = Party & { readonly redirectUri: string }

/** A verifier of RFC 7636 §4.1 and its challenge. */
export function pkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** A client that signs people in, as the standards have it and no library. `url`: where the issuer is reached. */
export function relyingParty(url: string, client: Registered, defaults: Asked = {}) {
  const proof = pkce()

  function authorizationUrl(asked: Asked = {}): URL {
    const to = new URL(`${url}/oauth2/authorize`)
    const all: Asked = {
      response_type: 'code',
      client_id: client.id,
      redirect_uri: client.redirectUri,
      scope: 'openid',
      state: 'a state & more=1',
      code_challenge: proof.challenge,
      code_challenge_method: 'S256',
      ...defaults,
      ...asked,
    }
    for (const [name, value] of Object.entries(all)) {
      for (const one of [value ?? []].flat()) to.searchParams.append(name, one)
    }
    return to
  }

  async function redeem(code: string, more: Asked = {}): Promise<TokenAnswer> {
    const fields = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: client.redirectUri,
      code_verifier: proof.verifier,
      ...more,
    }
    return token(fields)
  }

  async function token(fields: Asked): Promise<TokenAnswer> {
    const { id, secret } = client
    const by = secret === undefined ? { client_id: id } : {}
    const response = await fetch(`${url}/oauth2/token`, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(secret !== undefined && { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }),
      },
      body: new URLSearchParams(
        Object.entries({ ...by, ...fields }).flatMap(([name, value]) =>
          [value ?? []].flat().map((one): [string, string] => [name, one]),
        ),
      ),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as TokenAnswer['body'] }
  }

  return {
    client,
    verifier: proof.verifier,
    authorizationUrl,
    redeem,
    token,
    /** Opens the authorization endpoint. */
    begin: (browser: TestBrowser, asked: Asked = {}): Promise<Arrival> => browser.go(authorizationUrl(asked)),
    /** The whole way: authorization, pages where there are some, tokens. */
    async signIn(
      browser: TestBrowser,
      person: Person,
      asked: Asked = {},
    ): Promise<TokenAnswer & { callback: Callback }> {
      const callback = callbackOf(await answerPages(browser, await browser.go(authorizationUrl(asked)), person))
      if (callback['code'] === undefined) throw new Error(`No code came: ${JSON.stringify(callback)}`)
      return { ...(await redeem(callback['code'])), callback }
    },
    /** An ID token, verified by jose with the published keys. */
    async verifyIdToken(idToken: string): Promise<IdTokenClaims & { alg: string | undefined }> {
      const jwks = (await (await fetch(`${url}/jwks`)).json()) as JSONWebKeySet
      const { payload } = await jwtVerify<IdTokenClaims>(idToken, createLocalJWKSet(jwks), { audience: client.id })
      return { ...payload, alg: decodeProtectedHeader(idToken).alg }
    },
  }
}

/** Signs in and allows, as often as a page asks for it. */
export async function answerPages(browser: TestBrowser, first: Arrival, person: Person): Promise<Arrival> {
  let at = first
  for (let pages = 0; pages < 4 && at.url.pathname.includes('/sign-in/'); pages++) {
    if (at.html.includes('name="password"')) at = await browser.submit({ ...person, decision: 'sign_in' })
    else if (at.html.includes('value="allow"')) at = await browser.submit({ decision: 'allow' })
    else break
  }
  return at
}

/** What a response carries, in whichever mode it came; it may be in one place alone. */
export function callbackOf({ url, status, html }: Arrival): Callback {
  if (status === 200 && html.includes('</form>')) {
    const { action, hidden } = formOf(html)
    if (new URL(action ?? '').search !== '' && hidden['code']) throw new Error('A form_post response has a query.')
    return hidden
  }
  const [query, fragment] = [new URLSearchParams(url.search), new URLSearchParams(url.hash.slice(1))]
  if (status < 300 || status > 399)
    throw new Error(`Nothing came back, but ${status} at ${url.href}:\n${html.slice(0, 1_500)}`)
  const found = url.hash === '' ? query : fragment
  if ([...found.keys()].length !== new Set(found.keys()).size)
    throw new Error('A parameter of the response is repeated.')
  return Object.fromEntries(found)
}
