import { randomToken } from '../crypto/secrets.js'
import { uuidToBase64url } from '../crypto/uuid.js'
import type { BrowserPorts } from './browser-ports.js'
import type { Ports } from './ports.js'
import type { Client, Tenant } from './records.js'

/** Seconds; it is made anew for each try. */
const LIFETIME = 120

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** The `sid` of a session, as ID tokens, access tokens and logout tokens have it. */
export const sidOf = uuidToBase64url

/**
 * What tells a client that a session is over, OpenID Connect Back-Channel Logout §2.4: signed as its ID tokens are, of the subject
 * that it knows. There is no `nonce`, so that no ID token can pass for one.
 */
export async function logoutToken(
  {
    tenant,
    client,
    userId,
    sessionId,
  }: { readonly tenant: Tenant; readonly client: Client; readonly userId: string; readonly sessionId: string },
  { jwtSigner, subjects, now }: Pick<Ports & BrowserPorts, 'jwtSigner' | 'subjects' | 'now'>,
): Promise<string> {
  const iat = Math.floor(now())
  const claims = {
    iss: tenant.issuer,
    sub: await subjects.of({ tenantId: tenant.id, userId }, client.openid.sector),
    aud: client.id,
    iat,
    exp: iat + LIFETIME,
    jti: randomToken(16),
    sid: sidOf(sessionId),
    events: { [EVENT]: {} },
  }
  return jwtSigner.sign(tenant, { typ: 'logout+jwt', alg: client.openid.idTokenAlgorithm }, claims)
}
