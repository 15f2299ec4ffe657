import type { Grant } from '../../src/oauth/records.js'
import { createGrants } from '../../src/store/grants.js'
import { newPlace } from '../support/mint.js'
import { type Contest, together } from './contest.js'
import { newGrants, REFRESHES, refreshTokensOf } from './grants.js'
import { type Exchange, FORM, overHttp, post } from './http-load.js'
import { refreshTokenOf } from './login.js'
import { bareUpdate, makeRows } from './postgres.js'
import { CONNECTIONS, type Stage } from './stage.js'

/** Rotations of refresh tokens, each durable before it is answered, beside the least that Postgres can make durable. */
export async function refresh(stage: Stage): Promise<Contest[]> {
  const { server, pool } = stage
  const tokens = await refreshTokensOf(await newGrants(stage, CONNECTIONS * GRANTS), stage)
  await makeRows(pool)
  const update = { 'UPDATE of one row': bareUpdate(pool) }
  return [
    {
      what: 'POST /oauth2/token, refresh_token',
      ours: await overHttp(
        server.url,
        shares(tokens).map((share) => rotation(stage, share)),
      ),
      limits: update,
      turn: 400,
      warmUp: 800,
    },
    {
      what: 'rotation alone, in the store',
      ours: together(shares(await newGrants(stage, CONNECTIONS * GRANTS)).map((share) => storedRotation(stage, share))),
      limits: update,
      turn: 400,
      warmUp: 800,
    },
  ]
}

/** For each connection; together they outlast the contest at thousands of refreshes a second. */
const GRANTS = 60

const shares = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: CONNECTIONS }, (_, n) => all.slice(n * GRANTS, (n + 1) * GRANTS))

function following<T>(rest: T[]): T {
  const next = rest.pop()
  if (next === undefined) throw new Error('There are no more grants to refresh.')
  return next
}

function rotation({ server, app }: Stage, firsts: string[]): Exchange {
  let current = following(firsts)
  let left = REFRESHES
  return {
    request: () =>
      post(`${server.url}/oauth2/token`, `grant_type=refresh_token&client_id=${app.id}&refresh_token=${current}`, FORM),
    accept(answer) {
      const successor = refreshTokenOf(answer)
      if (successor === current) throw new Error(`The refresh token is the same:\n${answer.body}`)
      left -= 1
      current = left > 0 ? successor : following(firsts)
      if (left === 0) left = REFRESHES
    },
  }
}

function storedRotation({ pool, tenantId }: Stage, grants: Grant[]): () => Promise<void> {
  const { refresh } = createGrants({ pool })
  let { id, generation } = following(grants)
  return async () => {
    const outcome = await refresh({ tenantId, id }, { generation, grace: 10, place: newPlace() }, { kind: 'system' })
    if (outcome.result !== 'rotated') throw new Error(`The grant is ${outcome.result}.`)
    generation = outcome.generation
    if (generation === REFRESHES) ({ id, generation } = following(grants))
  }
}
