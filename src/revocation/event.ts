import type { RevocationPage } from '../oauth/ports.js'

export type EventName = 'snapshot' | 'revocations' | 'heartbeat'

/** Where a reader stands. */
export type Position = Pick<RevocationPage, 'cursor' | 'revision'>

/** A signed page as it is sent: the same bytes to everybody. */
export type FeedEvent = Position & { readonly more: boolean; readonly bytes: Buffer }

/** The first thing in every stream: a reader that lost its own comes back after a second. */
export const OPENING = Buffer.from('retry: 1000\n\n')

/** Says that what follows can't be told any more, and that a snapshot can. */
export const RESET = Buffer.from('event: reset\ndata: {"error":"reset"}\n\n')

/** A server-sent event of a compact JWS, RFC 7515 §3.1, which has no line end in it. */
export function feedEvent(
  name: EventName,
  { cursor, revision, more }: Omit<FeedEvent, 'bytes'>,
  jws: string,
): FeedEvent {
  return { cursor, revision, more, bytes: Buffer.from(`event: ${name}\nid: ${cursor}\ndata: ${jws}\n\n`, 'latin1') }
}
