import type { ClaimRequest, Client, UserProfile } from './records.js'

/** What each scope asks for, OpenID Connect Core §5.4. */
const CLAIMS_OF_SCOPE = {
  profile: [
    ...['name', 'given_name', 'family_name', 'middle_name', 'nickname', 'preferred_username', 'profile', 'picture'],
    ...['website', 'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
} as const satisfies Record<string, readonly string[]>

/** All that is told of users, OpenID Connect Core §5.1. */
export const STANDARD_CLAIMS: readonly string[] = Object.values(CLAIMS_OF_SCOPE).flat()

/** What is known of users otherwise than by `users.claims`. */
const OWN_CLAIMS = ['name', 'email', 'email_verified', 'updated_at']

/** Those that stand in a profile's `claims`. */
export const FURTHER_CLAIMS: readonly string[] = STANDARD_CLAIMS.filter((name) => !OWN_CLAIMS.includes(name))

/** The claims that a scope stands for, each once. OpenID Connect Core §5.4. */
export function claimsOfScope(scope: readonly string[]): readonly string[] {
  const byScope = new Map<string, readonly string[]>(Object.entries(CLAIMS_OF_SCOPE))
  return scope.flatMap((one) => byScope.get(one) ?? [])
}

/**
 * Which of the claims that a client asked for by name it is told: those that a scope covers which was granted, so that what a user
 * allowed says it all; to a first-party client, whose users are asked nothing, every one. OpenID Connect Core §5.5.
 */
export function claimsByName(
  requested: Readonly<Record<string, ClaimRequest>> | undefined,
  { scope, client }: { readonly scope: readonly string[]; readonly client: Pick<Client, 'firstParty'> },
): readonly string[] {
  const released = client.firstParty ? STANDARD_CLAIMS : claimsOfScope(scope)
  return Object.keys(requested ?? {}).filter((name) => released.includes(name))
}

/** The claims of these names that are known of a user; what is not known is left out. OpenID Connect Core §5.1, §5.3.2. */
export function claimsFor(profile: UserProfile, names: readonly string[]): Record<string, unknown> {
  const asked = [...new Set(names)].filter((name) => STANDARD_CLAIMS.includes(name))
  const found = asked.map((name) => [name, claimOf(profile, name, asked)] as const)
  return Object.fromEntries(found.filter(([, value]) => value !== undefined && value !== null && value !== ''))
}

function claimOf(profile: UserProfile, name: string, asked: readonly string[]): unknown {
  const { email, emailVerified, claims } = profile
  const further = Object.hasOwn(claims, name) ? claims[name] : undefined
  switch (name) {
    case 'name':
      return profile.name
    case 'email':
      return email
    case 'email_verified':
      return email === undefined ? undefined : emailVerified
    case 'updated_at':
      return Math.floor(profile.updatedAt.getTime() / 1000)
    case 'phone_number_verified':
      return Object.hasOwn(claims, 'phone_number') ? further === true : undefined
    case 'preferred_username':
      // The user name is an e-mail address: who was not allowed to see that is not told it by another name.
      return further ?? (asked.includes('email') ? profile.username : undefined)
    default:
      return further
  }
}
