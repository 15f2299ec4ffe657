import { authenticateIntrospector } from '../../oauth/client-auth.js'
import { type IntrospectionPorts, introspect } from '../../oauth/introspection.js'
import type { Ports } from '../../oauth/ports.js'
import { callerOf } from '../caller.js'
import { formParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type IntrospectionDeps = IntrospectionPorts & Pick<Ports, 'apis' | 'clients' | 'throttle'>

/** POST /oauth2/introspect, RFC 7662 §2. */
export const introspection: Handler<IntrospectionDeps> = async (request, deps) => {
  const params = formParams(request)
  const by = await authenticateIntrospector(callerOf(request), params, deps)
  return json(200, await introspect({ tenant: request.tenant, by, params }, deps), NO_STORE)
}

// No CORS: who may ask has a secret, and a page can keep none.
export const introspectionRoute: IssuerRoute<IntrospectionDeps> = {
  name: 'introspection',
  path: '/oauth2/introspect',
  body: 'form',
  methods: { POST: introspection },
}
