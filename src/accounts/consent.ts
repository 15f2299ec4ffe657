import type { ConsentedScopes } from '../oauth/browser-ports.js'
import type { Api, AuthorizationRequest, Client } from '../oauth/records.js'
import { isClaimable } from '../oauth/redirect-uri.js'
import { isOpenidScope } from '../oauth/registration/scopes.js'
import { scopeAt } from '../oauth/resource.js'

/** Under this id stand the scopes of OpenID Connect: what the tenant itself tells of a user. */
export const OF_THE_USER = ''

/** What a request asks of the user, by API. `apis`: those it is for. */
export function askedScopes({ scope }: Pick<AuthorizationRequest, 'scope'>, apis: readonly Api[]): ConsentedScopes {
  const own = scope.filter(isOpenidScope)
  const byApi = apis.map((api) => [api.id, scopeAt(api, scope)] as const).filter(([, some]) => some.length > 0)
  return new Map([...(own.length > 0 ? [[OF_THE_USER, own] as const] : []), ...byApi])
}

/**
 * Whether the user must be asked. Never for the tenant's own app where its redirect URI is one that no other can claim; always for one
 * that anybody on the device could pretend to be; else until all of it has been allowed once. OAuth 2.1 §7.3.1, RFC 8252 §8.6.
 */
export function needsConsent(
  client: Pick<Client, 'firstParty' | 'public'>,
  { redirectUri, prompt }: Pick<AuthorizationRequest, 'redirectUri' | 'prompt'>,
  { asked, given }: { readonly asked: ConsentedScopes; readonly given: ConsentedScopes },
): boolean {
  if (prompt.includes('consent')) return true
  if (client.public && isClaimable(redirectUri)) return true
  if (client.firstParty) return false
  return [...asked].some(([api, scope]) => scope.some((one) => !given.get(api)?.includes(one)))
}
