import { parseRefreshToken } from '../../src/oauth/refresh-token.js'
import { createGrants } from '../../src/store/grants.js'
import { newPlace } from '../support/mint.js'
import { type Contest, together } from './contest.js'
import { type Exchange, FORM, overHttp, post } from './http-load.js'
import { firstRefreshTokens, refreshTokenOf } from './login.js'
import { bareUpdate, makeRows } from './postgres.js'
import type { Stage } from './stage.js'

/** Rotations of refresh tokens, each durable before it is answered, beside the least that Postgres can make durable. */
export async function refresh(stage: Stage): Promise<Contest[]> {
  const { server, pool } = stage
  const tokens = await firstRefreshTokens(stage)
  await makeRows(pool)
  const update = { 'UPDATE of one row': bareUpdate(pool) }
  return [
    {
      what: 'POST /oauth2/token, refresh_token',
      ours: await overHttp(
        server.url,
        tokens.map((first) => rotation(stage, first)),
      ),
      limits: update,
      turn: 400,
      warmUp: 800,
    },
    {
      what: 'rotation alone, in the store',
      ours: together((await firstRefreshTokens(stage)).map((first) => storedRotation(stage, first))),
      limits: update,
      turn: 400,
      warmUp: 800,
    },
  ]
}

function rotation({ server, app }: Stage, first: string): Exchange {
  let current = first
  return {
    request: () =>
      post(`${server.url}/oauth2/token`, `grant_type=refresh_token&client_id=${app.id}&refresh_token=${current}`, FORM),
    accept(answer) {
      const successor = refreshTokenOf(answer)
      if (successor === current) throw new Error(`The refresh token is the same:\n${answer.body}`)
      current = successor
    },
  }
}

function storedRotation({ pool, tenantId }: Stage, first: string): () => Promise<void> {
  const { refresh } = createGrants({ pool })
  const { grantId: id, generation: initial } = parseRefreshToken(first) ?? { grantId: '', generation: 0 }
  let generation = initial
  return async () => {
    const outcome = await refresh({ tenantId, id }, { generation, grace: 10, place: newPlace() }, { kind: 'system' })
    if (outcome.result !== 'rotated') throw new Error(`The grant is ${outcome.result}.`)
    generation = outcome.generation
  }
}
