import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { temporarilyUnavailable } from '../oauth/errors.js'
import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { type Answered, type Observers, report } from './access-log.js'
import { hasBody, readText } from './body.js'
import { unlessMatching } from './caching.js'
import { CORS_FOR_ANY, corsHeaders, NO_CORS, preflight } from './cors.js'
import { within } from './deadlines.js'
import { type ErrorAnswer, errorAnswer, methodNotAllowed, notFound } from './errors.js'
import type { HttpResponse, ResponseHeaders, RootRequest } from './handler.js'
import { headersRefused, openRequest } from './request.js'
import { securityHeaders, send } from './response.js'
import { allow, type Match, ofMethod } from './route.js'
import { streamTo } from './stream.js'
import { endOfTurn, perTurn } from './turn.js'

/** What the wrapper of all endpoints needs. */
export interface ServeContext<Deps> extends Observers {
  /** Handed to every handler. */
  readonly deps: Deps
  /** An origin. */
  readonly publicUrl: string
  readonly trustedProxyHops: number
  readonly tenants: Ports['tenants']
  readonly clients: Pick<Ports['clients'], 'allowsOrigin'>
}

// Nginx's number for a caller that hung up: for log and metrics, never sent.
const CALLER_GONE = 499
const DEFAULT_MAX_BYTES = 16 * 1024
const DEFAULT_TIMEOUT = 30

/** Makes the function that answers matched requests: limits, calls the handler, writes, logs one line. It never throws. */
export function server<Deps>(context: ServeContext<Deps>) {
  const plain: ResponseHeaders = { 'cache-control': 'no-store', ...securityHeaders(context.publicUrl) }
  // For the endpoints that answer every page alike, or none, all that is the same in every answer.
  const same = new Map<ResponseHeaders, ResponseHeaders>([
    [NO_CORS, plain],
    [CORS_FOR_ANY, { ...plain, ...CORS_FOR_ANY }],
  ])

  function write(exchange: Exchange<Deps>, response: HttpResponse): void {
    if (exchange.req.socket.destroyed) return
    const { id, cors } = exchange
    send(exchange, response, { id, common: same.get(cors) ?? { ...plain, ...cors } })
  }

  function give(exchange: Exchange<Deps>, made: Made): Answer {
    try {
      const response = unlessMatching(made(), exchange.req.headers)
      write(exchange, response)
      return { response }
    } catch (error) {
      const answer = errorAnswer(error, { id: exchange.id, page: pageFor(exchange) })
      write(exchange, answer.response)
      return answer
    }
  }

  async function alone(exchange: Exchange<Deps>, refused: Error | undefined): Promise<void> {
    await endOfTurn()
    const made = await outcome(refused ? Promise.reject(refused) : handle(exchange, context))
    let answer = give(exchange, made)
    const answeredAt = performance.now()
    const { stream } = answer.response
    const streams = stream !== undefined && exchange.req.method !== 'HEAD' && !exchange.req.socket.destroyed
    if (streams) {
      await streamTo(exchange.res, stream).catch((error: unknown) => {
        answer = { ...answer, reason: 'unexpected_error', unexpected: error }
      })
    }
    // Most callers end a stream by hanging up: that is nobody's failure.
    const gone = !streams && exchange.req.socket.destroyed
    report(context, answered(exchange, gone ? CALLER_GONE : answer, answeredAt))
  }

  const inCompany = perTurn(async (exchanges: readonly [Exchange<Deps>, ...Exchange<Deps>[]]) => {
    const [first] = exchanges
    const made = await outcome(handle(first, context))
    for (const exchange of exchanges) {
      exchange.tenant = first.tenant
      exchange.cors = first.cors
      const answer = give(exchange, made)
      report(context, answered(exchange, exchange.req.socket.destroyed ? CALLER_GONE : answer))
    }
  })

  return (match: Match<Deps>, req: IncomingMessage, res: ServerResponse): void => {
    const started = performance.now()
    const exchange: Exchange<Deps> = { id: randomUUID(), started, match, req, res, tenant: undefined, cors: NO_CORS }
    const refused = headersRefused(req.rawHeaders)
    if (match.route.shared && isRead(req) && !refused) inCompany(negotiated(req), exchange)
    else void alone(exchange, refused)
  }
}

/** What a handler answered, or what it threw: in the hands of each who is to have it. */
type Made = () => HttpResponse

