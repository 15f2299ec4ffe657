import { compactDecrypt, createRemoteJWKSet, importJWK, jwtVerify } from 'jose'
import { startBareServer, withCpuOf } from './children.js'
import type { Contest, Contestant } from './contest.js'
import { basic, type Exchange, FORM, once, overHttp, post, success } from './http-load.js'
import { PEER, startPeer } from './peers/peer.js'
import type { Bench } from './report.js'
import { CONNECTIONS, type SealedApi, type Stage } from './stage.js'

const FORM_BODY = 'grant_type=client_credentials&scope=orders%3Aread+orders%3Awrite'
const BARE_CRYPTO = 'node:http and node:crypto'

/** Tokens of a client for itself, asked for over HTTP, by APIs with each kind of key. */
export async function* token(bench: Pick<Bench, 'stage'>): AsyncGenerator<Contest> {
  const stage = await bench.stage()
  for (const sealed of stage.sealed) yield contest(stage, sealed)
}

async function contest(stage: Stage, sealed: SealedApi): Promise<Contest> {
  const { url, process } = stage.server
  const request = tokenRequest(`${url}/oauth2/token`, basic(sealed.service.id, sealed.service.secret))
  const answer = await once(request, url)
  const claims = await open(String(success(answer)['access_token']), stage.issuer, sealed)
  const { kind } = sealed
  const [bare, withCrypto, peer] = await Promise.all([
    startBareServer({ answer }),
    startBareServer({ answer, token: { kind, claims } }),
    startPeer({ kind, recipient: sealed.api.publicJwk }),
  ])
  const anything = Array<Exchange>(CONNECTIONS).fill({ request: () => request, accept: success })
  const fromPeer = tokenRequest(`${peer.url}/token`, peer.authorization)
  const last = (sealedToken: string) => open(sealedToken, stage.issuer, sealed)
  return {
    what: `POST /oauth2/token, client_credentials, ${kind}`,
    ours: withCpuOf(process.pid, await tokens(request, url, last)),
    limits: {
      'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, anything)),
      [BARE_CRYPTO]: withCpuOf(withCrypto.pid, await overHttp(withCrypto.url, anything)),
      [PEER]: withCpuOf(peer.pid, await tokens(fromPeer, peer.url, (one) => decrypt(one, sealed))),
    },
    goals: { [BARE_CRYPTO]: 0.75, [PEER]: { node20: 6, node24: 3 } },
    turn: 350,
    // Until V8 has compiled what a token takes: the first ten thousand take up to three times as long.
    warmUp: 8_000,
  }
}

/** Every one new, and the last of a turn what the API expects. */
async function tokens(request: string, url: string, check: (token: string) => Promise<unknown>): Promise<Contestant> {
  let latest = ''
  const exchange: Exchange = {
    request: () => request,
    accept(answer) {
      const { access_token: made } = success(answer)
      if (typeof made !== 'string' || made === latest) throw new Error(`No new token:\n${answer.body}`)
      latest = made
    },
  }
  const load = await overHttp(url, Array(CONNECTIONS).fill(exchange))
  return async (milliseconds) => {
    const sample = await load(milliseconds)
    await check(latest)
    return sample
  }
}

const tokenRequest = (url: string, authorization: Readonly<Record<string, string>>): string =>
  post(url, FORM_BODY, { ...FORM, ...authorization })

/** What the service asks the server for a token with. */
export const clientCredentials = ({ server, service }: Pick<Stage, 'server' | 'service'>): string =>
  tokenRequest(`${server.url}/oauth2/token`, basic(service.id, service.secret))

/** As the API would, with jose and the published keys: both layers. */
async function open(sealedToken: string, issuer: string, sealed: SealedApi): Promise<Record<string, unknown>> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const expected = { typ: 'at+jwt', issuer, audience: sealed.identifier }
  return (await jwtVerify(await decrypt(sealedToken, sealed), keys, expected)).payload
}

/** The signed token in a sealed one; throws when it is for another key. */
async function decrypt(sealedToken: string, { kind, api }: SealedApi): Promise<string> {
  const key = await importJWK(api.privateJwk, kind === 'RSA' ? 'RSA-OAEP-256' : 'ECDH-ES')
  const { plaintext } = await compactDecrypt(sealedToken, key)
  return new TextDecoder().decode(plaintext)
}
