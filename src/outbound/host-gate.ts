import { FetchError } from './fetch-error.js'

export interface HostGateLimits {
  /** Most requests in flight to one host. */
  perHost: number
  /** Most requests in flight. */
  total: number
  /** Most that wait. */
  waiting: number
}

interface Waiting {
  host: string
  enter: () => void
}

/**
 * Keeps this server from being somebody's weapon, and anybody's slow server from holding all of this one's connections:
 * `enter` waits for a place and returns how to leave it. Throws FetchError `host_busy` when too many wait, and the
 * signal's reason when it aborts first. RFC 9112 §9.4.
 */
export function createHostGate({ perHost, total, waiting }: HostGateLimits) {
  const inFlight = new Map<string, number>()
  const queue: Waiting[] = []
  let all = 0

  const free = (host: string) => all < total && (inFlight.get(host) ?? 0) < perHost

  function occupy(host: string): () => void {
    all += 1
    inFlight.set(host, (inFlight.get(host) ?? 0) + 1)
    return () => leave(host)
  }

  function leave(host: string) {
    all -= 1
    const left = (inFlight.get(host) ?? 0) - 1
    if (left > 0) inFlight.set(host, left)
    else inFlight.delete(host)
    const next = queue.findIndex((each) => free(each.host))
    if (next >= 0) queue.splice(next, 1)[0]?.enter()
  }

  async function enter(host: string, signal: AbortSignal): Promise<() => void> {
    if (free(host)) return occupy(host)
    if (queue.length >= waiting) throw new FetchError('host_busy')
    return new Promise((resolve, reject) => {
      const place = { host, enter: () => resolve(occupy(host)) }
      queue.push(place)
      signal.addEventListener('abort', () => {
        const at = queue.indexOf(place)
        if (at >= 0) queue.splice(at, 1)
        reject(signal.reason)
      })
    })
  }

  return { enter }
}
