import { startBareServer, withCpuOf } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, type Exchange, once, overHttp, success } from './http-load.js'
import { CONNECTIONS, type Stage } from './stage.js'
import { clientCredentials } from './token.js'

/** A status list as its readers ask for it, over and over, while nothing changes. */
export async function statusList(stage: Stage): Promise<Contest[]> {
  const { server } = stage
  // The first token makes the first list.
  success(await once(clientCredentials(stage), server.url))
  const lists = success(await once(get(`${server.url}/status-lists`), server.url))['status_lists'] as string[]
  const request = get(String(lists[0]))
  const first = await once(request, server.url)
  const exchange: Exchange = { request: () => request, accept: (answer) => assertList(answer) }
  const bare = await startBareServer({ answer: first })
  const all = Array<Exchange>(CONNECTIONS).fill(exchange)
  return [
    {
      what: 'GET /status-lists/<id>',
      ours: withCpuOf(server.process.pid, await overHttp(server.url, all)),
      limits: { 'node:http alone': withCpuOf(bare.pid, await overHttp(bare.url, all)) },
      turn: 350,
      warmUp: 800,
    },
  ]
}

function get(url: string): string {
  const { host, pathname } = new URL(url)
  return `GET ${pathname} HTTP/1.1\r\nhost: ${host}\r\n\r\n`
}

function assertList({ status, head, body }: Answer): void {
  if (status === 200 && body.split('.').length === 3) return
  throw new Error(`No status list:\n${head}\n\n${body}`)
}
