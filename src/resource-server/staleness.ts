/** All times are seconds; moments are of clocks that never jump, the API's own unless said otherwise. */

/** What a heartbeat says was true by the server's clock, and when its stream was asked for by both. */
export type Heartbeat = {
  readonly askedAt: number
  /** By the server's clock: when it took the request in, and when it asked its database. */
  readonly openedAt: number
  readonly polledAt: number
}

/**
 * The moment at which what a stream has told was true. The server took the request in no sooner than it was asked, so that the truth is
 * no older than this, however long anything took on its way; and never of the future.
 */
export function trueAt({ askedAt, openedAt, polledAt }: Heartbeat, now: number): number {
  return Math.min(now, askedAt + (polledAt - openedAt))
}

const LEAST_BOUND = 2
const MOST_BOUND = 60

/** The bound that an issuer tells, within what makes sense. */
export const boundOf = (told: number): number => Math.min(MOST_BOUND, Math.max(LEAST_BOUND, told))

/** How long nothing may come of a stream: heartbeats come each second. */
export const longestSilence = (bound: number): number => Math.max(2.2, bound / 2)

/** How often pages are asked for where there is no stream. */
export const pollInterval = (bound: number): number => bound / 4

/** How old things may be before a stream that is there is not relied on alone. A heartbeat a second rests on a poll of half a second. */
export const reliedOnStream = (bound: number): number => Math.max(1.6, bound / 2)

/** How long a page may take: an answer that comes later is no use. */
export const pageTimeout = (bound: number): number => Math.min(10, bound * 0.8)
