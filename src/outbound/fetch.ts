import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { parseAllowList } from './allow-list.js'
import { hostOf, locate, parseDestination } from './destination.js'
import { FetchError, type FetchReason } from './fetch-error.js'
import { createHostGate } from './host-gate.js'
import { readJson } from './read-json.js'
import { type RegisteredBy, type Resolve, systemResolve } from './resolve.js'

export interface FetcherOptions {
  /** FETCH_ALLOW, see parseAllowList. */
  allow: string[]
  userAgent: string
  /** Called once for every fetch, whatever came of it. */
  log?: (fetched: FetchLog) => void
  /** Certificate authorities in PEM, instead of those that Node trusts. */
  ca?: string
  resolve?: Resolve
}

/** `origin` and not the URL: what follows may be a capability. */
export interface FetchLog {
  origin: string | undefined
  registeredBy: RegisteredBy
  outcome: 'fetched' | 'posted' | FetchReason
  detail: string | undefined
  milliseconds: number
}

export interface FetchOptions {
  registeredBy: RegisteredBy
  /** Of the body. */
  maxBytes: number
  /** For everything: waiting, name, connection, answer. */
  timeoutMs: number
  /** Media types of an answer, without parameters; `application/*+json` stands for all of that suffix. */
  accept?: string[]
}

export interface PostOptions {
  registeredBy: RegisteredBy
  /** For everything: waiting, name, connection, the head of the answer. */
  timeoutMs: number
  /** Names and values of the form. */
  form: Readonly<Record<string, string>>
}

export interface Fetcher {
  /** The JSON at a URL. Throws FetchError. */
  fetchJson(url: string, options: FetchOptions): Promise<unknown>
  /**
   * Posts a form and answers the status, whatever it is: a redirect is not followed. Of what is said to it nothing is read. Throws
   * FetchError. RFC 9110 §9.3.3.
   */
  postForm(url: string, options: PostOptions): Promise<number>
}

const JSON_TYPES = ['application/json', 'application/*+json']
const MAX_HEADER_BYTES = 8192
// Each has its own: a flood of clients' URLs leaves the keys of the operator's APIs alone.
const LIMITS = { perHost: 4, total: 32, waiting: 256 }

/**
 * The one way out for every URL that this server dereferences: scheme and port policy, addresses checked and then
 * connected to, no redirects, no compression, no credentials, no proxy; bounded in size, header, time and number.
 * RFC 6890 §2.2, RFC 9700 §2.6.
 */
export function createFetcher({ allow, userAgent, log, ca, resolve = systemResolve }: FetcherOptions): Fetcher {
  const surroundings = { allow: parseAllowList(allow), resolve }
  const gates = { operator: createHostGate(LIMITS), client: createHostGate(LIMITS) }

  /** What comes of the answer's head, at an address that was checked. */
  async function reached<T>(text: string, { registeredBy, signal, ...sent }: Errand, read: Reading<T>): Promise<T> {
    const url = parseDestination(text, registeredBy)
    const headers = { ...sent.headers, 'accept-encoding': 'identity', 'user-agent': userAgent }
    const dialogue = async () => {
      const addresses = await locate(url, registeredBy, surroundings)
      return read(await send(url, addresses, { ...sent, headers, signal, ca }))
    }
    const leave = await gates[registeredBy].enter(url.hostname, signal)
    return unlessAborted(dialogue(), signal).finally(leave)
  }

  /** Within its time, and told of once. */
  async function attempt<T>(url: string, { timeoutMs, done, ...errand }: Attempt, read: Reading<T>): Promise<T> {
    const start = performance.now()
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(new FetchError('timeout')), timeoutMs)
    const report = (outcome: FetchLog['outcome'], detail?: string) =>
      log?.({
        origin: URL.canParse(url) ? new URL(url).origin : undefined,
        registeredBy: errand.registeredBy,
        outcome,
        detail,
        milliseconds: Math.round(performance.now() - start),
      })
    try {
      const result = await reached(url, { ...errand, signal: controller.signal }, read)
      report(done)
      return result
    } catch (error) {
      const failure = asFetchError(controller.signal.aborted ? controller.signal.reason : error)
      report(failure.reason, failure.detail)
      throw failure
    } finally {
      clearTimeout(timer)
      // Whatever was refused is not read to its end.
      controller.abort()
    }
  }

  return {
    fetchJson: (url, { registeredBy, timeoutMs, maxBytes, accept = JSON_TYPES }) => {
      const headers = { accept: accept.join(', ') }
      const errand = { method: 'GET', headers, registeredBy, timeoutMs, done: 'fetched' } as const
      return attempt(url, errand, (response) => readJson(response, { maxBytes, accept }))
    },
    postForm: (url, { registeredBy, timeoutMs, form }) => {
      const body = new URLSearchParams(form).toString()
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'content-length': String(Buffer.byteLength(body)),
      }
      const errand = { method: 'POST', headers, body, registeredBy, timeoutMs, done: 'posted' } as const
      return attempt(url, errand, async ({ statusCode = 0 }) => statusCode)
    },
  }
}

/** What is sent. */
interface Sent {
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
}

type Errand = Sent & { registeredBy: RegisteredBy; signal: AbortSignal }
type Attempt = Omit<Errand, 'signal'> & { timeoutMs: number; done: 'fetched' | 'posted' }
type Reading<T> = (response: IncomingMessage) => Promise<T>

type SendOptions = Sent & { signal: AbortSignal; ca: string | undefined }

/** The answer's head. A connection of its own, to one of these addresses; the name is for TLS and the Host field. */
function send(url: URL, addresses: string[], sent: SendOptions): Promise<IncomingMessage> {
  const { method, headers, body, signal, ca } = sent
  const { name, address } = hostOf(url)
  const secure = url.protocol === 'https:'
  // Agents of their own: the global ones may have been given a proxy or another's connections.
  const agent = secure ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false })
  const options = {
    method,
    agent,
    host: address ?? name,
    port: url.port || (secure ? 443 : 80),
    path: url.pathname + url.search,
    headers: { host: url.host, ...headers },
    lookup: pinned(addresses),
    maxHeaderSize: MAX_HEADER_BYTES,
    signal,
  }
  return new Promise((resolve, reject) => {
    // Set, so that NODE_TLS_REJECT_UNAUTHORIZED can't unset it.
    const request = secure
      ? requestHttps({ ...options, rejectUnauthorized: true, ...(ca && { ca }) })
      : requestHttp(options)
    request.on('response', resolve)
    request.on('error', reject)
    // An upgrade nobody asked for ends without an error, and without a response.
    request.on('close', () => reject(new FetchError('connection_failed')))
    request.end(body)
  })
}

function pinned(addresses: string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIP(address) }))
  return (_name, options, callback) => {
    if (options.all) callback(null, all)
    else callback(null, all[0]?.address ?? '', all[0]?.family)
  }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject)
    signal.addEventListener('abort', () => reject(signal.reason))
  })
}

// A message may quote what the other side sent (a certificate's names, a line of the header); a code can't.
function asFetchError(error: unknown): FetchError {
  if (error instanceof FetchError) return error
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return code === 'HPE_HEADER_OVERFLOW'
    ? new FetchError('headers_too_large')
    : new FetchError('connection_failed', code)
}
