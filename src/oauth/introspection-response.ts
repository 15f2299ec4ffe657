import type { Caller, Introspector } from './client-auth.js'
import { OAuthError } from './errors.js'
import type { Introspection } from './introspection.js'
import type { Params } from './params.js'
import type { Ports } from './ports.js'
import type { EncryptionAlgorithm, EncryptionMethod, SigningAlgorithm, Tenant } from './records.js'

/** `typ` of a signed response, and with `application/` before it its media type. RFC 9701 §5. */
export const INTROSPECTION_TYPE = 'token-introspection+jwt'

/** What an API may have its responses signed with, RFC 9701 §7. The first is for who registered nothing, RFC 9701 §6. */
export const INTROSPECTION_SIGNING: readonly [SigningAlgorithm, ...SigningAlgorithm[]] = [
  'RS256',
  'PS256',
  'ES256',
  'Ed25519',
]

/** And encrypted with. */
export const INTROSPECTION_ENCRYPTION: readonly EncryptionAlgorithm[] = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256']
export const INTROSPECTION_METHODS: readonly EncryptionMethod[] = ['A256GCM', 'A128CBC-HS256']

export type IntrospectionResponsePorts = Pick<Ports, 'jwtSigner' | 'jwtEncrypter' | 'now'>

type Answer = { readonly tenant: Tenant; readonly by: Introspector; readonly introspection: Introspection }

/**
 * What was found out about a token, as a JWT for who asked, RFC 9701 §5: signed, and encrypted where the API registered that. Throws
 * `invalid_target` for such an API without a usable key, and never answers it in the clear instead.
 */
export async function introspectionJwt(
  { tenant, by, introspection }: Answer,
  { jwtSigner, jwtEncrypter, now }: IntrospectionResponsePorts,
): Promise<string> {
  const api = 'api' in by ? by.api : undefined
  const signed = await jwtSigner.sign(
    tenant,
    { typ: INTROSPECTION_TYPE, alg: api?.introspectionAlgorithm ?? INTROSPECTION_SIGNING[0] },
    // RFC 9701 §5: no `sub` and no `exp` out here, lest it pass for the token it is about.
    {
      iss: tenant.issuer,
      aud: 'api' in by ? by.api.identifier : by.client.id,
      iat: Math.floor(now()),
      token_introspection: introspection,
    },
  )
  return api?.introspectionEncryption ? jwtEncrypter.encrypt(api, { signed, typ: INTROSPECTION_TYPE }) : signed
}

/**
 * Throws `invalid_client` with 400 when nothing in a request for a JWT says who asks, RFC 9701 §5. What is said and wrong is 401, as
 * RFC 7662 §2.3 has it.
 */
export function refuseAnonymous({ headers }: Pick<Caller, 'headers'>, params: Params): void {
  const credentials = [headers.authorization, params.get('client_secret'), params.get('client_assertion')]
  if (credentials.some((one) => one !== undefined)) return
  throw new OAuthError('invalid_client', 'authentication_missing', { status: 400 })
}
