import type { Caller } from '../oauth/client-auth.js'
import type { Actor, Client, UserProfile } from '../oauth/records.js'
import { addressKey } from './client-address.js'
import type { HttpRequest } from './handler.js'

/** What of a request says who calls. */
export function callerOf({ tenant, headers, address }: HttpRequest): Caller {
  return { tenant, headers, address: addressKey(address) }
}

/** A client as the one who did something, for the audit trail. */
export function clientActor({ id: request, address }: HttpRequest, client: Pick<Client, 'id'>): Actor {
  return { kind: 'client', id: client.id, address, request }
}

/** A person who did something in their browser, for the audit trail. */
export function userActor({ id: request, address }: HttpRequest, user: Pick<UserProfile, 'id'>): Actor {
  return { kind: 'user', id: user.id, address, request }
}
