import { requestedAcr } from './claims-request.js'
import { authorizationError } from './errors.js'
import type { AuthorizationRequest } from './records.js'

/** Of a password alone: the first of ISO/IEC 29115's levels. OpenID Connect Core §2. */
export const PASSWORD_ACR = '1'

/** The ways of being authenticated that there are, RFC 9470 §7. */
export const ACR_VALUES: readonly string[] = [PASSWORD_ACR]

/**
 * Throws `unmet_authentication_requirements` for a request that insists on a way of being authenticated that there is not. One that
 * merely prefers others gets what there is, and reads in `acr` what that was. OpenID Connect Core §5.5.1.1.
 */
export function assertAcr({ claims, acrValues }: Pick<AuthorizationRequest, 'claims' | 'acrValues'>): void {
  const { values, essential } = requestedAcr(claims, acrValues)
  if (essential && !values.some((one) => ACR_VALUES.includes(one))) {
    throw authorizationError('unmet_authentication_requirements', 'acr_unknown')
  }
}
