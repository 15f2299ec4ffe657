import { freePort, startServer } from '../support/server.js'
import { startBareServer, withCpuOf } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, basic, type Exchange, FORM, once, overHttp, post, success } from './http-load.js'
import { PEER, type Peer, startPeer } from './peers/peer.js'
import { onServerCore, underTest } from './pinning.js'
import { bareSelect, makeRows } from './postgres.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/**
 * Sealed tokens introspected by their API: each is opened, and judged by what this process knows to be revoked; and by a server that asks
 * Postgres at every call.
 */
export async function introspect(stage: Stage): Promise<Contest[]> {
  const server = await startServer(
    { ...stage.env, PORT: String(await freePort()), INTROSPECTION_MAX_STALENESS: '0' },
    'ignore',
  )
  underTest(server.process.pid)
  const asking = { what: 'POST /oauth2/introspect, sealed, all asked of Postgres', goals: {} }
  return [
    await contest(stage, {
      what: 'POST /oauth2/introspect, sealed',
      goals: { [OPAQUE]: { node20: 2.5, node24: 1.5 } },
    }),
    await contest({ ...stage, server }, asking),
  ]
}

async function contest(stage: Stage, { what, goals }: Required<Pick<Contest, 'what' | 'goals'>>): Promise<Contest> {
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
  const ofPeer = asked.map((request) => ({ request: () => request, accept: assertActive }))
  return {
    what,
    ours: withCpuOf(server.process.pid, ours),
    limits: {
      'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, anything)),
      'SELECT of one row': onServerCore(bareSelect(pool)),
      [OPAQUE]: withCpuOf(peer.pid, await overHttp(peer.url, ofPeer)),
    },
    goals,
    turn: 350,
    warmUp: 4_000,
  }
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
