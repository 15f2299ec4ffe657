type Waiting = { readonly bytes: number; readonly begin: () => void }

/**
 * Lets writers begin in the order in which they come, each with so many bytes, until those of this turn of the event loop are `share`:
 * the next begin in the next one. However many want to write at the same moment, who asks for something else is answered between.
 */
export function takeTurns(share: number): (bytes: number) => Promise<void> {
  const waiting: Waiting[] = []
  let left = share
  let renewing = false

  function spend(bytes: number): void {
    left -= bytes
    if (renewing) return
    renewing = true
    setImmediate(renew)
  }

  function renew(): void {
    renewing = false
    left = share
    for (let next = waiting.shift(); next; next = left > 0 ? waiting.shift() : undefined) {
      spend(next.bytes)
      next.begin()
    }
  }

  return async (bytes) => {
    // While something is left nobody waits.
    if (left > 0) spend(bytes)
    else await new Promise<void>((begin) => waiting.push({ bytes, begin }))
  }
}
