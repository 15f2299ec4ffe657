import { base64urlToUuid } from '../crypto/uuid.js'
import type { Ports } from './ports.js'
import type { Tenant } from './records.js'

/** Who an ID token of ours was about, and for whom. */
export type IdTokenHint = {
  /** As the client knows the user: pairwise, where the client is. */
  readonly sub: string
  /** The client it was issued to. */
  readonly aud: string
  /** Of the session it was issued in. */
  readonly sid: string | undefined
  /** The same, as the store has it. */
  readonly sessionId: string | undefined
}

/**
 * Reads an ID token of ours that somebody sends back, OpenID Connect Core §3.1.2.1, OpenID Connect RP-Initiated Logout §2: an expired one too,
 * whoever it was for. Undefined for anything that this issuer did not sign as one, an encrypted one included.
 */
export async function verifyIdTokenHint(
  tenant: Tenant,
  text: string,
  { jwtVerifier }: Pick<Ports, 'jwtVerifier'>,
): Promise<IdTokenHint | undefined> {
  const claims = await jwtVerifier.idToken(tenant, text)
  if (!claims || claims['iss'] !== tenant.issuer) return undefined
  const { sub, aud, sid } = claims
  if (typeof sub !== 'string' || typeof aud !== 'string') return undefined
  const session = typeof sid === 'string' ? sid : undefined
  return { sub, aud, sid: session, sessionId: session === undefined ? undefined : base64urlToUuid(session) }
}