const outcome = (handled: Promise<HttpResponse>): Promise<Made> =>
  handled.then(
    (response) => () => response,
    (error: unknown) => () => {
      throw error
    },
  )

type Answer = Pick<ErrorAnswer, 'response'> & Partial<ErrorAnswer>

/** What a request has in common with those it may share an answer with, in characters that neither target nor headers can hold. */
function negotiated({ url, headers }: IncomingMessage): string {
  const { accept, 'accept-encoding': encoding } = headers
  return `${url}\n${accept === undefined ? '' : `+${accept}`}\n${encoding === undefined ? '' : `+${encoding}`}`
}

/** What is known of a request so far: the answer to an error needs it too. */
interface Exchange<Deps> {
  readonly id: string
  /** By `performance.now()`. */
  readonly started: number
  readonly match: Match<Deps>
  readonly req: IncomingMessage
  readonly res: ServerResponse
  tenant: Tenant | undefined
  cors: ResponseHeaders
}

/** What an error's page is made for, where people see the route. */
function pageFor<Deps>({ match: { route }, req: { headers }, tenant }: Exchange<Deps>) {
  return route.answers === 'page' ? { headers, tenant } : undefined
}

/** For the log. */
function answered<Deps>(
  { id, match, req: { method }, tenant, started }: Exchange<Deps>,
  answer: Answer | typeof CALLER_GONE,
  answeredAt?: number,
): Answered {
  const gone = answer === CALLER_GONE
  // One literal: copies of objects cost a document a fifth of its time.
  return {
    id,
    method,
    route: match.route.name,
    tenant: tenant?.slug,
    status: gone ? CALLER_GONE : answer.response.status,
    reason: gone ? 'caller_gone' : (answer.reason ?? answer.response.reason),
    detail: gone ? undefined : answer.detail,
    unexpected: gone ? undefined : answer.unexpected,
    started,
    answeredAt,
  }
}

const isRead = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD'

async function handle<Deps>(exchange: Exchange<Deps>, context: ServeContext<Deps>): Promise<HttpResponse> {
  const { match, req } = exchange
  const { method } = req
  const handler = await findHandler(exchange, context)

  const { route } = match
  const { methods, cors = 'none', body: kind = 'none' } = route
  if (!handler) {
    if (method === 'OPTIONS' && cors !== 'none') return preflight(methods, cors)
    throw methodNotAllowed(allow(methods, cors))
  }
  const takesBody = kind !== 'none' && !isRead(req) && (!route.bodyOptional || hasBody(req))
  const body = takesBody ? await readText(req, kind, route.maxBytes ?? DEFAULT_MAX_BYTES) : ''
  const request = { ...openRequest(exchange.id, req, context.trustedProxyHops), body }
  const answer = handler(route.shared ? { ...request, ...ofNobody(req) } : request)
  return within(route.timeout ?? DEFAULT_TIMEOUT, answer, () => temporarilyUnavailable('handler_timeout', 1))
}

/** What an answer that is shared may depend on, in place of what is one caller's. */
function ofNobody({
  headers,
}: IncomingMessage): Pick<RootRequest, 'headers' | 'rawHeaders' | 'contentType' | 'address'> {
  const { accept, 'accept-encoding': encoding } = headers
  const negotiated = {
    ...(accept !== undefined && { accept }),
    ...(encoding !== undefined && { 'accept-encoding': encoding }),
  }
  return { headers: negotiated, rawHeaders: [], contentType: undefined, address: '' }
}

/** The handler of the request's method with its tenant and deps in hand; undefined when the route lacks the method. */
async function findHandler<Deps>(exchange: Exchange<Deps>, context: ServeContext<Deps>) {
  const { deps, tenants, clients } = context
  const { match, req } = exchange
  const { headers, method } = req
  if (match.of === 'server') {
    const handler = ofMethod(match.route.methods, method)
    return handler && ((request: RootRequest) => handler(request, deps))
  }
  const { route, slug } = match
  const tenant = await tenants.find(slug)
  // One issuer, one path: the default tenant is not also under a prefix.
  if (!tenant || (slug !== undefined && !tenant.issuer.endsWith(`/t/${slug}`))) throw notFound('no_such_tenant')
  exchange.tenant = tenant
  exchange.cors = await corsHeaders(route.cors ?? 'none', { headers, tenant }, clients)
  const handler = ofMethod(route.methods, method)
  return handler && ((request: RootRequest) => handler({ ...request, tenant }, deps))
}
