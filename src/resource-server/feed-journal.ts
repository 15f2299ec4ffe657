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
}

/** Tells the operator what becomes of a feed, each thing once and not with every try. */
export function createFeedJournal(log: (event: VerifierEvent) => void): FeedJournal {
  let joined = false
  let fresh: boolean | undefined
  const told = new Set<string>()

  /** Whether it is the first time since all was well. */
  function isNews(what: string): boolean {
    const known = told.has(what)
    told.add(what)
    return !known
  }

  return {
    joined() {
      joined = true
      log({ level: 'info', event: 'connected', message: 'Revocations are told as they happen.' })
    },
    ended(by, end) {
      if (by === 'stream') {
        const message = 'The stream of revocations has ended.'
        if (joined) log({ level: 'info', event: 'disconnected', message, detail: end })
        joined = false
      }
      const trouble = troubleOf(end)
      if (trouble && isNews(trouble.ofBoth ? trouble.message : `${by}: ${trouble.message}`)) {
        const { level, event, message } = trouble
        log({ level, event, message, detail: { by, ...end } })
      }
    },
    confirmed(by) {
      for (const what of told) if (!what.includes(': ') || what.startsWith(`${by}: `)) told.delete(what)
    },
    freshness(isFresh, age) {
      if (isFresh === fresh) return
      const message = isFresh
        ? 'It is known again which tokens were revoked.'
        : 'It is not known which tokens were revoked.'
      if (!isFresh) log({ level: 'warn', event: 'stale', message, detail: { age } })
      else if (fresh === false) log({ level: 'info', event: 'fresh', message })
      fresh = isFresh
    },
  }
}

/** `ofBoth`: it is the same whether a stream or a page was asked for. */
type Trouble = Pick<VerifierEvent, 'level' | 'event' | 'message'> & { readonly ofBoth: boolean }

function troubleOf(end: End): Trouble | undefined {
  const both = { level: 'error', ofBoth: true } as const
  const one = { level: 'warn', ofBoth: false } as const
  switch (end.reason) {
    case 'refused':
      if (end.status !== 401 && end.status !== 403) break
      return { ...both, event: 'credentials_refused', message: 'The credentials of this API are refused.' }
    case 'full':
      return { ...both, event: 'revocations_refused', message: 'There are more revocations than are held here.' }
    case 'not_believed':
    case 'late':
      return { ...one, event: 'revocations_refused', message: 'What is told of revocations can not be relied on.' }
    case 'unreachable':
      break
    default:
      return undefined
  }
  return { ...one, event: 'fetch_failed', message: 'Revocations could not be asked for.' }
}
