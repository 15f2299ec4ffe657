export type RecentlyUsed<T> = {
  get(key: string): T | undefined
  /** A look that is no use. */
  peek(key: string): T | undefined
  set(key: string, value: T): void
  delete(key: string): void
  readonly size: number
  keys(): string[]
}

/**
 * Keeps the most recently used of its entries, at most `max` and never less than half of that. In two generations: a use moves an
 * entry from the old to the young one, once, and a young one that is full becomes the old one. A list in the order of use would be
 * written to by every look.
 */
export function createRecentlyUsed<T>(max: number): RecentlyUsed<T> {
  let young = new Map<string, T>()
  let old = new Map<string, T>()

  function add(key: string, value: T): void {
    young.set(key, value)
    if (young.size < max / 2) return
    old = young
    young = new Map()
  }

  return {
    get(key) {
      const found = young.get(key)
      if (found !== undefined) return found
      const aged = old.get(key)
      if (aged === undefined) return undefined
      old.delete(key)
      add(key, aged)
      return aged
    },
    peek: (key) => young.get(key) ?? old.get(key),
    set(key, value) {
      old.delete(key)
      add(key, value)
    },
    delete(key) {
      young.delete(key)
      old.delete(key)
    },
    get size() {
      return young.size + old.size
    },
    keys: () => [...young.keys(), ...old.keys()],
  }
}
