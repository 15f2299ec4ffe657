import { authorizationError } from './errors.js'
import type { ClaimsRequest } from './records.js'

/** Of a password alone: the first of ISO/IEC 29115's levels. OpenID Connect Core §2. */
export const PASSWORD_ACR = '1'

/** The ways of being authenticated that there are, RFC 9470 §7. */
export const ACR_VALUES: readonly string[] = [PASSWORD_ACR]

/**
 * Throws `unmet_authentication_requirements` for a request that insists on a way of being authenticated that there is not. One that
 * merely prefers others gets what there is, and reads in `acr` what that was. OpenID Connect Core §5.5.1.1.
 */
export function assertAcr(claims: ClaimsRequest | undefined): void {
  const { essential, value, values = value === undefined ? [] : [value] } = claims?.idToken['acr'] ?? {}
  if (!essential || values.length === 0) return
  if (!values.some((one) => ACR_VALUES.some((known) => known === one))) {
    throw authorizationError('unmet_authentication_requirements', 'acr_unknown')
  }
}
