import { type ClientRequest, get } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import type { RevocationEntry } from '../../src/wire/revocation-list.js'
import { basic } from './http-load.js'

type Credentials = { readonly id: string; readonly secret: string }

/** One reader of the feed, which comes back where it left off when its stream ends. */
export type Subscriber = {
  /** When each entry was heard first, by `performance.now()`. */
  readonly heard: ReadonlyMap<string, number>
  /** It has been told everything up to the moment it came. */
  readonly joined: () => boolean
  /** Where it would go on. */
  readonly cursor: () => string
  close(): void
}

export const nameOf = ({ d, r }: Pick<RevocationEntry, 'd' | 'r'>): string => `${d} ${r ?? ''}`

// All are sent the same bytes: taken apart once, or the readers would be what is measured.
const known = new Map<string, readonly string[]>()

function entriesOf(jws: string): readonly string[] {
  const found = known.get(jws)
  if (found) return found
  const { entries } = JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString())
  const names = (entries as RevocationEntry[]).map(nameOf)
  if (known.size > 1_000) known.clear()
  known.set(jws, names)
  return names
}

/** From `since` on, where it is given. Does not verify what it hears: that would take longer than to hear it. The tests do. */
export function subscribe(url: string, api: Credentials, since = ''): Subscriber {
  const heard = new Map<string, number>()
  let request: ClientRequest | undefined
  let [cursor, joined, closed] = [since, false, false]

  function take(block: string): void {
    const fields = new Map(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    )
    const event = fields.get('event')
    if (event === undefined) return
    if (event === 'reset') cursor = ''
    else cursor = fields.get('id') ?? cursor
    if (event === 'heartbeat') joined = true
    if (event === 'heartbeat' || event === 'reset') return
    const at = performance.now()
    for (const name of entriesOf(fields.get('data') ?? '')) if (!heard.has(name)) heard.set(name, at)
  }

  async function again(): Promise<void> {
    await wait(100)
    if (!closed) connect()
  }

  function connect(): void {
    const from = cursor === '' ? {} : { 'last-event-id': cursor }
    const headers = { accept: 'text/event-stream', ...basic(api.id, api.secret), ...from }
    request = get(`${url}/revocations`, { headers, agent: false }, (response) => {
      if (response.statusCode === 410) cursor = ''
      let text = ''
      response.setEncoding('latin1').on('data', (chunk: string) => {
        const blocks = (text + chunk).split('\n\n')
        text = blocks.pop() ?? ''
        if (response.statusCode === 200) for (const block of blocks) take(block)
      })
      response.on('error', () => {}).on('close', again)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody is there: while a stream is open its end is told by the response.
      if (error.code === 'ECONNREFUSED') void again()
    })
  }

  connect()
  return {
    heard,
    joined: () => joined,
    cursor: () => cursor,
    close() {
      closed = true
      request?.destroy()
    },
  }
}

/** So many at each, once all of them are told what comes. */
export async function subscribeAll(urls: readonly string[], api: Credentials, each: number): Promise<Subscriber[][]> {
  const all = urls.map((url) => Array.from({ length: each }, () => subscribe(url, api)))
  while (!all.flat().every(({ joined }) => joined())) await wait(50)
  return all
}
