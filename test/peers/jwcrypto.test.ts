import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TestDatabase, testDatabase } from '../support/database.js'
import { type Issuer, issuerAt, type Party, tokensOf } from '../support/issuer.js'
import { newPrivateJwk, publicJwk } from '../support/jwk.js'
import { type Api, registerApi, registerClient, registerUser, type User } from '../support/registrations.js'
import { type Environment, installation, startServer, stopServers } from '../support/server.js'
import { python } from './python.js'

type Opened = {
  readonly outer?: Record<string, unknown>
  readonly inner: Record<string, unknown>
  readonly claims: Record<string, unknown>
}

const SEALS = [
  { alg: 'ECDH-ES', key: 'X25519' },
  { alg: 'ECDH-ES', key: 'P-256' },
  { alg: 'ECDH-ES+A256KW', key: 'X25519' },
  { alg: 'ECDH-ES+A256KW', key: 'P-256' },
  { alg: 'RSA-OAEP-256', key: { rsa: 2048 } },
] as const
// It knows Ed25519 only by the name it had before, RFC 9864 §2.2.
const SIGNATURES = ['ES256', 'PS256', 'RS256'] as const
const SEALED = (['A256GCM', 'A128CBC-HS256'] as const)
  .flatMap((enc) => SEALS.map((seal) => ({ ...seal, enc })))
  .map((seal, index) => ({
    ...seal,
    name: typeof seal.key === 'string' ? seal.key : 'RSA',
    sign: SIGNATURES[index % SIGNATURES.length] ?? 'ES256',
    identifier: `https://sealed.example/${index}`,
    privateJwk: { ...newPrivateJwk(seal.key), kid: `key-${index}` },
  }))

let database: TestDatabase
let folder: string
let env: Environment
let issuer: Issuer
let client: Party
let ann: User
let signed: Api

beforeAll(async () => {
  database = await testDatabase()
  folder = mkdtempSync(join(tmpdir(), 'bulla-jwcrypto-'))
  env = await installation(database.url)
  const server = await startServer(env)
  issuer = issuerAt(server.url, env['PUBLIC_URL'] ?? '')
  ann = await registerUser(env, 'ann@example.com')
  signed = await registerApi(env, 'https://signed.example', '--format', 'signed')
  for (const { identifier, alg, enc, sign, privateJwk } of SEALED) {
    const file = join(folder, `${privateJwk.kid}.json`)
    writeFileSync(file, JSON.stringify({ keys: [{ ...publicJwk(privateJwk), kid: privateJwk.kid, use: 'enc' }] }))
    await registerApi(env, identifier, '--alg', alg, '--enc', enc, '--alg', sign, '--jwks', file)
  }
  const apis = [signed, ...SEALED].flatMap(({ identifier }) => ['--api', identifier])
  client = await registerClient(env, '--public', '--first-party', ...apis)
})
afterAll(async () => {
  await stopServers()
  rmSync(folder, { recursive: true, force: true })
  await database.drop()
})

const tokenFor = async (resource: string) => tokensOf(await issuer.login(client, ann, { resource })).access_token

const open = async (token: string, key?: object) => {
  const [opened] = await python<Opened[]>('open-tokens.py', { keys: await issuer.keys(), tokens: [{ token, key }] })
  if (!opened) throw new Error('Nothing was opened.')
  return opened
}

describe('jwcrypto, with the published keys', () => {
  it.each(SEALED)('opens both layers: $alg on $name, $enc, signed with $sign', async (sealed) => {
    const { identifier, alg, enc, sign, privateJwk } = sealed
    const { outer, inner, claims } = await open(await tokenFor(identifier), privateJwk)
    expect(outer).toMatchObject({ alg, enc, cty: 'JWT', kid: privateJwk.kid })
    expect(inner).toMatchObject({ alg: sign, typ: 'at+jwt' })
    expect(claims).toMatchObject({ iss: issuer.issuer, aud: identifier, sub: ann.id, client_id: client.id })
  })

  it('refuses a token with another API’s key', async () => {
    const [one, other] = SEALED.filter(({ alg, name }) => alg === 'ECDH-ES' && name === 'X25519')
    const token = await tokenFor(one?.identifier ?? '')
    await expect(open(token, other?.privateJwk)).rejects.toThrow(/InvalidJWEData/)
  })

  it('verifies a token that is signed alone, and the list of what is revoked', async () => {
    const token = await tokenFor(signed.identifier)
    expect(await open(token)).toMatchObject({ inner: { typ: 'at+jwt' }, claims: { aud: signed.identifier } })
    const before = await open((await issuer.revocations(signed)).text)
    expect(before).toMatchObject({ inner: { typ: 'revocations+jwt' }, claims: { iss: issuer.issuer, entries: [] } })
    await issuer.revoke(client, token)
    const after = await open((await issuer.revocations(signed)).text)
    expect(after.claims['entries']).toMatchObject([{ k: 'jti' }])
  })
})
