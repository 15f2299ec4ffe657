import { bodyChunks } from './body-chunks.js'
import { inTime } from './in-time.js'

/** An answer whose body was read to its end. */
export type IssuerAnswer = { readonly status: number; readonly headers: Headers; readonly body: string }

export type IssuerRequest = {
  readonly headers?: Readonly<Record<string, string>>
  /** A form to POST; without one the request is a GET. */
  readonly form?: URLSearchParams
  /** Of the body, decoded. */
  readonly maxBytes: number
  /** Milliseconds for the whole of it. */
  readonly timeout: number
  readonly signal?: AbortSignal
}

export type IssuerHttp = {
  /** Asks the issuer, whatever it answers. Throws IssuerUnreachable when there is no whole answer. */
  request(url: string, options: IssuerRequest): Promise<IssuerAnswer>
  /** An answer that goes on; `timeout` (milliseconds) is for its beginning, and `signal` ends it. Throws IssuerUnreachable. */
  open(url: string, options: Pick<IssuerRequest, 'headers' | 'timeout'> & { signal: AbortSignal }): Promise<Response>
}

/** There was no answer of the issuer, or none that can be read. The message says which, for the log. */
export class IssuerUnreachable extends Error {
  override readonly name = 'IssuerUnreachable'
}

/**
 * The one way out: nothing but the issuer's origin is asked, whatever a document or a token says; no redirects, bounded in size and
 * time. RFC 9728 §7.7, RFC 8725 §3.10.
 */
export function createIssuerHttp(issuer: string, fetcher: typeof fetch = fetch): IssuerHttp {
  const { origin } = new URL(issuer)

  /** One controller for all that ends a request: a signal made of several can be lost to the garbage collector of Node 20. */
  function endedBy(signal: AbortSignal | undefined) {
    const controller = new AbortController()
    const abort = () => controller.abort(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    return { controller, release: () => signal?.removeEventListener('abort', abort) }
  }

  async function send(url: string, init: RequestInit): Promise<Response> {
    if (!URL.canParse(url) || new URL(url).origin !== origin) {
      throw new IssuerUnreachable(`${printable(url)} is not at ${origin}, and nothing else is asked.`)
    }
    return fetcher(url, { ...init, redirect: 'error', credentials: 'omit' })
  }

  /** What a request comes to, in its time; whatever goes wrong with it is one kind of error. */
  async function answerTo<T>(url: string, { timeout, controller, work }: Timed<T>): Promise<T> {
    try {
      return await inTime(timeout, work, () => controller.abort(new Error('it took too long')))
    } catch (error) {
      if (error instanceof IssuerUnreachable) throw error
      throw new IssuerUnreachable(`${url.split('?')[0]} gave no answer: ${reasonOf(error)}`)
    }
  }

  return {
    async request(url, { headers, form, maxBytes, timeout, signal }) {
      const { controller, release } = endedBy(signal)
      const method = form ? { method: 'POST', body: form } : {}
      const ask = async () => {
        const response = await send(url, { ...method, headers: { ...headers }, signal: controller.signal })
        return {
          status: response.status,
          headers: response.headers,
          body: await readAll(response, maxBytes, controller.signal),
        }
      }
      try {
        return await answerTo(url, { timeout, controller, work: ask() })
      } finally {
        release()
      }
    },
    async open(url, { headers, timeout, signal }) {
      const { controller } = endedBy(signal)
      const work = send(url, { headers: { ...headers }, signal: controller.signal })
      return answerTo(url, { timeout, controller, work })
    },
  }
}

type Timed<T> = { readonly timeout: number; readonly controller: AbortController; readonly work: Promise<T> }

async function readAll({ body }: Response, maxBytes: number, signal: AbortSignal): Promise<string> {
  if (!body) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  // Counted as it is decoded: a small answer may have been made of a large one.
  for await (const chunk of bodyChunks(body, signal)) {
    size += chunk.length
    if (size > maxBytes) throw new IssuerUnreachable(`An answer was larger than ${maxBytes} bytes.`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** What `fetch` says is "fetch failed"; why is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const { code, message } = cause as { code?: unknown; message?: unknown }
  return printable(String(code ?? message ?? cause))
}

const printable = (text: string) => JSON.stringify(text.slice(0, 200)).slice(1, -1)
