import { clearInterval, setInterval } from 'node:timers'
import { entryDigest, isRevoked } from '../wire/revocation-list.js'
import { basicAuthorization } from './basic-authorization.js'
import { createFeedJournal, type Source } from './feed-journal.js'
import { type End, type FeedPorts, readPages } from './feed-reading.js'
import { createFeedState } from './feed-state.js'
import { type FeedStream, keepStream } from './feed-stream.js'
import type { IssuerHttp } from './issuer-http.js'
import type { FeedMetadata } from './issuer-metadata.js'
import type { ApiCredentials } from './options.js'
import type { Revocations } from './revocations.js'
import type { SigningKeys } from './signing-keys.js'
import { pollInterval, reliedOnStream } from './staleness.js'
import type { VerifierEvent } from './verifier-event.js'

export type RevocationFeedOptions = {
  readonly issuer: string
  readonly credentials: ApiCredentials
  readonly http: IssuerHttp
  readonly keys: SigningKeys
  readonly feed: FeedMetadata
  readonly log: (event: VerifierEvent) => void
  /** Seconds of a clock that never jumps. */
  readonly monotonic?: () => number
}

/** Milliseconds. */
const SETTINGS = {
  /** Between two looks at what is due. */
  tick: 200,
  leastPause: 250,
  mostPause: 10_000,
  goodStream: 10_000,
  /** Before another try with credentials that were refused, or for what there was no room for: somebody must do something first. */
  longPause: 30_000,
}

/** Entries looked at in one tick: what is over is forgotten within a minute or so. */
const FORGOTTEN_AT_ONCE = 2_000
/** Seconds between two ticks after which the process was held up, and what has come meanwhile is not read yet. */
const HELD_UP = 1
const MOST_KEY_DIGESTS = 256
/** Seconds that pages are not asked for, at most, because the server said so. */
const MOST_PATIENCE = 10

/**
 * Follows the issuer's revocations: as they happen by a stream, and in pages where there is none, or none that gets through. What is
 * known is never older than it says: past the bound no token is judged live. `settings` is for tests.
 */
export function createRevocationFeed(
  { issuer, http, keys, feed, credentials, log, monotonic = () => performance.now() / 1_000 }: RevocationFeedOptions,
  settings: Partial<typeof SETTINGS> = {},
): Revocations {
  const own = { ...SETTINGS, ...settings }
  const closing = new AbortController()
  const { signal } = closing
  const state = createFeedState(keys, monotonic)
  const journal = createFeedJournal(log)
  const authorization = basicAuthorization(credentials)
  const ports: FeedPorts = { http, keys, issuer, endpoint: feed.endpoint, authorization, state, monotonic }
  const { known, bound } = state
  const startedAt = monotonic()
  let tickedAt = startedAt
  let polling: AbortController | undefined
  let polledAt = startedAt
  let pollNotBefore = startedAt
  let pollAtOnce = !feed.hasStream
  let wasLost = false
  /** What is still to be tried before the first attempt is over. */
  const untried = new Set<Source>(feed.hasStream ? ['stream', 'pages'] : ['pages'])
  let settle = () => {}
  const attempted = new Promise<void>((resolve) => {
    settle = resolve
  })

  function ended(by: Source, end: End): number | undefined {
    journal.ended(by, end)
    untried.delete(by)
    if (untried.size === 0 || state.age() !== undefined) settle()
    const { reason } = end
    // A stream that goes on knows better than a page that came from elsewhere.
    if ((reason === 'reset' || reason === 'gap' || reason === 'full') && !stream?.isActive()) known.beginAnew()
    if (reason === 'full') return own.longPause
    if (reason !== 'refused') return undefined
    if (end.status !== 401 && end.status !== 403) return end.retryAfter && end.retryAfter * 1_000
    settle()
    return own.longPause
  }

  function confirmed(by: Source): void {
    if (state.age() === undefined) return
    journal.confirmed(by)
    settle()
  }

  async function poll(): Promise<void> {
    const controller = new AbortController()
    polling = controller
    polledAt = monotonic()
    pollAtOnce = false
    const end = await readPages(ports, controller.signal)
    polling = undefined
    if (end.reason === 'stopped') return
    const pause = ended('pages', end)
    if (pause !== undefined) {
      const most = end.reason === 'refused' && end.retryAfter !== undefined ? MOST_PATIENCE : Number.POSITIVE_INFINITY
      pollNotBefore = monotonic() + Math.min(most, pause / 1_000)
    }
    // From the beginning, without waiting; but where that leads to the same, not at once again.
    const isLost = end.reason === 'reset' || end.reason === 'gap'
    pollAtOnce ||= isLost && !wasLost
    wasLost = isLost
    if (end.reason === 'whole') confirmed('pages')
  }

  function isPollDue(): boolean {
    const now = monotonic()
    if (polling || now < pollNotBefore) return false
    const isTime = now - polledAt >= pollInterval(bound())
    if (!stream?.isActive()) return pollAtOnce || isTime
    // While it is being told everything, or tells of it in time, a stream is enough.
    return known.isWhole() && (pollAtOnce || (isTime && (state.age() ?? 0) > reliedOnStream(bound())))
  }

  function tick(): void {
    const now = monotonic()
    if (now - tickedAt < HELD_UP) stream?.look()
    tickedAt = now
    if (isPollDue()) void poll()
    known.forget(now, FORGOTTEN_AT_ONCE)
    const age = state.age()
    const isFresh = age !== undefined && age <= bound()
    if (isFresh || now - startedAt > bound()) journal.freshness(isFresh, age)
  }

  function follow(): FeedStream {
    return keepStream(ports, {
      signal,
      pauses: own,
      onActive() {
        // From here on the stream says what follows what.
        polling?.abort()
      },
      onJoined() {
        journal.joined()
        confirmed('stream')
      },
      onEnd(end) {
        const pause = ended('stream', end)
        pollAtOnce ||= pause === undefined
        return pause
      },
    })
  }

  // Asked with every token, of the few keys there are.
  const keyDigests = new Map<string, string>()
  function digestOfKey(kid: string): string {
    const made = keyDigests.get(kid) ?? entryDigest('kid', kid)
    if (keyDigests.size >= MOST_KEY_DIGESTS) keyDigests.clear()
    keyDigests.set(kid, made)
    return made
  }

  state.setBound(feed.maxStaleness)
  let named = keys.kids().join(' ')
  keys.onChange(() => {
    // So that the operator hears at once which keys are held here.
    const names = keys.kids().join(' ')
    if (names !== named) pollAtOnce = true
    named = names
  })
  const stream = feed.hasStream ? follow() : undefined
  tick()
  const ticker = setInterval(tick, own.tick).unref()

  return {
    judge({ keys: tokenKeys }) {
      if (isRevoked(tokenKeys, known.find)) return 'revoked'
      const age = state.age()
      return age !== undefined && age <= bound() ? 'live' : 'unknown'
    },
    isKeyRevoked: (kid) => known.find(digestOfKey(kid)) !== undefined,
    attempted,
    status: () => ({ source: 'feed', age: state.age(), bound: bound(), entries: known.size() }),
    close() {
      clearInterval(ticker)
      closing.abort()
      polling?.abort()
      settle()
    },
  }
}
