import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { temporarilyUnavailable } from '../oauth/errors.js'
import type { Ports } from '../oauth/ports.js'
import type { Tenant } from '../oauth/records.js'
import { type Observers, report } from './access-log.js'
import { hasBody, readText } from './body.js'
import { unlessMatching } from './caching.js'
import { CORS_FOR_ANY, corsHeaders, NO_CORS, preflight } from './cors.js'
import { within } from './deadlines.js'
import { type ErrorAnswer, errorAnswer, methodNotAllowed, notFound } from './errors.js'
import type { HttpResponse, ResponseHeaders, RootRequest } from './handler.js'
import { openRequest, refuseHeaders } from './request.js'
import { securityHeaders, send } from './response.js'
import { allow, type Match, ofMethod } from './route.js'
import { streamTo } from './stream.js'
import { endOfTurn, oncePerTurn } from './turn.js'

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

/** Makes the function that answers matched requests: limits, calls the handler, writes, logs one line. It never rejects. */
export function server<Deps>(context: ServeContext<Deps>) {
  const plain: ResponseHeaders = { 'cache-control': 'no-store', ...securityHeaders(context.publicUrl) }
  // For the endpoints that answer every page alike, or none, all that is the same in every answer.
  const same = new Map<ResponseHeaders, ResponseHeaders>([
    [NO_CORS, plain],
    [CORS_FOR_ANY, { ...plain, ...CORS_FOR_ANY }],
  ])
  const serving: Serving<Deps> = { ...context, ofThisTurn: oncePerTurn() }

  return async (match: Match<Deps>, req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const started = performance.now()
    const exchange: Exchange = { id: randomUUID(), req, res, tenant: undefined, cors: NO_CORS }
    const write = (response: HttpResponse) => {
      if (req.socket.destroyed) return
      const { id, cors } = exchange
      send(exchange, response, { id, common: same.get(cors) ?? { ...plain, ...cors } })
    }
    let answer: Pick<ErrorAnswer, 'response'> & Partial<ErrorAnswer>
    try {
      answer = { response: unlessMatching(await respond(match, exchange, serving), req.headers) }
      write(answer.response)
    } catch (error) {
      answer = errorAnswer(error, { id: exchange.id, page: pageFor(match, exchange) })
      write(answer.response)
    }
    const answeredAt = performance.now()
    const { stream } = answer.response
    const streams = stream !== undefined && req.method !== 'HEAD' && !req.socket.destroyed
    if (streams) {
      await streamTo(res, stream).catch((error: unknown) => {
        answer = { ...answer, reason: 'unexpected_error', unexpected: error }
      })
    }
    // Most callers end a stream by hanging up: that is nobody's failure.
    const gone = !streams && req.socket.destroyed
    report(context, {
      id: exchange.id,
      method: req.method,
      route: match.route.name,
      tenant: exchange.tenant?.slug,
      status: gone ? CALLER_GONE : answer.response.status,
      reason: gone ? 'caller_gone' : (answer.reason ?? answer.response.reason),
      detail: gone ? undefined : answer.detail,
      unexpected: gone ? undefined : answer.unexpected,
      started,
      answeredAt,
    })
  }
}

/** A request that an answer is made for, and the answer. */
interface Handled {
  readonly exchange: Exchange
  readonly answer: Promise<HttpResponse>
}

interface Serving<Deps> extends ServeContext<Deps> {
  /** By target and what is negotiated. */
  readonly ofThisTurn: (key: string, handle: () => Handled) => Handled
}

/** What is known of a request so far: the answer to an error needs it too. */
interface Exchange {
  readonly id: string
  readonly req: IncomingMessage
  readonly res: ServerResponse
  tenant: Tenant | undefined
  cors: ResponseHeaders
}

/** What an error's page is made for, where people see the route. */
function pageFor<Deps>({ route }: Match<Deps>, { req: { headers }, tenant }: Exchange) {
  return route.answers === 'page' ? { headers, tenant } : undefined
}

async function respond<Deps>(match: Match<Deps>, exchange: Exchange, context: Serving<Deps>): Promise<HttpResponse> {
  const { req } = exchange
  await endOfTurn()
  refuseHeaders(req.rawHeaders)
  if (!match.route.shared || !isRead(req)) return handle(match, exchange, context)
  const { url, headers } = req
  const first = context.ofThisTurn(JSON.stringify([url, headers.accept, headers['accept-encoding']]), () => ({
    exchange,
    answer: handle(match, exchange, context),
  }))
  try {
    return await first.answer
  } finally {
    exchange.tenant = first.exchange.tenant
    exchange.cors = first.exchange.cors
  }
}

const isRead = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD'

async function handle<Deps>(
  match: Match<Deps>,
  exchange: Exchange,
  context: ServeContext<Deps>,
): Promise<HttpResponse> {
  const { req } = exchange
  const { method } = req
  const handler = await findHandler(match, exchange, context)

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
async function findHandler<Deps>(match: Match<Deps>, exchange: Exchange, context: ServeContext<Deps>) {
  const { deps, tenants, clients } = context
  const { headers, method } = exchange.req
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
