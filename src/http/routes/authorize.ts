import { type AuthorizeFlow, proceed } from '../../accounts/authorization.js'
import { findRecipient, readAuthorizationRequest } from '../../oauth/authorization-request.js'
import { errorResponse, type Recipient } from '../../oauth/authorization-response.js'
import type { BrowserPorts } from '../../oauth/browser-ports.js'
import { invalidRequest, OAuthError } from '../../oauth/errors.js'
import { type Params, params as paramsOf } from '../../oauth/params.js'
import type { Ports } from '../../oauth/ports.js'
import type { AuthorizationRequest, Tenant } from '../../oauth/records.js'
import { pushedRequestId } from '../../oauth/request-uri.js'
import { answerClient } from '../authorization-answer.js'
import { browserOf } from '../browser.js'
import { beginFlow, type FlowDeps, sessionOf } from '../flow.js'
import { parseForm, parseQuery, refuseQuery, tolerantParams } from '../form.js'
import type { Handler, HttpRequest, HttpResponse } from '../handler.js'
import type { IssuerRoute } from '../route.js'
import { seeOther, tenantPath } from '../see-other.js'

export type AuthorizeDeps = FlowDeps & Pick<Ports, 'mint' | 'jwtVerifier'> & Pick<BrowserPorts, 'browserPolicy'>

/** Characters of a query that a browser is sent on with. */
const MAX_QUERY = 8_000

/** GET /oauth2/authorize, RFC 6749 §4.1.1. */
const get: Handler<AuthorizeDeps> = async (request, deps) => {
  const given = tolerantParams(parseQuery(request), { repeatable: ['resource'] })
  const pushed = await findPushed(request.tenant, given.params, deps)
  const params = pushed?.params ?? given.params
  const to = await findRecipient(request.tenant, params, deps)
  try {
    if (!pushed && given.repetition) throw given.repetition
    // RFC 9126 §5, §6
    const mustPush = to.client.requirePushedRequests || deps.browserPolicy.requirePushedRequests
    if (mustPush && !pushed) throw invalidRequest('The request must be pushed first.', 'request_not_pushed')
    const asked = await readAuthorizationRequest(to, params, deps)
    return await begin(request, { to, asked, pushed: pushed?.id }, deps)
  } catch (error) {
    // From here on the client is proven, and told.
    if (error instanceof OAuthError && error.status < 410) return answerClient(request, to, errorResponse(to, error))
    throw error
  }
}

/**
 * POST /oauth2/authorize, OpenID Connect Core §3.1.2.1. Posted by another site a form comes without this browser's cookie: asked for
 * again with GET the same request comes with it.
 */
const post: Handler<AuthorizeDeps> = async (request) => {
  refuseQuery(request)
  const pairs = [...parseForm(request.body)].flatMap(([name, values]) =>
    values.map((value): [string, string] => [name, value]),
  )
  const query = new URLSearchParams(pairs).toString()
  if (query.length > MAX_QUERY) {
    throw invalidRequest('The request is too long: push it to the endpoint for pushed requests.', 'request_too_long')
  }
  return seeOther(tenantPath(request.tenant, `/oauth2/authorize?${query}`))
}

type Begun = { readonly to: Recipient; readonly asked: AuthorizationRequest; readonly pushed: string | undefined }

async function begin(request: HttpRequest, { to, asked, pushed }: Begun, deps: AuthorizeDeps): Promise<HttpResponse> {
  const session = await sessionOf(request, browserOf(request), deps)
  const flow: AuthorizeFlow = { purpose: 'authorize', request: asked, pushed }
  // Nothing is kept yet that another could end first.
  const progress = await proceed({ to, flow, session }, async () => true, deps)
  if ('response' in progress) return answerClient(request, to, progress.response)
  return beginFlow(request, { flow, clientId: to.client.id }, deps)
}

/** RFC 9126 §4: of a pushed request everything beside `client_id` and `request_uri` is overlooked. */
async function findPushed(
  tenant: Tenant,
  params: Params,
  { pushedRequests }: Pick<BrowserPorts, 'pushedRequests'>,
): Promise<{ id: string; params: Params } | undefined> {
  const id = pushedRequestId(params.get('request_uri') ?? '')
  if (id === undefined) return undefined
  const clientId = params.get('client_id')
  const found = clientId === undefined ? undefined : await pushedRequests.find(tenant.id, { id, clientId })
  if (!found || clientId === undefined) throw requestOver()
  return { id, params: paramsOf(new Map([...Object.entries(found), ['client_id', [clientId]]])) }
}

// Whose it was, and where it would go, nobody can say: the browser goes nowhere. RFC 9126 §4.
const requestOver = () => new OAuthError('invalid_request_uri', 'request_uri_unknown_or_over', { problem: 'expired' })

// No CORS: a page of another site is sent here, and reads nothing. RFC 9700 §2.6.
export const authorizeRoute: IssuerRoute<AuthorizeDeps> = {
  name: 'authorize',
  path: '/oauth2/authorize',
  body: 'form',
  answers: 'page',
  methods: { GET: get, POST: post },
}
