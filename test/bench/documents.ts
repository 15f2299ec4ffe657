import { startBareServer, withCpuOf } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, basic, type Exchange, once, overHttp, success } from './http-load.js'
import type { Bench } from './report.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** What anybody reads over and over, and what APIs read when they start; beside node:http giving the very same bytes. */
export async function* documents(bench: Pick<Bench, 'stage'>): AsyncGenerator<Contest> {
  const stage = await bench.stage()
  const { server, api } = stage
  const documents = ['/jwks', '/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
  const list = await firstStatusList(stage)
  for (const path of [...documents, list]) {
    const what = path === list ? '/status-lists/<id>' : path
    yield reading(stage, { what: `GET ${what}`, path })
    yield reading(stage, {
      what: `GET ${what}, 304`,
      path,
      headers: ifNoneMatch(await once(get(server.url, path), server.url)),
    })
  }
  const headers = basic(api.id, api.secret)
  const held = await entries(stage)
  yield reading(stage, { what: `GET /revocations, ${held} entries`, path: '/revocations', headers })
  await revokeTokens(stage, ENTRIES - held)
  yield reading(stage, { what: `GET /revocations, ${await entries(stage)} entries`, path: '/revocations', headers })
}

const ENTRIES = 1_000

type Reading = { readonly what: string; readonly path: string; readonly headers?: Readonly<Record<string, string>> }

async function reading({ server }: Stage, { what, path, headers = {} }: Reading): Promise<Contest> {
  const answer = await once(get(server.url, path, headers), server.url)
  const bare = await startBareServer({ answer })
  const exchange = (): Exchange => {
    let request = get(server.url, path, headers)
    return {
      request: () => request,
      accept(one) {
        // What is signed is signed anew now and then: then there is another to have already.
        if (answer.status === 304 && one.status === 200) request = get(server.url, path, newer(one, request))
        else assertLike(one, answer)
      },
    }
  }
  const all = () => Array.from({ length: CONNECTIONS }, exchange)
  return {
    what,
    ours: withCpuOf(server.process.pid, await overHttp(server.url, all())),
    limits: { 'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, all())) },
    goals: { 'node:http alone': 0.8 },
    turn: 350,
    warmUp: 2_000,
  }
}

function get(url: string, path: string, headers: Readonly<Record<string, string>> = {}): string {
  const all = Object.entries({ host: new URL(url).host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${path} HTTP/1.1\r\n${all.join('')}\r\n`
}

function ifNoneMatch({ head }: Answer): Readonly<Record<string, string>> {
  const etag = /^etag: *(.+)$/im.exec(head)?.[1]
  if (etag === undefined) throw new Error(`There is no ETag:\n${head}`)
  return { 'if-none-match': etag }
}

/** The header for what has come instead of a 304; throws when it is what was there already. */
function newer(answer: Answer, request: string): Readonly<Record<string, string>> {
  const header = ifNoneMatch(answer)
  if (request.includes(header['if-none-match'] ?? '')) throw new Error(`Given again:\n${answer.head}`)
  return header
}

// A signature made anew changes no length, or nearly none.
function assertLike({ status, head, body }: Answer, first: Answer): void {
  if (status === first.status && Math.abs(body.length - first.body.length) < 100) return
  throw new Error(`Not what it was:\n${head}\n\n${body}`)
}

/** The first token makes the first list. */
async function firstStatusList(stage: Stage): Promise<string> {
  const { url } = stage.server
  success(await once(clientCredentials(stage), url))
  const lists = success(await once(get(url, '/status-lists'), url))['status_lists'] as string[]
  return new URL(String(lists[0])).pathname
}

async function entries({ server, api }: Stage): Promise<number> {
  const { body } = await once(get(server.url, '/revocations', basic(api.id, api.secret)), server.url)
  return JSON.parse(Buffer.from(body.split('.')[1] ?? '', 'base64url').toString()).entries.length
}

/** As the server would revoke them one by one. */
async function revokeTokens({ pool, tenantId }: Stage, count: number): Promise<void> {
  await pool.query(
    `SELECT revoke_token($1, $2 || n, '{"kind":"system"}', '{}', now() + interval '1 hour') FROM generate_series(1, $3) AS n`,
    [tenantId, `${performance.now()} `, count],
  )
}
