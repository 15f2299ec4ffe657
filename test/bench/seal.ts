import { compactDecrypt, importJWK, type JWK, jwtVerify } from 'jose'
import type { Api } from '../../src/oauth/records.js'
import { encryptionKey, NOW, newApi, newRequest, newServer } from '../unit/keys/fixtures.js'
import { type Contest, onOneCore } from './contest.js'
import { makeWithJose } from './jose-token.js'
import { bareCrypto } from './primitives.js'

type Kind = { readonly what: string; readonly key?: 'X25519' | 'P-256' | 'RSA'; readonly api?: Partial<Api> }

const KINDS: readonly Kind[] = [
  { what: 'sealed: X25519, ES256', key: 'X25519' },
  { what: 'sealed: P-256, ES256', key: 'P-256' },
  {
    what: 'sealed: X25519 with A256KW, ES256',
    key: 'X25519',
    api: { encryptionAlgorithm: 'ECDH-ES+A256KW' },
  },
  { what: 'sealed: X25519, A128CBC-HS256, ES256', key: 'X25519', api: { encryptionMethod: 'A128CBC-HS256' } },
  { what: 'sealed: RSA-OAEP-256, ES256', key: 'RSA', api: { encryptionAlgorithm: 'RSA-OAEP-256' } },
  { what: 'sealed: X25519, Ed25519', key: 'X25519', api: { signingAlgorithm: 'Ed25519' } },
  { what: 'sealed: X25519, PS256', key: 'X25519', api: { signingAlgorithm: 'PS256' } },
  { what: 'opaque: ES256', api: { format: 'opaque' } },
  { what: 'signed: ES256', api: { format: 'signed' } },
]

/** Access tokens made in this process, beside the cryptography in them alone and beside jose doing the same. */
export async function seal(): Promise<Contest[]> {
  const server = await newServer()
  return Promise.all(KINDS.map((kind) => contest(server, kind)))
}

async function contest(server: Awaited<ReturnType<typeof newServer>>, { what, key, api: about }: Kind) {
  const pair = key && encryptionKey(key)
  const api = newApi(server.tenant, { ...about, ...(pair && { jwks: { keys: [pair.publicJwk] } }) })
  const request = newRequest(server, api)
  const mint = async () => (await server.mintToken(request)).access_token
  await server.mint.assertReady(server.tenant, api)

  const token = await mint()
  const opened = await server.unsealer.open(server.tenant, token)
  if ('unreadable' in opened) throw new Error(`A token can't be opened (${what}): ${opened.unreadable}.`)
  const signing = (await server.keyring.all(server.tenant.id)).signing('access_token', api.signingAlgorithm)
  if (!signing) throw new Error('The signing key is not there.')

  const ingredients = { api, claims: { ...opened.claims }, signing, recipient: pair?.publicJwk }
  const jose = await makeWithJose(ingredients)
  if (pair) {
    for (const each of [token, await jose()]) await assertOpens(each, pair.privateJwk, { api, signing })
  }
  return {
    what,
    ours: onOneCore(mint),
    limits: { 'node:crypto alone': onOneCore(bareCrypto(ingredients)), jose: onOneCore(jose) },
    turn: 80,
    warmUp: 600,
  }
}

/** As the API would, with jose: both layers. */
async function assertOpens(
  token: string,
  privateJwk: JWK,
  { api, signing }: { api: Api; signing: { publicJwk: JWK; kid: string } },
): Promise<void> {
  const { plaintext } = await compactDecrypt(token, await importJWK(privateJwk, api.encryptionAlgorithm))
  await jwtVerify(new TextDecoder().decode(plaintext), await importJWK(signing.publicJwk), {
    typ: 'at+jwt',
    audience: api.identifier,
    currentDate: new Date(NOW * 1000),
  })
}
