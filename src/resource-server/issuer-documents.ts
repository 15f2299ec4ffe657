import { type FetchedDocuments, fetchDocuments, UnusableDocument } from './fetch-documents.js'
import type { IssuerHttp } from './issuer-http.js'
import type { IssuerMetadata } from './issuer-metadata.js'
import { LONGEST_KID, type SigningKeys } from './signing-keys.js'
import type { VerifierEvent } from './verifier-event.js'

export type IssuerDocuments = {
  readonly keys: SigningKeys
  /** Undefined until it was fetched, and when the last good one is too old. */
  metadata(): IssuerMetadata | undefined
  /** Calls back when there is metadata, and when it has changed. */
  onMetadata(listener: (metadata: IssuerMetadata) => void): void
  /** When the first attempt has ended, well or not. */
  readonly attempted: Promise<void>
  /** Seconds since both were fetched; undefined before. */
  age(): number | undefined
  isClosed(): boolean
  close(): void
}

export type IssuerDocumentsPorts = {
  readonly http: IssuerHttp
  readonly log: (event: VerifierEvent) => void
  /** Seconds of a clock that never jumps. */
  readonly monotonic: () => number
  readonly isKeyRevoked: (kid: string) => boolean
}

// Seconds.
const LONGEST_OUTAGE = 86_400
const COOL_DOWN = 5
// After an attempt that told nothing: whoever comes with a key that nobody knows makes a server in trouble answer no more often.
const BREATH = 0.5
const RETRY = { first: 0.25, most: 15 }
const SOON = 1
const MOST_MISSED = 1_000

/**
 * The issuer's metadata and keys: fetched at once, then as often as the keys may be kept, and the last good ones through an outage of a
 * day. RFC 8414 §3, RFC 7517 §5.
 */
export function createIssuerDocuments(
  issuer: string,
  { http, log, monotonic, isKeyRevoked }: IssuerDocumentsPorts,
): IssuerDocuments {
  const changed: (() => void)[] = []
  const onMetadata: ((metadata: IssuerMetadata) => void)[] = []
  let held: (FetchedDocuments & { readonly at: number }) | undefined
  let flight: Promise<boolean> | undefined
  let failures = 0
  let triedAt = Number.NEGATIVE_INFINITY
  // Names of keys that were not held, and when they were asked after first.
  const missed = new Map<string, number>()
  // A set that still has a key known to be revoked is of a server that has not heard yet: what came in its place is not in it either.
  let isOutdated = false
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const age = () => (held ? monotonic() - held.at : undefined)
  /** What is held, unless nobody has confirmed it for too long. */
  const current = () => (held && monotonic() - held.at < LONGEST_OUTAGE ? held : undefined)

  async function attempt(): Promise<boolean> {
    // Before it is asked: what the issuer changes while it answers may not be in the answer.
    const at = monotonic()
    try {
      const fetched = await fetchDocuments(issuer, http)
      if (closed) return false
      const before = held
      held = { ...fetched, at }
      failures = 0
      isOutdated = [...fetched.keys.keys()].some(isKeyRevoked)
      if (describe(before?.keys) !== describe(fetched.keys)) {
        if (before)
          log({
            level: 'info',
            event: 'keys_changed',
            message: `The issuer's keys have changed.`,
            detail: { kids: [...fetched.keys.keys()] },
          })
        for (const listener of changed) listener()
      }
      if (JSON.stringify(before?.metadata) !== JSON.stringify(fetched.metadata)) {
        for (const listener of onMetadata) listener(fetched.metadata)
      }
      return !isOutdated
    } catch (error) {
      if (closed) return false
      failures += 1
      const event = error instanceof UnusableDocument ? 'metadata_refused' : 'fetch_failed'
      const level = error instanceof UnusableDocument || !current() ? 'error' : 'warn'
      log({ level, event, message: error instanceof Error ? error.message : String(error), detail: { failures } })
      return false
    }
  }

  function firstMissed(kid: string): number {
    if (missed.size >= MOST_MISSED) missed.clear()
    const first = missed.get(kid) ?? monotonic()
    missed.set(kid, first)
    return first
  }

  function refresh({ urgent = false, kid = '' }: Parameters<SigningKeys['refresh']>[0] = {}): Promise<boolean> {
    if (closed) return Promise.resolve(false)
    // No set has a key of such a name.
    if (kid.length > LONGEST_KID) return Promise.resolve(true)
    const first = kid === '' ? undefined : firstMissed(kid)
    if (flight) return flight
    const [since, pause] = held && failures === 0 && !isOutdated ? [held.at, COOL_DOWN] : [triedAt, BREATH]
    // Of a key that was made after it was asked for, what is held says nothing.
    if (!urgent && monotonic() - since < pause) return Promise.resolve(pause === COOL_DOWN && (first ?? since) <= since)
    flight = attempt().finally(() => {
      flight = undefined
      triedAt = monotonic()
      schedule()
    })
    return flight
  }

  function schedule(): void {
    clearTimeout(timer)
    if (closed) return
    const renewal = isOutdated ? SOON : (held?.metadata.jwksMaxAge ?? SOON)
    const wait = failures > 0 ? Math.min(RETRY.most, RETRY.first * 2 ** failures) : renewal
    // By chance a little earlier: those that were started together do not come together.
    timer = setTimeout(() => refresh({ urgent: true }), wait * 1_000 * (1 - Math.random() / 4))
    timer.unref?.()
  }

  return {
    attempted: refresh({ urgent: true }).then(() => {}),
    metadata: () => current()?.metadata,
    age,
    isClosed: () => closed,
    onMetadata(listener) {
      onMetadata.push(listener)
    },
    close() {
      closed = true
      clearTimeout(timer)
    },
    keys: {
      find: (kid) => (isKeyRevoked(kid) ? undefined : current()?.keys.get(kid)),
      kids: () => [...(current()?.keys.keys() ?? [])],
      refresh,
      onChange(listener) {
        changed.push(listener)
      },
    },
  }
}

/** Two sets are the same when they have the same names: a kid is a thumbprint. */
const describe = (keys: FetchedDocuments['keys'] | undefined) => [...(keys?.keys() ?? [])].sort().join(' ')
