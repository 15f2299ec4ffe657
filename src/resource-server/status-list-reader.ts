import { TokenError } from '../crypto/token-error.js'
import { STATUS_LIST_TYPE } from '../wire/status-list.js'
import { atMost } from './at-most.js'
import { waitAtMost } from './in-time.js'
import type { IssuerAnswer, IssuerHttp } from './issuer-http.js'
import type { GenuineToken, Revocations, Verdict } from './revocations.js'
import type { SigningKeys } from './signing-keys.js'
import {
  isOver,
  MAX_LIST_LENGTH,
  type StatusList,
  statusAt,
  verifyStatusList,
  withRevocations,
} from './status-list-token.js'
import type { VerifierEvent } from './verifier-event.js'

export type StatusListReaderOptions = {
  readonly http: IssuerHttp
  readonly keys: SigningKeys
  readonly issuer: string
  readonly log: (event: VerifierEvent) => void
  /** Seconds since 1970. */
  readonly now?: () => number
  /** Seconds of a clock that never jumps. */
  readonly monotonic?: () => number
}

type Held = {
  readonly uri: string
  list: StatusList | undefined
  etag: string | undefined
  /** Seconds by the clock that never jumps: when the list was asked for, when a fetch failed, when somebody asked for it. */
  askedAt: number
  failedAt: number
  usedAt: number
  fetching: Promise<void> | undefined
  /** What the log was told. */
  isFailing: boolean
  isStale: boolean
}

const MAX_LISTS = 64
const MAX_FETCHES = 4
/** Milliseconds that one who asks waits, and that a fetch may take. */
const TIMEOUT = 2_000
/** Seconds in which a fetch that failed is not tried again. */
const FAILURE_KEPT = 1
/** What our server's lists say. */
const USUAL_TTL = 15
/** Seconds that the issuer's list may lag behind what was revoked. */
const LAG = 1
const REVOKED = 1
const NEVER = Number.NEGATIVE_INFINITY

/**
 * Reads the status lists that tokens name: fetched when somebody asks, ahead of time while somebody goes on to, and good for their `ttl`.
 * A token that stands in none, or in one that can't be had, is `unknown`; one that points outside a list, or outside of what is the
 * issuer's, is refused. draft-ietf-oauth-status-list §8.3.
 */
