import type { MetricsSnapshot } from './http/metrics.js'
import type { StartedDatabase } from './store/start-database.js'

/** What a worker is told. */
export type ToWorker =
  /** Take the port; until there is more, say that the server is starting. */
  | { readonly tell: 'open' }
  /** What the start waits for, for readiness. */
  | { readonly tell: 'waiting'; readonly reason: string }
  /** The database is there: serve over it. */
  | { readonly tell: 'serve'; readonly database: Prepared }
  /** Say what you have counted. */
  | { readonly tell: 'measure' }
  | { readonly tell: 'stop' }

/** What a worker says; `hello` before anything is told to it, which would be lost. */
export type FromWorker =
  | { readonly said: 'hello' | 'open' | 'ready' }
  | { readonly said: 'measured'; readonly metrics: MetricsSnapshot }
  /** It can't start, in words, and ends. */
  | { readonly said: 'failed'; readonly why: string }

/** The database as the first process found or started it. */
export type Prepared = Pick<StartedDatabase, 'url' | 'isEmbedded'>
