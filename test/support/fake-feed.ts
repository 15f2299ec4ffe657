import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateSigningKey, type SigningKey } from '../../src/crypto/jwk.js'
import { signJws } from '../../src/crypto/jws.js'
import type { SigningKeys } from '../../src/resource-server/signing-keys.js'
import type { VerifierEvent } from '../../src/resource-server/verifier-event.js'
import { entryDigest, type RevocationEntry, type RevocationKind } from '../../src/wire/revocation-list.js'

type Handler = (request: IncomingMessage, response: ServerResponse) => void
type Line = RevocationEntry & { readonly at: number }
export type Asked = { readonly url: URL; readonly headers: IncomingMessage['headers'] }

/** A clock that goes when it is told to, in seconds. */
export const fakeClock = (now = 1_000) => {
  const clock = { now, read: () => clock.now }
  return clock
}

/** Keys that are held, as the keeper of them shows them. */
export function heldKeys(...held: SigningKey[]) {
  const keys = new Map(held.map((key) => [key.kid, key]))
  const listeners: (() => void)[] = []
  const refreshed: ({ readonly urgent?: boolean } | undefined)[] = []
  const all = {
    find: (kid: string) => keys.get(kid),
    kids: () => [...keys.keys()],
    async refresh(options?: { readonly urgent?: boolean }) {
      refreshed.push(options)
      all.onRefresh()
      return true
    },
    onChange: (listener: () => void) => void listeners.push(listener),
    refreshed,
    listeners,
    onRefresh: () => {},
    add(key: SigningKey) {
      keys.set(key.kid, key)
      for (const listener of listeners) listener()
    },
  }
  return all satisfies SigningKeys
}

export const loggedEvents = () => {
  const events: VerifierEvent[] = []
  const log = (event: VerifierEvent) => void events.push(event)
  return { log, events, names: () => events.map(({ event }) => event) }
}

const TYP = 'revocations+jwt'
const HOUR = 3_600
const open: (() => Promise<void>)[] = []

/** Ends the issuers of a test. */
export async function closeFakeFeeds(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()))
}

/** An issuer on this machine with a feed of its own making, which does as it is told. `clock`: what its heartbeats tell, seconds. */
export async function fakeFeed({ pageSize = 5_000, clock = () => performance.now() / 1_000 } = {}) {
  const key = await generateSigningKey('ES256')
  const lines: Line[] = []
  const streams = new Map<ServerResponse, number>()
  const asked: Asked[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', feed.issuer)
    asked.push({ url, headers: request.headers })
    const isStream = request.headers.accept === 'text/event-stream'
    ;(isStream ? feed.onStream : feed.onPage)(request, response)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const cursorOf = (revision: number) => `${feed.timeline}.${revision}`
  const sign = (claims: object, header = {}) =>
    signJws(
      { typ: TYP, ...header },
      { iss: issuer, iat: feed.iat, max_staleness: feed.maxStaleness, ...claims },
      feed.signedBy,
    )
  const send = (response: ServerResponse, name: string, jws: string) =>
    response.write(`event: ${name}\nid: ignored\ndata: ${jws}\n\n`)

  /** The claims of a page after a revision. */
  function page(after: number | undefined) {
    const all = lines.filter(({ at }) => at > (after ?? -1))
    const found = all.slice(0, pageSize)
    const more = all.length > pageSize
    const revision = more ? (found.at(-1)?.at ?? 0) : feed.revision
    return {
      ...(after !== undefined && { since: cursorOf(after), after }),
      cursor: cursorOf(revision),
      revision,
      ...(more && { more }),
      entries: found.map(({ at, ...entry }) => entry),
    }
  }

  const located = (cursor: string | undefined) => {
    const [timeline, revision] = (cursor ?? '').split('.').map(Number)
    return cursor === undefined || cursor === ''
      ? undefined
      : timeline === feed.timeline
        ? revision
        : ('reset' as const)
  }

  const heartbeat = (openedAt?: number) => {
    const { revision } = feed
    const place = { cursor: cursorOf(revision), since: cursorOf(revision), revision, after: revision, entries: [] }
    return sign({ ...place, polled_at: feed.polledAt(), ...(openedAt !== undefined && { opened_at: openedAt }) })
  }

  const feed = {
    issuer,
    endpoint: `${issuer}/revocations`,
    key,
    signedBy: key,
    asked,
    maxStaleness: 5,
    iat: 1_800_000_000,
    timeline: 1,
    revision: 100,
    /** By the clock of the server, which is not that of the reader. */
    polledAt: () => clock() + 7_000,
    sign,
    page,
    send,
    heartbeat,
    streams: () => streams.size,
    ofStreams: () => asked.filter(({ headers }) => headers.accept === 'text/event-stream'),
    ofPages: () => asked.filter(({ headers }) => headers.accept !== 'text/event-stream'),
    answer(response: ServerResponse, status: number, headers: Record<string, string> = {}) {
      response.writeHead(status, headers).end('{}')
    },
    /** What is asked for pages, and for streams; a test may put its own in place. */
    onPage: ((request, response) => {
      const since = new URL(request.url ?? '', issuer).searchParams.get('since') ?? undefined
      const after = located(since)
      if (after === 'reset') return feed.answer(response, 410)
      response.writeHead(200, { 'content-type': `application/${TYP}` }).end(sign(page(after)))
    }) as Handler,
    onStream: ((request, response) => feed.stream(request, response)) as Handler,
    /** All pages, and the heartbeat that says when it was opened; then what comes. */
    stream(request: IncomingMessage, response: ServerResponse, openedAt = clock() + 7_000) {
      let after = located(request.headers['last-event-id']?.toString())
      if (after === 'reset') return feed.answer(response, 410)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 1000\n\n')
      for (let more = true; more; ) {
        const next = page(after)
        if (after === undefined || next.revision > after)
          send(response, after === undefined ? 'snapshot' : 'revocations', sign(next))
        more = next.more ?? false
        after = next.revision
      }
      send(response, 'heartbeat', heartbeat(openedAt))
      streams.set(response, after ?? 0)
      response.on('close', () => streams.delete(response))
    },
    /** Commits an entry, and tells it to those who listen. */
    revoke(k: RevocationKind, value: string, { r, life = HOUR }: { r?: number; life?: number } = {}) {
      feed.revision += 1
      const entry = { k, d: entryDigest(k, value), ...(r !== undefined && { r }), exp: feed.iat + life }
      lines.push({ ...entry, at: feed.revision })
      for (const [response, after] of streams) {
        send(response, 'revocations', sign(page(after)))
        streams.set(response, feed.revision)
      }
      return entry
    },
    /** Many entries at once, told to nobody who listens. */
    fill(count: number) {
      for (let i = 0; i < count; i++) {
        feed.revision += 1
        lines.push({ k: 'jti', d: entryDigest('jti', `filled-${i}`), exp: feed.iat + HOUR, at: feed.revision })
      }
    },
    /** As a database does that was restored to what it held at a revision. */
    lose(after: number) {
      lines.splice(0, lines.length, ...lines.filter(({ at }) => at <= after))
      feed.revision = after
      feed.timeline += 1
    },
    beat() {
      for (const response of streams.keys()) send(response, 'heartbeat', heartbeat())
    },
    /** Sends the same to everybody who listens. */
    tell(text: string | Uint8Array) {
      for (const response of streams.keys()) response.write(text)
    },
    hangUp() {
      for (const response of streams.keys()) response.end()
      streams.clear()
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => void server.close(resolve))
    },
  }
  open.push(feed.close)
  return feed
}

export type FakeFeed = Awaited<ReturnType<typeof fakeFeed>>
