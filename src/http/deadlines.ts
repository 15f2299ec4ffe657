/** How often what is late is looked for, in milliseconds. */
const INTERVAL = 50

type Waiting = { readonly until: number; readonly late: () => void }

const waiting = new Set<Waiting>()
let looking: NodeJS.Timeout | undefined

/**
 * The outcome of some work, or the rejection by `late` when it takes longer than so many seconds, give or take a tenth. All that is
 * under way shares one timer, since most of it is over long before.
 */
export function within<T>(seconds: number, work: Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const one: Waiting = { until: performance.now() + seconds * 1000, late: () => reject(late()) }
    waiting.add(one)
    looking ??= setInterval(look, INTERVAL).unref()
    work.then(
      (value) => {
        waiting.delete(one)
        resolve(value)
      },
      (error: unknown) => {
        waiting.delete(one)
        reject(error)
      },
    )
  })
}

function look(): void {
  const now = performance.now()
  for (const one of waiting) {
    if (one.until > now) continue
    waiting.delete(one)
    one.late()
  }
  if (waiting.size > 0) return
  clearInterval(looking)
  looking = undefined
}
