import type { Ports, TokenClaims } from './ports.js'
import type { Tenant } from './records.js'

export type PresentedAccessToken = { readonly claims: TokenClaims; readonly signingKeyId: string | undefined }

/**
 * What an access token that somebody presents says, RFC 9068 §4; undefined unless we made it, it has not expired, and it came as its
 * API has it. Whether it was revoked is the caller's to ask.
 */
export async function presentedAccessToken(
  { tenant, token }: { readonly tenant: Tenant; readonly token: string },
  { unsealer, apis, now }: Pick<Ports, 'unsealer' | 'apis' | 'now'>,
): Promise<PresentedAccessToken | undefined> {
  const opened = await unsealer.open(tenant, token)
  if ('unreadable' in opened || opened.claims.exp <= now()) return undefined
  const { format, ...presented } = opened
  if (format !== 'signed') return presented
  // RFC 9068 §4: where encryption was agreed, what is inside is no token by itself. An API may have logged it, and whoever
  // has stolen a signing key alone can make it. What is for userinfo is sealed to this server.
  if (presented.claims.aud === tenant.issuer) return undefined
  const api = await apis.findByIdentifier(tenant.id, presented.claims.aud)
  return api && api.format !== 'signed' ? undefined : presented
}
