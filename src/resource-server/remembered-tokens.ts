import { sha256Text } from '../crypto/sha256.js'
import type { GenuineToken } from './revocations.js'

/** Tokens that were found genuine. Those that nobody has come with for longest make room for new ones. */
export type RememberedTokens = {
  find(fingerprint: string): GenuineToken | undefined
  add(fingerprint: string, genuine: GenuineToken): void
  size(): number
}

/** Names a token by its SHA-256, base64: what is kept gives no token away. */
export const fingerprint = (token: string): string => sha256Text(token, 'base64')

/**
 * Remembers at most `most` tokens, in two generations: what is used moves into the younger, and when that is half of all, the older one
 * is forgotten. To use a token again so costs a look-up and moves nothing.
 */
export function rememberTokens(most: number): RememberedTokens {
  const half = Math.ceil(most / 2)
  let younger = new Map<string, GenuineToken>()
  let older = new Map<string, GenuineToken>()

  function add(name: string, genuine: GenuineToken): void {
    if (most === 0) return
    if (younger.size >= half) {
      older = younger
      younger = new Map()
    }
    younger.set(name, genuine)
  }

  return {
    find(name) {
      const found = younger.get(name)
      if (found) return found
      const aged = older.get(name)
      if (!aged) return undefined
      older.delete(name)
      add(name, aged)
      return aged
    },
    add,
    size: () => younger.size + older.size,
  }
}
