import type { FeedEvent } from './event.js'

type Cached = { readonly at: number; readonly page: Promise<FeedEvent | 'reset'>; bytes: number }

export type PageCache = {
  /** The page of that name, made by one of those who ask at once and kept for those who come soon after. */
  get(key: string, load: () => Promise<FeedEvent | 'reset'>): Promise<FeedEvent | 'reset'>
}

/** Signed pages, `maxAge` milliseconds old at most and together no larger than `maxBytes`, so that a crowd that comes back reads each once. */
export function createPageCache({ maxAge, maxBytes }: { maxAge: number; maxBytes: number }): PageCache {
  // The oldest first.
  const pages = new Map<string, Cached>()
  let total = 0

  function forget(key: string): void {
    total -= pages.get(key)?.bytes ?? 0
    pages.delete(key)
  }

  function trim(): void {
    for (const [key, { at }] of pages) {
      if (total <= maxBytes && performance.now() - at < maxAge) return
      forget(key)
    }
  }

  return {
    get(key, load) {
      trim()
      const cached = pages.get(key)
      if (cached) return cached.page
      const made: Cached = { at: performance.now(), page: load(), bytes: 0 }
      pages.set(key, made)
      const keep = (page: FeedEvent | 'reset') => {
        if (pages.get(key) !== made) return
        if (page === 'reset') return forget(key)
        made.bytes = page.bytes.length
        total += made.bytes
        trim()
      }
      made.page.then(keep, () => pages.get(key) === made && forget(key))
      return made.page
    },
  }
}
