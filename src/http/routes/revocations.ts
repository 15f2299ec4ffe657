import { authenticateApi } from '../../oauth/client-auth.js'
import { noteKnownKeys } from '../../oauth/known-keys.js'
import type { Ports } from '../../oauth/ports.js'
import { REVOCATION_LIST_TYPE, type RevocationListPorts, revocationList } from '../../revocation/revocation-list.js'
import { callerOf } from '../caller.js'
import { queryParams } from '../form.js'
import { type Handler, json, NO_STORE } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type RevocationsDeps = RevocationListPorts & Pick<Ports, 'apis' | 'throttle' | 'knownKeys' | 'log'>

/**
 * GET /revocations, with the API's credentials: all live entries, or what came after `?since=`. `kid`, as often as need be, names the
 * signing keys that the API holds. RFC 9110 §15.5.11.
 */
export const revocations: Handler<RevocationsDeps> = async (request, deps) => {
  const params = queryParams(request, { repeatable: ['kid'] })
  const api = await authenticateApi(callerOf(request), deps)
  await noteKnownKeys(api, params.getAll('kid'), deps)
  const list = await revocationList(request.tenant, params.get('since'), deps)
  // The reader's cursor leads nowhere any more: it starts again without one.
  if (list === 'reset') return json(410, { error: 'reset' }, NO_STORE)
  return { status: 200, headers: { 'content-type': `application/${REVOCATION_LIST_TYPE}`, ...NO_STORE }, body: list }
}

export const revocationsRoute: IssuerRoute<RevocationsDeps> = {
  name: 'revocations',
  path: '/revocations',
  methods: { GET: revocations },
}
