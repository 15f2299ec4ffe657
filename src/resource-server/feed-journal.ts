import type { End } from './feed-reading.js'
import type { VerifierEvent } from './verifier-event.js'

export type Source = 'stream' | 'pages'

export type FeedJournal = {
  joined(): void
  /** A stream or a reading of pages has ended; only what is new is worth a line. */
  ended(by: Source, end: End): void
  /** Everything is known by one of the two: what goes wrong with it from here on is news again. */
  confirmed(by: Source): void
  /** Whether things are fresh enough to judge by; a line where that has changed. */
  freshness(isFresh: boolean, age: number | undefined): void
  failed(why: string): void
}

/** Tells the operator what becomes of a feed, each thing once and not with every try. */
export function createFeedJournal(tell: (event: VerifierEvent) => void): FeedJournal {
  let joined = false
  let fresh: boolean | undefined
  const told = new Set<string>()

  function log(level: VerifierEvent['level'], event: VerifierEvent['event'], message: string, detail = {}): void {
    try {
      tell({ level, event, message, detail })
    } catch {
      // What is known of revocations does not hang on a log.
    }
  }

  /** Whether it is the first time since all was well. */
  function isNews(what: string): boolean {
    const known = told.has(what)
    told.add(what)
    return !known
  }

  return {
    joined() {
      joined = true
      log('info', 'connected', 'Revocations are told as they happen.')
    },
    ended(by, end) {
      if (by === 'stream') {
        if (joined) log('info', 'disconnected', 'The stream of revocations has ended.', end)
        joined = false
      }
      if (end.reason === 'refused' && (end.status === 401 || end.status === 403)) {
        if (!isNews('credentials')) return
        log('error', 'credentials_refused', 'The authorization server refuses the credentials of this API.', end)
      } else if (end.reason === 'refused' || end.reason === 'unreachable') {
        if (isNews(`${by} unreachable`))
          log('warn', 'fetch_failed', 'Revocations could not be asked for.', { by, ...end })
      } else if (end.reason === 'full') {
        if (isNews('full'))
          log('error', 'revocations_refused', 'There are more revocations than this process holds.', end)
      } else if (end.reason === 'not_believed' || end.reason === 'late') {
        if (isNews(`${by} unreliable`))
          log('warn', 'revocations_refused', 'Revocations were told that are not to be relied on.', { by, ...end })
      }
    },
    confirmed(by) {
      for (const what of ['credentials', 'full', `${by} unreachable`, `${by} unreliable`]) told.delete(what)
    },
    freshness(isFresh, age) {
      if (isFresh === fresh) return
      if (!isFresh) log('warn', 'stale', 'It is not known any more which tokens were revoked.', { age })
      else if (fresh === false) log('info', 'fresh', 'It is known again which tokens were revoked.')
      fresh = isFresh
    },
    failed(why) {
      if (isNews('where')) log('warn', 'fetch_failed', 'Where revocations are told could not be learnt.', { why })
    },
  }
}
