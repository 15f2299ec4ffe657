import type { IncomingHttpHeaders } from 'node:http'
import type { Tenant } from '../oauth/records.js'

/** A request to an endpoint of the server itself: health. */
export interface RootRequest {
  /** Ours, never the caller's; also in the answer's `x-request-id`. */
  readonly id: string
  /** Upper case; HEAD arrives as GET. */
  readonly method: string
  /** As sent: not decoded, not normalised, the tenant's prefix included. */
  readonly path: string
  /** As sent, without the question mark; empty when there is none. */
  readonly query: string
  /** Lower-case names. A repeated `authorization`, `content-type`, `host`, `origin` or `dpop` never gets here. */
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: readonly string[]
  /** UTF-8, proved valid; empty when the route takes none. */
  readonly body: string
  /** Media type in lower case, without its parameters. */
  readonly contentType: string | undefined
  /** The client's IP address in canonical text, as far as `TRUSTED_PROXY_HOPS` proxies are believed. */
  readonly address: string
}

/** A request to an endpoint of an issuer. */
export interface HttpRequest extends RootRequest {
  /** By the path alone: never by `Host` or `X-Forwarded-*`. */
  readonly tenant: Tenant
}

export interface HttpResponse {
  /** The same object answers many requests: what is made of it is worth keeping. */
  readonly fixed?: boolean
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body?: string | Buffer | undefined
  /** For the log, of an answer that refuses without being an error: which check failed. */
  readonly reason?: string | undefined
  /** Instead of a body: called once the head went out, unless that was all the caller asked for. */
  readonly stream?: ((writer: StreamWriter) => void) | undefined
}

/** The caller's end of an answer that goes on. */
export interface StreamWriter {
  /** False when the bytes wait to be sent. Nothing happens once the stream is over. */
  write(bytes: Uint8Array): boolean
  /** Bytes that wait. */
  buffered(): number
  /** Calls once when nothing waits, at once where nothing does. */
  onDrain(listener: () => void): void
  /** Ends the answer after what waits. */
  end(): void
  /** Closes the connection. */
  destroy(): void
  /** Aborts when the stream is over, whoever ended it. */
  readonly signal: AbortSignal
}

/** Lower-case names. */
export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>

/** An endpoint of an issuer: request in, response out; what is thrown, `http/errors.ts` answers. */
export type Handler<Deps> = (request: HttpRequest, deps: Deps) => Promise<HttpResponse>

/** An endpoint of the server itself. */
export type RootHandler<Deps> = (request: RootRequest, deps: Deps) => Promise<HttpResponse>

/** For answers with tokens or secrets in them, RFC 6749 §5.1. */
export const NO_STORE: ResponseHeaders = { 'cache-control': 'no-store', pragma: 'no-cache' }

/** A JSON answer. Without a `cache-control` of its own it is not stored. */
export function json(status: number, body: unknown, headers: ResponseHeaders = {}): HttpResponse {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) }
}
