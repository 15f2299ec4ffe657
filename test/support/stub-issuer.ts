import { randomBytes } from 'node:crypto'
import { generateSigningKey, parseEncryptionKeys, type SigningKey } from '../../src/crypto/jwk.js'
import { signJws } from '../../src/crypto/jws.js'
import type { PrivateJwk } from '../../src/resource-server/options.js'
import { publicKeySet } from '../../src/resource-server/public-key-set.js'
import { signAccessToken } from '../../src/wire/access-token.js'
import type { AccessTokenClaims } from '../../src/wire/claims.js'
import type { Recipient } from '../../src/wire/content-key.js'
import { entryDigest, type RevocationEntry, type RevocationKind } from '../../src/wire/revocation-list.js'
import { sealAccessToken } from '../../src/wire/seal.js'
import { newPrivateJwk } from './jwk.js'

export const AUDIENCE = 'https://orders.example'
export const CREDENTIALS = { id: 'orders', secret: 'the secret of orders' }
const KINDS = { X25519: 'X25519', 'P-256': 'P-256', RSA: { rsa: 2048 } } as const
const KEK = { id: 1, key: randomBytes(32) }

type Change = Partial<Record<keyof AccessTokenClaims, unknown>> & Record<string, unknown>

/**
 * An issuer without a socket: its `fetch` answers as a server does, and counts. It tells revocations in pages, has no database, and
 * makes any token it is asked for.
 */
export async function stubIssuer({
  issuer = 'https://login.example',
  kind = 'X25519',
}: {
  issuer?: string
  /** Of the API's key. */
  kind?: keyof typeof KINDS
} = {}) {
  const [signing, listing] = await Promise.all([generateSigningKey('ES256'), generateSigningKey('ES256')])
  const alg = kind === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES'
  const privateJwk = { ...newPrivateJwk(KINDS[kind]), kid: 'orders-1', use: 'enc', alg } as const
  const published = [signing, listing]
  const asked: string[] = []
  const inactive = new Set<string>()
  const entries: (RevocationEntry & { revision: number })[] = []
  const now = () => Math.floor(Date.now() / 1000)
  const state = {
    /** What becomes of every request before it is answered. */
    before: undefined as
      | ((url: URL, request: Request) => Response | Promise<Response | undefined> | undefined)
      | undefined,
    metadata: {} as Record<string, unknown>,
    maxStaleness: 2,
    revision: 1,
  }

  const metadata = () => ({
    issuer,
    jwks_uri: `${issuer}/jwks`,
    jwks_max_age: 300,
    introspection_endpoint: `${issuer}/oauth2/introspect`,
    revocation_list_endpoint: `${issuer}/revocations`,
    revocation_list_max_staleness: state.maxStaleness,
    max_access_token_lifetime: 3600,
    ...state.metadata,
  })

  function revocations(url: URL): Response {
    const since = url.searchParams.get('since')
    const after = since === null ? -1 : Number(since)
    const claims = {
      iss: issuer,
      iat: now(),
      ...(since !== null && { since, after }),
      cursor: String(state.revision),
      revision: state.revision,
      max_staleness: state.maxStaleness,
      entries: entries.filter(({ revision }) => revision > after).map(({ revision: _, ...entry }) => entry),
    }
    return new Response(signJws({ typ: 'revocations+jwt' }, claims, listing))
  }

  async function answer(url: URL, request: Request): Promise<Response> {
    const { pathname } = new URL(issuer)
    switch (url.pathname) {
      case `/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`:
        return Response.json(metadata())
      case `${pathname === '/' ? '' : pathname}/jwks`:
        return Response.json({ keys: published.map(({ publicJwk }) => publicJwk) })
      case `${pathname === '/' ? '' : pathname}/revocations`:
        return revocations(url)
      case `${pathname === '/' ? '' : pathname}/oauth2/introspect`: {
        const token = new URLSearchParams(await request.text()).get('token') ?? ''
        return Response.json(inactive.has(token) ? { active: false } : { active: true })
      }
      default:
        return new Response('', { status: 404 })
    }
  }

  const fetcher: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const url = new URL(request.url)
    asked.push(`${request.method} ${url.pathname}`)
    return (await state.before?.(url, request)) ?? answer(url, request)
  }

  const claims = (change: Change = {}): AccessTokenClaims => {
    const iat = now()
    const genuine = {
      iss: issuer,
      sub: 'ann',
      aud: AUDIENCE,
      client_id: 'shop',
      iat,
      exp: iat + 300,
      jti: randomBytes(16).toString('base64url'),
      scope: 'orders:read',
      rev: 1_000_000,
      grant: 'grant-1',
      auth_time: iat,
      status: { status_list: { idx: 7, uri: `${issuer}/status-lists/one` } },
    }
    return JSON.parse(JSON.stringify({ ...genuine, ...change }))
  }

  const choice = parseEncryptionKeys(publicKeySet([privateJwk as PrivateJwk]), alg)
  if (!choice.ok) throw new Error(choice.reason)
  const recipient: Recipient = { key: choice.key, enc: 'A256GCM' }
  const sign = (change: Change = {}, key: SigningKey = signing) => signAccessToken(claims(change), key)

  return {
    issuer,
    fetch: fetcher,
    state,
    signing,
    listing,
    published,
    recipient,
    /** Every request so far, as `GET /path`. */
    asked,
    decryptionKeys: [privateJwk as PrivateJwk] as const,
    claims,
    sign,
    /** Seals anything for the API: its key is public. */
    seal: (inner: string, to: Recipient = recipient) => sealAccessToken(inner, to, KEK),
    /** A token as the server makes it. */
    token: (change?: Change, key?: SigningKey) => sealAccessToken(sign(change, key), recipient, KEK),
    /** Told with the next page. */
    revoke(kind: RevocationKind, value: string, r?: number): void {
      state.revision += 1
      const entry = { k: kind, d: entryDigest(kind, value), exp: now() + 3720, ...(r !== undefined && { r }) }
      entries.push({ ...entry, revision: state.revision })
    },
    /** What introspection says of it from now on. */
    end: (token: string) => void inactive.add(token),
  }
}

export type StubIssuer = Awaited<ReturnType<typeof stubIssuer>>
