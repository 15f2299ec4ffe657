import { createHash, type JsonWebKey } from 'node:crypto'
import { compactDecrypt, createLocalJWKSet, importJWK, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { remember } from './issued-secrets.js'

export type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly body: Readonly<Record<string, unknown>>
}

export type Tokens = {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
}

/** A client or an API; without a secret a public client. */
export type Party = { readonly id: string; readonly secret?: string | undefined }
export type Person = { readonly username: string; readonly password: string }

/** One entry of the list: the kind, the digest, the revision below which it counts, the end. */
export type Entry = { readonly k: string; readonly d: string; readonly r?: number; readonly exp: number }
export type List = JWTPayload & {
  readonly cursor: string
  readonly revision: number
  readonly max_staleness: number
  readonly entries: readonly Entry[]
}

type Form = Readonly<Record<string, string | readonly string[]>>

const errors: string[] = []

/** The bodies of all refusals so far: no secret belongs there either. */
export const everyRefusal = () => errors.join('\n')

/** An issuer as its callers see it: over HTTP, and nothing else. `url` is where it is reached, `issuer` what it calls itself. */
export function issuerAt(url: string, issuer: string) {
  async function call(path: string, init: RequestInit): Promise<Answer> {
    const response = await fetch(`${url}${path}`, init)
    const text = await response.text()
    if (response.status >= 400) errors.push(text)
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Answer['body'] }
  }

  const form = (path: string, by: Party, fields: Form) =>
    call(path, { method: 'POST', headers: authorization(by), body: encode(by, fields) })

  const json = (path: string, body: object, headers: Record<string, string> = {}) =>
    call(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })

  const secretOf = ({ id, secret }: Party) => ({
    client_id: id,
    ...(secret !== undefined && { client_secret: secret }),
  })

  async function keys(): Promise<JSONWebKeySet> {
    const response = await fetch(`${url}/jwks`)
    return (await response.json()) as JSONWebKeySet
  }

  return {
    url,
    issuer,
    form,
    keys,
    /** `resource` may repeat. */
    login: (client: Party, person: Person, more: object = {}) =>
      json('/auth/login', { ...secretOf(client), ...person, ...more }),
    logout: (by: Party | string, more: object = {}) =>
      typeof by === 'string'
        ? json('/auth/logout', {}, { authorization: `Bearer ${by}` })
        : json('/auth/logout', { ...secretOf(by), ...more }),
    token: (client: Party, fields: Form) => form('/oauth2/token', client, fields),
    clientCredentials: (client: Party, fields: Form = {}) =>
      form('/oauth2/token', client, { grant_type: 'client_credentials', ...fields }),
    refresh: (client: Party, token: string, fields: Form = {}) =>
      form('/oauth2/token', client, { grant_type: 'refresh_token', refresh_token: token, ...fields }),
    revoke: (client: Party, token: string) => form('/oauth2/revoke', client, { token }),
    introspect: async (by: Party, token: string) => {
      const { status, body } = await form('/oauth2/introspect', by, { token })
      if (status !== 200) throw new Error(`Introspection answered ${status}: ${JSON.stringify(body)}`)
      return body
    },
    /** The list as the API gets it, unverified. */
    revocations: async (api: Party, since?: string) => {
      const query = since === undefined ? '' : `?since=${since}`
      const response = await fetch(`${url}/revocations${query}`, { headers: authorization(api) })
      return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
    },
    /** The list, verified by jose with the published keys. */
    list: async (api: Party, since?: string): Promise<List> => {
      const query = since === undefined ? '' : `?since=${since}`
      const response = await fetch(`${url}/revocations${query}`, { headers: authorization(api) })
      const { payload } = await jwtVerify<List>(await response.text(), createLocalJWKSet(await keys()), {
        issuer,
        typ: 'revocations+jwt',
      })
      return payload
    },
    /** An inner token, verified by jose with the published keys. */
    verify: async (inner: string, audience: string) =>
      jwtVerify(inner, createLocalJWKSet(await keys()), { issuer, audience, typ: 'at+jwt' }),
  }
}

export type Issuer = ReturnType<typeof issuerAt>

/** The tokens of an answer; throws with what it says when it is a refusal. */
export function tokensOf({ status, body }: Answer): Tokens {
  if (status !== 200) throw new Error(`The server answered ${status}: ${JSON.stringify(body)}`)
  remember(body['access_token'], body['refresh_token'])
  return body as Tokens
}

/** What an API finds in a sealed token with its private key, by jose; and what everybody can read of it. */
export async function unseal(token: string, privateJwk: JsonWebKey, alg = 'ECDH-ES') {
  const { plaintext, protectedHeader } = await compactDecrypt(token, await importJWK({ ...privateJwk, alg }))
  return { inner: new TextDecoder().decode(plaintext), header: protectedHeader }
}

/** What a token is listed as, of one kind. */
export const digest = (kind: string, value: string) =>
  createHash('sha256').update(`${kind}\n${value}`).digest('base64url').slice(0, 22)

function authorization({ id, secret }: Party): Record<string, string> {
  if (secret === undefined) return {}
  const credentials = Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')
  remember(credentials)
  return { authorization: `Basic ${credentials}` }
}

function encode({ id, secret }: Party, fields: Form): URLSearchParams {
  const params = new URLSearchParams(secret === undefined ? { client_id: id } : {})
  for (const [name, value] of Object.entries(fields)) {
    for (const one of typeof value === 'string' ? [value] : value) params.append(name, one)
  }
  return params
}
