import { hkdfSync } from 'node:crypto'
import { createPermutation, type Permutation } from './permutation.js'
import { createTokenIds, type TokenIds } from './place.js'

/** What one tenant's permutation key is used for. */
export type ListKeys = {
  readonly tokenIds: TokenIds
  /** From the positions of a list to its indices. */
  permutation(listId: string): Permutation
}

const MAX_PERMUTATIONS = 64

/** Derives a key for each use from the tenant's 32-byte permutation key, RFC 5869 §2.2. The keyring gives the same object until it changes. */
export function createListKeys(): (secret: Uint8Array) => ListKeys {
  const known = new WeakMap<Uint8Array, ListKeys>()
  return (secret) => {
    const found = known.get(secret)
    if (found) return found
    const made = derive(secret)
    known.set(secret, made)
    return made
  }
}

function derive(secret: Uint8Array): ListKeys {
  const key = (use: string) => new Uint8Array(hkdfSync('sha256', secret, '', `bulla ${use}`, 32))
  const permutations = new Map<string, Permutation>()
  return {
    tokenIds: createTokenIds(key('jti')),
    permutation(listId) {
      const found = permutations.get(listId)
      if (found) return found
      const made = createPermutation(key(`status list ${listId}`))
      if (permutations.size >= MAX_PERMUTATIONS) permutations.clear()
      permutations.set(listId, made)
      return made
    },
  }
}
