import { compactDecrypt, createRemoteJWKSet, importJWK, jwtVerify } from 'jose'
import { startBareServer, withCpuOf } from './children.js'
import type { Contest, Contestant } from './contest.js'
import { basic, type Exchange, FORM, once, overHttp, post, success } from './http-load.js'
import { API, CONNECTIONS, type Stage } from './stage.js'

/** Tokens of a client for itself, asked for over HTTP. */
export async function token(stage: Stage): Promise<Contest[]> {
  const { url, process } = stage.server
  const request = clientCredentials(stage)
  const answer = await once(request, url)
  const claims = await open(String(success(answer)['access_token']), stage)
  const [bare, withCrypto] = await Promise.all([startBareServer({ answer }), startBareServer({ answer, claims })])
  const anything = Array<Exchange>(CONNECTIONS).fill({ request: () => request, accept: success })
  return [
    {
      what: 'POST /oauth2/token, client_credentials',
      ours: withCpuOf(process.pid, await tokens(request, stage)),
      limits: {
        'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, anything)),
        'the same, and node:crypto': withCpuOf(withCrypto.pid, await overHttp(withCrypto.url, anything)),
      },
      turn: 350,
      warmUp: 800,
    },
  ]
}

async function tokens(request: string, stage: Stage): Promise<Contestant> {
  let latest = ''
  const exchange: Exchange = {
    request: () => request,
    accept(answer) {
      const { access_token: made } = success(answer)
      if (typeof made !== 'string' || made === latest) throw new Error(`No new token:\n${answer.body}`)
      latest = made
    },
  }
  const load = await overHttp(stage.server.url, Array(CONNECTIONS).fill(exchange))
  return async (milliseconds) => {
    const sample = await load(milliseconds)
    await open(latest, stage)
    return sample
  }
}

export const clientCredentials = ({ server, service }: Pick<Stage, 'server' | 'service'>): string =>
  post(`${server.url}/oauth2/token`, 'grant_type=client_credentials', { ...FORM, ...basic(service.id, service.secret) })

/** As the API would, with jose and the published keys: both layers. */
async function open(sealed: string, { issuer, api }: Pick<Stage, 'issuer' | 'api'>): Promise<Record<string, unknown>> {
  const { plaintext } = await compactDecrypt(sealed, await importJWK(api.privateJwk, 'ECDH-ES'))
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const expected = { typ: 'at+jwt', issuer, audience: API }
  return (await jwtVerify(new TextDecoder().decode(plaintext), keys, expected)).payload
}
