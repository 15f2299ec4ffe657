import { startBareServer, withCpuOf } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, basic, type Exchange, FORM, once, overHttp, post, success } from './http-load.js'
import { bareSelect, makeRows } from './postgres.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** Sealed tokens introspected by their API: each is opened, and judged by what Postgres says now. */
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
  await makeRows(pool)
  return [
    {
      what: 'POST /oauth2/introspect, sealed',
      ours: withCpuOf(server.process.pid, ours),
      limits: {
        'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, anything)),
        'SELECT of one row': bareSelect(pool),
      },
      turn: 350,
      warmUp: 800,
    },
  ]
}

async function introspection(stage: Stage): Promise<string> {
  const { server, api } = stage
  const { access_token: token } = success(await once(clientCredentials(stage), server.url))
  return post(`${server.url}/oauth2/introspect`, `token=${token}`, { ...FORM, ...basic(api.id, api.secret) })
}

function assertActive(answer: Answer): void {
  const { active, iss } = success(answer)
  if (active !== true || typeof iss !== 'string') throw new Error(`A live token introspects as:\n${answer.body}`)
}
