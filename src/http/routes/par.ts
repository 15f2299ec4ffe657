import { authenticateClient } from '../../oauth/client-auth.js'
import { tooManyRequests } from '../../oauth/errors.js'
import type { Ports } from '../../oauth/ports.js'
import { type PushPorts, pushRequest } from '../../oauth/pushed-request.js'
import { callerOf } from '../caller.js'
import { formParams } from '../form.js'
import { type Handler, json } from '../handler.js'
import type { IssuerRoute } from '../route.js'

export type ParDeps = PushPorts & Pick<Ports, 'throttle'>

/** POST /oauth2/par, RFC 9126 §2. */
const post: Handler<ParDeps> = async (request, deps) => {
  const params = formParams(request, { repeatable: ['resource'] })
  const caller = callerOf(request)
  const { tenant } = caller
  const client = await authenticateClient(caller, params, deps)
  // What anybody may push takes place in the database. RFC 9126 §2.3.
  const counted = client.public ? await deps.throttle.flowBegun(tenant.id, caller.address) : 'counted'
  if (counted !== 'counted') throw tooManyRequests('pushed_requests_throttled', counted.retryAfter)
  // RFC 9126 §2.2
  return json(201, await pushRequest({ tenant, client, params }, deps), { 'cache-control': 'no-cache, no-store' })
}

export const parRoute: IssuerRoute<ParDeps> = {
  name: 'par',
  path: '/oauth2/par',
  body: 'form',
  cors: 'clients',
  methods: { POST: post },
}
