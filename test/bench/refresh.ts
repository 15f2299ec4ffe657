import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { newPlace } from '../support/mint.js'
import { withCpuOf } from './children.js'
import { type Contest, together } from './contest.js'
import { newGrants, REFRESHES, refreshTokensOf } from './grants.js'
import { basic, type Exchange, FORM, overHttp, post } from './http-load.js'
import { refreshTokenOf } from './login.js'
import { PEER, startPeer } from './peers/peer.js'
import { onServerCore } from './pinning.js'
import { bareUpdate, makeRows } from './postgres.js'
import type { Bench } from './report.js'
import { CONNECTIONS, type SealedApi, type Stage } from './stage.js'

/**
 * Rotations of refresh tokens, each durable before it is answered, beside the least that Postgres can make durable and a peer that
 * keeps nothing.
 */
export async function* refresh({ quick, ...bench }: Bench): AsyncGenerator<Contest> {
  const stage = await bench.stage()
  // For each connection; together they outlast the contest at thousands of refreshes a second.
  const grants = CONNECTIONS * (quick ? 40 : 120)
  await makeRows(stage.pool)
  const kinds = stage.sealed.filter(({ kind }) => kind !== 'RSA')
  for (const sealed of kinds) yield contest(stage, { sealed, grants })
  yield {
    what: 'rotation alone, in the store',
    ours: onServerCore(together(storedRotations(stage, await newGrants(stage, 3 * grants)))),
    limits: { [UPDATE]: onServerCore(bareUpdate(stage.pool)) },
    ...TIMES,
  }
}

const UPDATE = 'UPDATE of one row'
const TIMES = { turn: 400, warmUp: 12_000 }

type Plan = { readonly sealed: SealedApi; readonly grants: number }

async function contest(stage: Stage, { sealed: { kind, api, web }, grants }: Plan): Promise<Contest> {
  const { server, pool } = stage
  const tokens = await refreshTokensOf(await newGrants({ ...stage, app: web, api }, grants), stage)
  const peer = await startPeer({ kind, recipient: api.publicJwk, grants: CONNECTIONS })
  const endpoint = { url: `${server.url}/oauth2/token`, headers: basic(web.id, web.secret) }
  const ofPeer = { url: `${peer.url}/token`, headers: peer.authorization }
  const ours = shares(tokens).map((share) => rotation(endpoint, share, REFRESHES))
  // Its grants know no limit, and a new one would cost it more than the one it has.
  const theirs = peer.refreshTokens.map((first) => rotation(ofPeer, [first], Number.POSITIVE_INFINITY))
  return {
    what: `POST /oauth2/token, refresh_token, ${kind}`,
    ours: withCpuOf(server.process.pid, await overHttp(server.url, ours)),
    limits: {
      [UPDATE]: onServerCore(bareUpdate(pool)),
      [PEER]: withCpuOf(peer.pid, await overHttp(peer.url, theirs)),
    },
    goals: { [PEER]: { node20: 5, node24: 2.5 } },
    ...TIMES,
  }
}

/** Of other grants on each connection, one after the other. */
export async function refreshes(stage: Stage): Promise<Exchange[]> {
  const [{ api, web } = {}] = stage.sealed
  if (!api || !web) throw new Error('The stage has no API.')
  const tokens = await refreshTokensOf(await newGrants({ ...stage, app: web, api }, CONNECTIONS * 60), stage)
  const endpoint = { url: `${stage.server.url}/oauth2/token`, headers: basic(web.id, web.secret) }
  return shares(tokens).map((share) => rotation(endpoint, share, REFRESHES))
}

/** For each connection its own. */
function shares<T>(all: readonly T[]): T[][] {
  const size = Math.ceil(all.length / CONNECTIONS)
  return Array.from({ length: CONNECTIONS }, (_, n) => all.slice(n * size, (n + 1) * size))
}

function following<T>(rest: T[]): T {
  const next = rest.pop()
  if (next === undefined) throw new Error('There are no more grants to refresh.')
  return next
}

type Endpoint = { readonly url: string; readonly headers: Readonly<Record<string, string>> }

/** Refreshes one grant, and after so many times the next. */
function rotation({ url, headers }: Endpoint, firsts: string[], times: number): Exchange {
  let current = following(firsts)
  let left = times
  return {
    request: () => post(url, `grant_type=refresh_token&refresh_token=${current}`, { ...FORM, ...headers }),
    accept(answer) {
      const successor = refreshTokenOf(answer)
      if (successor === current) throw new Error(`The refresh token is the same:\n${answer.body}`)
      left -= 1
      current = left > 0 ? successor : following(firsts)
      if (left === 0) left = times
    },
  }
}

/** One on each connection's behalf, in one store, as in a server. */
function storedRotations({ pool, tenantId }: Stage, grants: Grant[]): (() => Promise<void>)[] {
  const { refresh } = createGrants({ pool })
  return shares(grants).map((share) => {
    let { id, generation } = following(share)
    return async () => {
      const outcome = await refresh(
        { tenantId, id, generation },
        { generation, grace: 10, place: newPlace() },
        { kind: 'system' },
      )
      if (outcome.result !== 'rotated') throw new Error(`The grant is ${outcome.result}.`)
      generation = outcome.generation
      if (generation === REFRESHES) ({ id, generation } = following(share))
    }
  })
}
