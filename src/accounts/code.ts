import type { BrowserPorts, NewCode } from '../oauth/browser-ports.js'
import { requestedSubject } from '../oauth/claims-request.js'
import type { Authentication, AuthorizationRequest, Client } from '../oauth/records.js'

/** Who signed in, and how. `sessionId` is undefined where no browser took part. */
export type CodeSubject = Authentication & Pick<NewCode, 'userId' | 'sessionId' | 'credentialVersion'>

/** Issues the code that stands for a request and for who signed in to it. RFC 6749 §4.1.2. */
export function issueCode(
  { client, request }: { readonly client: Client; readonly request: AuthorizationRequest },
  { userId, sessionId, credentialVersion, authTime, amr, acr }: CodeSubject,
  { codes }: Pick<BrowserPorts, 'codes'>,
): ReturnType<BrowserPorts['codes']['issue']> {
  const { redirectUri, codeChallenge, scope, apis, nonce, claims } = request
  return codes.issue({
    tenantId: client.tenantId,
    clientId: client.id,
    userId,
    sessionId,
    credentialVersion,
    redirectUri,
    codeChallenge,
    scope,
    apis,
    nonce,
    claims,
    offline: outlivesSession(client, scope),
    authTime,
    amr,
    acr,
  })
}

/** RFC 10017 §6.3.2.3: what a browser app holds ends with the session. OpenID Connect Core §11. */
const outlivesSession = (client: Client, scope: readonly string[]) =>
  scope.includes('offline_access') && !(client.public && client.origins.length > 0)

/** OpenID Connect Core §3.1.2.1, §5.5.1: whether a user is whom the request names, by a hint or by `sub` among the claims. */
export async function isNamedUser(
  { client, request }: { readonly client: Client; readonly request: AuthorizationRequest },
  userId: string,
  { subjects }: Pick<BrowserPorts, 'subjects'>,
): Promise<boolean> {
  const names = [request.hintedSubject, requestedSubject(request.claims)].filter((name) => name !== undefined)
  if (names.length === 0) return true
  const subject = await subjects.of({ tenantId: client.tenantId, userId }, client.openid.sector)
  return names.every((name) => name === subject)
}