export function createStatusListReader({
  http,
  keys,
  issuer,
  log,
  now = () => Date.now() / 1_000,
  monotonic = () => performance.now() / 1_000,
}: StatusListReaderOptions): Revocations {
  const lists = new Map<string, Held>()
  const limited = atMost(MAX_FETCHES)
  const underWay = new Set<AbortController>()
  let closed = false
  const told = new Set<string>()
  let ttl = USUAL_TTL
  let confirmedAt: number | undefined

  /** Of a token that stands in no list, the first time. */
  function tellOnce(message: string, detail: VerifierEvent['detail'] & {}): void {
    if (!told.has(message)) log({ level: 'warn', event: 'revocations_refused', message, detail })
    told.add(message)
  }

  function holdOf(uri: string): Held {
    const found = lists.get(uri)
    if (found) return found
    const moments = { askedAt: NEVER, failedAt: NEVER, usedAt: NEVER }
    const nothing = { list: undefined, etag: undefined, fetching: undefined, isFailing: false, isStale: false }
    const held: Held = { uri, ...moments, ...nothing }
    makeRoom()
    lists.set(uri, held)
    return held
  }

  function makeRoom(): void {
    for (const [uri, { list }] of lists) if (list && isOver(list, now())) lists.delete(uri)
    if (lists.size < MAX_LISTS) return
    let oldest: Held | undefined
    for (const held of lists.values()) if (!oldest || held.usedAt < oldest.usedAt) oldest = held
    if (oldest) lists.delete(oldest.uri)
  }

  async function ask(uri: string, etag: string | undefined): Promise<IssuerAnswer> {
    const controller = new AbortController()
    underWay.add(controller)
    try {
      return await http.request(uri, {
        // draft-ietf-oauth-status-list §8.1.
        headers: { accept: `application/${STATUS_LIST_TYPE}`, ...(etag !== undefined && { 'if-none-match': etag }) },
        maxBytes: MAX_LIST_LENGTH,
        timeout: TIMEOUT,
        signal: controller.signal,
      })
    } finally {
      underWay.delete(controller)
    }
  }

  async function fetchList(held: Held): Promise<void> {
    const { uri, etag, list: known } = held
    const askedAt = monotonic()
    const { status, headers, body } = await ask(uri, known && etag)
    if (status === 304 && known && !isOver(known, now())) {
      held.askedAt = askedAt
      return
    }
    if (status !== 200) throw new Error(`it was answered ${status}`)
    const list = await verifyStatusList(body.trim(), { keys, issuer, uri, now: now() })
    held.list = known ? withRevocations(list, known) : list
    held.etag = headers.get('etag') ?? undefined
    held.askedAt = askedAt
    ttl = list.ttl
  }

  function failed(held: Held, error: unknown): void {
    held.failedAt = monotonic()
    if (held.isFailing || closed) return
    held.isFailing = true
    const why = error instanceof TokenError ? error.reason : String(error instanceof Error ? error.message : error)
    const event = error instanceof TokenError ? 'revocations_refused' : 'fetch_failed'
    log({ level: 'warn', event, message: 'A status list could not be had.', detail: { uri: held.uri, why } })
  }

  function succeeded(held: Held): void {
    confirmedAt = Math.max(confirmedAt ?? held.askedAt, held.askedAt)
    const message = 'A status list is there again.'
    if (held.isStale) log({ level: 'info', event: 'fresh', message, detail: { uri: held.uri } })
    held.isFailing = held.isStale = false
  }

  /** One fetch whoever asks, and none right after one that failed. Never rejects. */
  function refresh(held: Held): Promise<void> {
    if (held.fetching) return held.fetching
    if (closed || monotonic() - held.failedAt < FAILURE_KEPT) return Promise.resolve()
    const fetching = limited(() => fetchList(held))
      .then(() => succeeded(held))
      .catch((error: unknown) => failed(held, error))
      .finally(() => {
        held.fetching = undefined
      })
    held.fetching = fetching
    return fetching
  }

  /** What the list says, while it is good. Of one that is not, only that something was revoked, which is final. */
  function verdictOf({ list, askedAt }: Held, index: number): Verdict {
    if (!list) return 'unknown'
    const status = statusAt(list, index)
    if (monotonic() - askedAt > list.ttl) return status === REVOKED ? 'revoked' : 'unknown'
    // draft-ietf-oauth-status-list §8.3: a token beyond the end of its list is refused, and so is any status but that it is valid.
    return status === 0 ? 'live' : 'revoked'
  }

  async function afterFetch(held: Held, index: number): Promise<Verdict> {
    await waitAtMost(TIMEOUT, refresh(held))
    const verdict = verdictOf(held, index)
    if (verdict === 'unknown' && !held.isStale && !closed) {
      held.isStale = true
      const message = 'It is not known which tokens of a status list were revoked.'
      log({ level: 'warn', event: 'stale', message, detail: { uri: held.uri } })
    }
    return verdict
  }

  function judge({ claims }: GenuineToken): Verdict | Promise<Verdict> {
    const reference = claims.status?.status_list
    if (!reference) {
      tellOnce('A token names no status list: whether it was revoked is not known.', { client_id: claims.client_id })
      return 'unknown'
    }
    const { uri, idx } = reference
    if (!isListOf(issuer, uri)) {
      tellOnce('A token names a status list that is not of its issuer.', { jti: claims.jti })
      return 'revoked'
    }
    const held = holdOf(uri)
    const moment = monotonic()
    held.usedAt = moment
    const verdict = verdictOf(held, idx)
    if (verdict === 'unknown') return afterFetch(held, idx)
    if (held.list && moment - held.askedAt > held.list.ttl / 2) void refresh(held)
    return verdict
  }

  return {
    judge,
    // No list names keys: what a stolen one signed ends when it leaves the key set.
    isKeyRevoked: () => false,
    // There is nothing to learn before a token comes.
    attempted: Promise.resolve(),
    status: () => ({
      source: 'status_list',
      age: confirmedAt === undefined ? undefined : monotonic() - confirmedAt,
      bound: ttl + LAG,
      entries: lists.size,
    }),
    close() {
      closed = true
      for (const controller of underWay) controller.abort()
    },
  }
}

/**
 * Whether an address is one of an issuer's lists, as it is written: nothing in it that means another place. The signature of a token
 * says who made it, but who fetches whatever address it is told is somebody's tool.
 */
export function isListOf(issuer: string, uri: string): boolean {
  const prefix = `${issuer}/status-lists/`
  return uri.startsWith(prefix) && /^[\w-]{1,128}$/.test(uri.slice(prefix.length))
}
