let coming: Promise<void> | undefined

/**
 * The end of this turn of the event loop. Requests that came in the same turn wait for it together and then go on in step, each to its
 * next await: what one has just used is what the next one needs, and lies in the processor's caches. A request that came alone loses
 * some microseconds.
 */
export function endOfTurn(): Promise<void> {
  coming ??= new Promise((resolve) => {
    setImmediate(() => {
      coming = undefined
      resolve()
    })
  })
  return coming
}

/**
 * A function that makes one thing of a kind in a turn, for all that ask for it under one key once the turn is over, `endOfTurn`: it is
 * made after the last of them came.
 */
export function oncePerTurn<T>(): (key: string, make: () => T) => T {
  const made = new Map<string, T>()
  return (key, make) => {
    const known = made.get(key)
    if (known !== undefined) return known
    // Those that go on in step do so before anything that waits for the next tick.
    if (made.size === 0) process.nextTick(() => made.clear())
    const one = make()
    made.set(key, one)
    return one
  }
}
