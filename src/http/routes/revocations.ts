import { authenticateApi, stillAuthenticated } from '../../oauth/client-auth.js'
import { noteKnownKeys } from '../../oauth/known-keys.js'
import type { Ports } from '../../oauth/ports.js'
import type { Feed, Subscription } from '../../revocation/feed.js'
import { type RevocationListPorts, revocationList } from '../../revocation/revocation-list.js'
import { REVOCATION_LIST_TYPE } from '../../wire/revocation-list.js'
import { parseAccept } from '../accept.js'
import { callerOf } from '../caller.js'
import { queryParams } from '../form.js'
import { type Handler, type HttpRequest, type HttpResponse, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type RevocationsDeps = RevocationListPorts &
  Pick<Ports, 'apis' | 'throttle' | 'knownKeys' | 'log'> & { readonly feed: Feed }

const EVENT_STREAM = 'text/event-stream'
// One address, two representations. A proxy must not gather what is sent into heaps.
const HEADERS = { ...NO_STORE, vary: 'accept' }
const STREAM_HEADERS = { ...HEADERS, 'content-type': EVENT_STREAM, 'x-accel-buffering': 'no' }

/**
 * GET /revocations, with the API's credentials: a page of all live entries, or of what came after `?since=`; and to who accepts
 * `text/event-stream` those pages and then what comes, as it comes. `kid`, as often as need be, names the signing keys that the API
 * holds. RFC 9110 §12.5.1, §15.5.11.
 */
export const revocations: Handler<RevocationsDeps> = async (request, deps) => {
  const params = queryParams(request, { repeatable: ['kid'] })
  const api = await authenticateApi(callerOf(request), deps)
  await noteKnownKeys(api, params.getAll('kid'), deps)
  if (acceptsEvents(request)) return stream(request, { reader: api.id, since: params.get('since') }, deps)
  const list = await revocationList(request.tenant, params.get('since'), deps)
  if (list === 'reset') return RESET
  return { status: 200, headers: { 'content-type': `application/${REVOCATION_LIST_TYPE}`, ...HEADERS }, body: list }
}

async function stream(
  request: HttpRequest,
  { reader, since }: Pick<Subscription, 'reader' | 'since'>,
  deps: RevocationsDeps,
): Promise<HttpResponse> {
  const { tenant, headers } = request
  // Sent when a stream broke: newer than what the address says.
  const lastEventId = [headers['last-event-id']].flat()[0] || undefined
  const allowed = () => stillAuthenticated(callerOf(request), deps)
  const opened = await deps.feed.open({ tenant, reader, since: lastEventId ?? since, allowed })
  return opened === 'reset' ? RESET : { status: 200, headers: STREAM_HEADERS, stream: opened }
}

// The reader's cursor leads nowhere any more: it starts again without one.
const RESET = json(410, { error: 'reset' }, HEADERS)

/** Only by its name: who takes anything gets the list. */
const acceptsEvents = ({ headers: { accept } }: HttpRequest) => (parseAccept(accept).get(EVENT_STREAM) ?? 0) > 0

export const revocationsRoute: IssuerRoute<RevocationsDeps> = {
  name: 'revocations',
  path: '/revocations',
  methods: { GET: revocations },
}
