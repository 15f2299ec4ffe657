import { createHash } from 'node:crypto'
import type { GenuineToken } from './revocations.js'

/** Tokens that were found genuine. The least recently used one makes room for a new one. */
export type RememberedTokens = {
  find(fingerprint: string): GenuineToken | undefined
  add(fingerprint: string, genuine: GenuineToken): void
  size(): number
}

/** Names a token by its SHA-256, base64: what is kept gives no token away. */
export const fingerprint = (token: string): string => createHash('sha256').update(token).digest('base64')

/** Remembers at most `most` tokens. */
export function rememberTokens(most: number): RememberedTokens {
  const known = new Map<string, GenuineToken>()
  return {
    find(name) {
      const found = known.get(name)
      if (!found) return undefined
      // To the end of the order of insertion: the first is the least recently used.
      known.delete(name)
      known.set(name, found)
      return found
    },
    add(name, genuine) {
      known.set(name, genuine)
      for (const oldest of known.keys()) {
        if (known.size <= most) return
        known.delete(oldest)
      }
    },
    size: () => known.size,
  }
}
