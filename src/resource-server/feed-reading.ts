import { setImmediate } from 'node:timers'
import { TokenError } from '../crypto/token-error.js'
import { REVOCATION_LIST_TYPE } from '../wire/revocation-list.js'
import { bodyChunks } from './body-chunks.js'
import { createEventStreamParser, EventTooLarge, type ServerSentEvent } from './event-stream.js'
import { feedAddress, retryAfter } from './feed-request.js'
import type { FeedState } from './feed-state.js'
import type { IssuerHttp } from './issuer-http.js'
import { MAX_PAGE_LENGTH, type RevocationPage, verifyPage } from './revocation-page.js'
import type { SigningKeys } from './signing-keys.js'
import { pageTimeout, trueAt } from './staleness.js'

export type FeedPorts = {
  readonly http: IssuerHttp
  readonly keys: SigningKeys
  readonly issuer: string
  readonly endpoint: string
  /** The header with the API's credentials. */
  readonly authorization: string
  readonly state: FeedState
  /** Seconds of a clock that never jumps. */
  readonly monotonic: () => number
}

/** Why there is no more to be read. */
export type End =
  /** All pages were read; the stream was ended by the server, or whoever reads it was told to stop. */
  | { readonly reason: 'whole' | 'ended' | 'stopped' }
  /** What is known leads nowhere, or not to what was told; or there was no room for it. */
  | { readonly reason: 'reset' | 'gap' | 'full' }
  | { readonly reason: 'refused'; readonly status: number; readonly retryAfter: number | undefined }
  /** Something that the issuer has not signed, or can't have meant, or what is too old when it comes; or no whole answer. */
  | { readonly reason: 'not_believed' | 'late' | 'unreachable'; readonly why: string }

const LIST_TYPE = `application/${REVOCATION_LIST_TYPE}`
const STREAM_TYPE = 'text/event-stream'
// Milliseconds until a stream begins.
const OPENING = 10_000
const EVENTS = ['snapshot', 'revocations', 'heartbeat']

/** Reads pages until there is no more; each must follow what is known. */
export async function readPages(ports: FeedPorts, signal: AbortSignal): Promise<End> {
  const { http, endpoint, keys, state, monotonic } = ports
  try {
    for (;;) {
      const since = state.known.cursor()
      const askedAt = monotonic()
      const answer = await http.request(feedAddress(endpoint, keys.kids(), since), {
        headers: headersOf(ports, LIST_TYPE),
        maxBytes: MAX_PAGE_LENGTH,
        timeout: pageTimeout(state.bound()) * 1_000,
        signal,
      })
      if (answer.status === 410 && since !== undefined) return { reason: 'reset' }
      if (answer.status !== 200) return { reason: 'refused', status: answer.status, retryAfter: retryAfter(answer) }
      const page = await verifyPage(answer.body.trim(), ports)
      if (signal.aborted) return { reason: 'stopped' }
      const taken = state.take(page)
      if (taken === 'gap' || taken === 'full') return { reason: taken }
      if (taken === 'whole') {
        state.confirm(askedAt)
        return { reason: 'whole' }
      }
      await nextTurn()
    }
  } catch (error) {
    return endOf(error, signal)
  }
}

/** What a stream tells of itself while it goes on. */
export type StreamListener = {
  /** It has begun. */
  readonly begun: () => void
  /** Something came that the issuer has signed. */
  readonly heard: () => void
  /** Everything is known, and what comes will be told. */
  readonly joined: () => void
}

/** Follows a stream for as long as it can be believed. */
export async function followStream(ports: FeedPorts, signal: AbortSignal, listener: StreamListener): Promise<End> {
  const { http, endpoint, keys, state, monotonic } = ports
  try {
    const cursor = state.known.cursor()
    const askedAt = monotonic()
    const response = await http.open(feedAddress(endpoint, keys.kids()), {
      headers: { ...headersOf(ports, STREAM_TYPE), ...(cursor !== undefined && { 'last-event-id': cursor }) },
      timeout: OPENING,
      signal,
    })
    if (!isStream(response) || !response.body) {
      await response.body?.cancel()
      if (response.status === 410 && cursor !== undefined) return { reason: 'reset' }
      return { reason: 'refused', status: response.status, retryAfter: retryAfter(response) }
    }
    listener.begun()
    const hear = hearing(ports, askedAt, listener)
    const parser = createEventStreamParser(MAX_PAGE_LENGTH + 1_024)
    for await (const bytes of bodyChunks(response.body, signal)) {
      for (const event of parser.push(bytes)) {
        const end = await hear(event, signal)
        if (end) return end
      }
    }
    return { reason: 'ended' }
  } catch (error) {
    return endOf(error, signal)
  }
}

function hearing(ports: FeedPorts, askedAt: number, listener: StreamListener) {
  const { state, monotonic } = ports
  let openedAt: number | undefined

  function beat(polledAt: number, greeted: boolean): End | undefined {
    // Of one that comes before the stream has said when it was opened, nothing is known.
    if (openedAt === undefined) return undefined
    const now = monotonic()
    const moment = trueAt({ askedAt, openedAt, polledAt }, now)
    // Where that would be of the future, our clock has lost time, by a drift of days or in a machine that slept. What it has lost is not
    // to hide that something comes late.
    openedAt = Math.max(openedAt, polledAt - (now - askedAt))
    state.confirm(moment)
    if (greeted) listener.joined()
    const age = now - moment
    // A stream that tells all too late says so with its every beat. That its first is old may be the database's fault.
    return !greeted && age > state.bound() ? { reason: 'late', why: `by ${age.toFixed(1)} s` } : undefined
  }

  return async ({ event, data }: ServerSentEvent, signal: AbortSignal): Promise<End | undefined> => {
    if (event === 'reset') return { reason: 'reset' }
    if (!EVENTS.includes(event)) return undefined
    const page = await verifyPage(data, ports)
    if (signal.aborted) return { reason: 'stopped' }
    listener.heard()
    const taken = state.take(page)
    if (taken === 'gap' || taken === 'full') return { reason: taken }
    if (isLong(page)) await nextTurn()
    if (page.polledAt === undefined) return undefined
    const greeted = openedAt === undefined && page.openedAt !== undefined
    openedAt ??= page.openedAt
    return beat(page.polledAt, greeted)
  }
}

// Thousands of entries hold up whoever shares the process, so others have their turn between two pages.
const isLong = ({ entries }: RevocationPage) => entries.length > 100
const nextTurn = () => new Promise<void>((resolve) => void setImmediate(resolve))

const isStream = ({ status, headers }: Response) =>
  status === 200 && (headers.get('content-type') ?? '').toLowerCase().startsWith(STREAM_TYPE)

/** No cache may answer for the server, whatever it makes of `no-store`. RFC 9111 §5.2.1.4. */
const headersOf = ({ authorization }: FeedPorts, accept: string) => ({
  accept,
  authorization,
  'cache-control': 'no-cache',
})

function endOf(error: unknown, signal: AbortSignal): End {
  if (signal.aborted) return { reason: 'stopped' }
  if (error instanceof TokenError) return { reason: 'not_believed', why: error.reason }
  if (error instanceof EventTooLarge) return { reason: 'not_believed', why: error.message }
  return { reason: 'unreachable', why: error instanceof Error ? error.message : String(error) }
}
