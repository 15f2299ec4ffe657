import { sha256Text } from '../crypto/sha256.js'
import type { AccessTokenClaims, Actor } from './claims.js'

/** `typ` of the list, and with `application/` before it its media type. RFC 7515 §4.1.9. */
export const REVOCATION_LIST_TYPE = 'revocations+jwt'

export const REVOCATION_KINDS = ['jti', 'grant', 'sid', 'sub', 'client', 'aud', 'act', 'kid', 'tenant'] as const
export type RevocationKind = (typeof REVOCATION_KINDS)[number]

/** One line of the list: tokens that match `d` no longer count; where there is an `r`, only those with `rev < r`. */
export type RevocationEntry = {
  k: RevocationKind
  d: string
  /** Revision in microseconds. */
  r?: number
  /** Seconds since 1970; after it no token the entry could meet is alive. */
  exp: number
}

/** What a token is checked by. Kept beside verified claims, so that asking again costs lookups alone. */
export type RevocationKeys = { rev: number; digests: readonly string[] }

const DIGEST_LENGTH = 22

/** Names a value of one kind so that a reader who never met the value learns nothing of it: 22 characters, 132 bits. */
export function entryDigest(kind: RevocationKind, value: string): string {
  return sha256Text(`${kind}\n${value}`, 'base64url').slice(0, DIGEST_LENGTH)
}

/** The digests of everything a token can be revoked by; `kid` is that of its signature. */
export function revocationKeys(claims: AccessTokenClaims, kid: string): RevocationKeys {
  const values: [RevocationKind, string | undefined][] = [
    ['jti', claims.jti],
    ['grant', claims.grant],
    ['sid', claims.sid],
    ['sub', claims.sub],
    ['client', claims.client_id],
    ['aud', claims.aud],
    ...actors(claims.act).map((sub): [RevocationKind, string] => ['act', sub]),
    ['kid', kid],
    ['tenant', claims.iss],
  ]
  const digests = values.flatMap(([kind, value]) => (value === undefined ? [] : [entryDigest(kind, value)]))
  return { rev: claims.rev, digests }
}

/** Tells whether any live entry kills the token. `find` looks an entry up by its digest, which includes the kind. */
export function isRevoked(
  { rev, digests }: RevocationKeys,
  find: (digest: string) => Pick<RevocationEntry, 'r'> | undefined,
): boolean {
  return digests.some((digest) => {
    const entry = find(digest)
    return entry !== undefined && (entry.r === undefined || rev < entry.r)
  })
}

// Revoking an actor also ends what it has passed on, so the whole chain counts.
function actors(act: Actor | undefined): string[] {
  return act ? [act.sub, ...actors(act.act)] : []
}
