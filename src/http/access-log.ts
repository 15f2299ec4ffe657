import type { RequestLog } from './log.js'

/** Where the answer to a request is reported. */
export interface Observers {
  readonly log: RequestLog
  /** Told of every answer, with its time in seconds. */
  readonly observe?: (endpoint: string, status: number, seconds: number) => void
}

export interface Answered {
  readonly id: string
  readonly method: string | undefined
  /** The route's name. The path is not logged: callers put secrets into it. */
  readonly route: string
  readonly tenant: string | undefined
  readonly status: number
  /** Which check failed. */
  readonly reason: string | undefined
  /** What an operator needs to mend it. */
  readonly detail?: Readonly<Record<string, unknown>> | undefined
  /** By `performance.now()`. */
  readonly started: number
  /** When the head was written, if what followed took its time. */
  readonly answeredAt?: number | undefined
  /** What nobody foresaw. */
  readonly unexpected?: unknown
}

/** One line and one measurement per request: nothing that the caller chose but the method, which Node limits to those it knows. */
export function report({ log, observe }: Observers, answered: Answered): void {
  const { id, method, route, tenant, status, reason, detail, started, answeredAt, unexpected } = answered
  const now = performance.now()
  observe?.(route, status, ((answeredAt ?? now) - started) / 1000)
  const ms = Math.round((now - started) * 10) / 10
  const kind = { method, route, tenant, status, reason }
  if (unexpected !== undefined) log.error({ id, ...kind, ms, detail, err: unexpected }, 'request')
  else if (detail !== undefined) log.info({ id, ...kind, ms, detail }, 'request')
  else log.request(kind, { id, ms })
}
