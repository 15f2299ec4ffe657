import { authenticateIntrospector, type Introspector } from '../../oauth/client-auth.js'
import { type Introspection, type IntrospectionPorts, introspect } from '../../oauth/introspection.js'
import {
  INTROSPECTION_TYPE,
  type IntrospectionResponsePorts,
  introspectionJwt,
  refuseAnonymous,
} from '../../oauth/introspection-response.js'
import type { Ports } from '../../oauth/ports.js'
import { type Accepted, parseAccept, quality } from '../accept.js'
import { madeOnce } from '../caching.js'
import { callerOf } from '../caller.js'
import { notAcceptable } from '../errors.js'
import { formParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type IntrospectionDeps = IntrospectionPorts &
  IntrospectionResponsePorts &
  Pick<Ports, 'apis' | 'clients' | 'throttle'>

const JWT = `application/${INTROSPECTION_TYPE}`
const HEADERS = { ...NO_STORE, vary: 'Accept' }

/** POST /oauth2/introspect, RFC 7662 §2; the answer as a JWT for who asks for it by name, RFC 9701 §4. */
export const introspection: Handler<IntrospectionDeps> = async (request, deps) => {
  const { tenant } = request
  const params = formParams(request)
  const accepted = parseAccept(request.headers.accept)
  const caller = callerOf(request)
  if (isNamed(accepted)) refuseAnonymous(caller, params)
  const by = await authenticateIntrospector(caller, params, deps)
  const asJwt = isJwtFor(by, accepted)
  const answer = await introspect({ tenant, by, params }, deps)
  // What an API is told of a token is the same object as long as it is the same: it is written once.
  if (!asJwt) return 'api' in by ? writtenOnce(answer) : written(answer)
  const body = await introspectionJwt({ tenant, by, introspection: answer }, deps)
  return { status: 200, headers: { 'content-type': JWT, ...HEADERS }, body }
}

const written = (answer: Introspection) => json(200, answer, HEADERS)
const writtenOnce = madeOnce(written)

const isNamed = (accepted: Accepted) => (accepted.get(JWT) ?? 0) > 0

/** RFC 9110 §12.1: JSON for everybody who does not name the JWT, or wants it less; no JSON for an API that registered encryption. */
function isJwtFor(by: Introspector, accepted: Accepted): boolean {
  if (!('api' in by && by.api.introspectionEncryption)) {
    return isNamed(accepted) && quality(accepted, JWT) >= quality(accepted, 'application/json')
  }
  if (quality(accepted, JWT) > 0) return true
  throw notAcceptable(`Responses to this API are encrypted: it must accept ${JWT}.`, 'introspection_in_the_clear')
}

// No CORS: who may ask has a secret, and a page can keep none.
export const introspectionRoute: IssuerRoute<IntrospectionDeps> = {
  name: 'introspection',
  path: '/oauth2/introspect',
  body: 'form',
  methods: { POST: introspection },
}
