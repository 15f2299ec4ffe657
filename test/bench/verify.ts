import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { compactDecrypt, importJWK, type JWK, jwtVerify } from 'jose'
import type { buildVerifier } from '../../src/resource-server/build-verifier.js'
import type { FollowRevocations } from '../../src/resource-server/revocation-source.js'
import { AUDIENCE, CREDENTIALS, type StubIssuer, stubIssuer } from '../support/stub-issuer.js'
import { type Contest, onOneCore } from './contest.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Tokens taken in turn: many enough that none is in the processor's cache because of the last time. */
const TOKENS = 2_000
const KINDS = ['X25519', 'P-256', 'RSA'] as const

/**
 * What an API pays for a request: a token it has never seen, and one it has, with ten thousand revocations in force; beside jose, which
 * decrypts and verifies, and no more.
 */
export async function verify(): Promise<Contest[]> {
  const build = await builtSdk()
  const stubs = await Promise.all(KINDS.map((kind) => stubIssuer({ kind })))
  const first = await Promise.all(stubs.map((stub, n) => firstSight(stub, { kind: KINDS[n] ?? '', build })))
  const [x25519] = stubs
  return x25519 ? [...first, ...(await repeated(x25519, build))] : first
}

type Built = { readonly buildVerifier: typeof buildVerifier; readonly followRevocations: FollowRevocations }

/** Revocations that are live while it runs, none of them of a token of ours. */
const REVOKED = 10_000

/** As its users have it: compiled, and nothing added by what runs this. */
async function builtSdk(): Promise<Built> {
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/lib/tsc.js', import.meta.url))
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'src/resource-server'], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stdout)
  const built = (name: string) => import(new URL(`../../dist/sdk/resource-server/${name}.js`, import.meta.url).href)
  return { ...(await built('build-verifier')), ...(await built('follow-revocations')) } as Built
}

async function verifierOf(stub: StubIssuer, { buildVerifier, followRevocations }: Built, cacheSize?: number) {
  const { issuer, fetch, decryptionKeys } = stub
  for (let n = 0; n < REVOKED; n++) stub.revoke('jti', `revoked-${n}`)
  stub.state.maxStaleness = 60
  const cache = cacheSize === undefined ? {} : { cacheSize }
  const options = { issuer, audience: AUDIENCE, decryptionKeys, credentials: CREDENTIALS, fetch, ...cache }
  const verifier = buildVerifier(options, { follow: followRevocations })
  await verifier.ready()
  if (verifier.status().revocations?.entries !== REVOKED) throw new Error('The revocations are not all known.')
  return verifier
}

/** Takes a list's elements in turn, for ever. */
function inTurn<T>(list: readonly T[]): () => T {
  let next = 0
  return () => list[next++ % list.length] as T
}

async function joseOf({ issuer, signing, decryptionKeys: [jwk] }: StubIssuer) {
  const decryptionKey = await importJWK(jwk as JWK)
  const signingKey = await importJWK(signing.publicJwk as JWK, signing.alg)
  return async (token: string) => {
    const { plaintext } = await compactDecrypt(token, decryptionKey)
    await jwtVerify(new TextDecoder().decode(plaintext), signingKey, { issuer, audience: AUDIENCE, typ: 'at+jwt' })
  }
}

async function firstSight(stub: StubIssuer, { kind, build }: { kind: string; build: Built }): Promise<Contest> {
  const tokens = Array.from({ length: TOKENS }, () => stub.token())
  const verifier = await verifierOf(stub, build, 0)
  const jose = await joseOf(stub)
  const [ours, theirs] = [inTurn(tokens), inTurn(tokens)]
  return {
    what: `first sight: ${kind}, ES256`,
    ours: onOneCore(() => verifier.verify(ours())),
    limits: { 'jose, decrypt and verify': onOneCore(() => jose(theirs())) },
    goals: { 'jose, decrypt and verify': 2 },
    turn: 100,
    warmUp: 300,
  }
}

async function repeated(stub: StubIssuer, build: Built): Promise<Contest[]> {
  const tokens = Array.from({ length: TOKENS }, () => stub.token())
  const requests = tokens.map((token) => ({
    authorization: [`Bearer ${token}`],
    dpop: [],
    method: 'GET',
    target: '/orders?page=2',
  }))
  const verifier = await verifierOf(stub, build)
  const jose = await joseOf(stub)
  for (const token of tokens) await verifier.verify(token)
  const limits = () => {
    const [hashed, theirs] = [inTurn(tokens), inTurn(tokens)]
    return {
      'SHA-256 of it alone': onOneCore(() => void createHash('sha256').update(hashed()).digest('base64')),
      'jose, decrypt and verify': onOneCore(() => jose(theirs())),
    }
  }
  const [nextToken, nextRequest] = [inTurn(tokens), inTurn(requests)]
  const common = { atLeast: 100_000, turn: 100, warmUp: 300 }
  return [
    { what: 'known: verify', ours: onOneCore(() => verifier.verify(nextToken())), limits: limits(), ...common },
    {
      what: 'known: a request, with its scope',
      ours: onOneCore(() => verifier.authenticate(nextRequest(), { scope: 'orders:read' })),
      limits: limits(),
      ...common,
    },
  ]
}
