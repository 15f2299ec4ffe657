/** What is signed with a published key, RFC 7517 §4.2. */
export const SIGNING_PURPOSES = ['access_token', 'revocations', 'status_list', 'introspection', 'id_token'] as const

/** What is kept secret: wraps, authenticates, hides or derives. */
export const SECRET_PURPOSES = ['kek', 'mac', 'permutation', 'cookie', 'pairwise'] as const

export type SigningPurpose = (typeof SIGNING_PURPOSES)[number]
export type SecretPurpose = (typeof SECRET_PURPOSES)[number]
export type Purpose = SigningPurpose | SecretPurpose

/** Tells the purposes whose keys are published from those whose keys are secrets. RFC 7517 §4.2. */
export function isSigningPurpose(purpose: Purpose): purpose is SigningPurpose {
  return SIGNING_PURPOSES.some((signing) => signing === purpose)
}
