import { startBareServer, withCpuOf } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, basic, type Exchange, FORM, once, overHttp, post, success } from './http-load.js'
import { PEER, type Peer, startPeer } from './peers/peer.js'
import { onServerCore } from './pinning.js'
import { bareSelect, makeRows } from './postgres.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** Sealed tokens introspected by their API: each is opened, and judged by what is known to be revoked. */
export async function introspect(stage: Stage): Promise<Contest[]> {
  const { server, pool } = stage
  const requests = await Promise.all(Array.from({ length: CONNECTIONS }, () => introspection(stage)))
  const ours = await overHttp(
    server.url,
    requests.map((request) => ({ request: () => request, accept: assertActive })),
  )
  const [first = ''] = requests
  const bare = await startBareServer({ answer: await once(first, server.url) })
  const anything = Array<Exchange>(CONNECTIONS).fill({ request: () => first, accept: success })
  const peer = await startPeer({ kind: 'opaque' })
  const asked = await Promise.all(requests.map(() => peerIntrospection(peer)))
  await makeRows(pool)
  return [
    {
      what: 'POST /oauth2/introspect, sealed',
      ours: withCpuOf(server.process.pid, ours),
      limits: {
        'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, anything)),
        'SELECT of one row': onServerCore(bareSelect(pool)),
        [OPAQUE]: withCpuOf(
          peer.pid,
          await overHttp(
            peer.url,
            asked.map((request) => ({ request: () => request, accept: assertActive })),
          ),
        ),
      },
      goals: { [OPAQUE]: { node20: 2.5, node24: 1.5 } },
      turn: 350,
      warmUp: 2_000,
    },
  ]
}

// Those it signs or encrypts it does not introspect.
const OPAQUE = `${PEER}, opaque`

export async function introspection(stage: Pick<Stage, 'server' | 'api' | 'service'>): Promise<string> {
  const { server, api } = stage
  const { access_token: token } = success(await once(clientCredentials(stage), server.url))
  return post(`${server.url}/oauth2/introspect`, `token=${token}`, { ...FORM, ...basic(api.id, api.secret) })
}

/** By the client that has it, with the hint that spares the peer a look in another place. */
async function peerIntrospection({ url, authorization }: Peer): Promise<string> {
  const form = 'grant_type=client_credentials&scope=orders%3Aread+orders%3Awrite'
  const { access_token: token } = success(await once(post(`${url}/token`, form, { ...FORM, ...authorization }), url))
  const body = `token=${token}&token_type_hint=access_token`
  return post(`${url}/token/introspection`, body, { ...FORM, ...authorization })
}

export function assertActive(answer: Answer): void {
  const { active, iss } = success(answer)
  if (active !== true || typeof iss !== 'string') throw new Error(`A live token introspects as:\n${answer.body}`)
}
