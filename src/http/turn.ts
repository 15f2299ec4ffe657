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
 * Gathers what comes under one key until the turn of the event loop is over, and hands it over together, in the order it came: each key's
 * by itself, in the order the keys came. What comes later is of another turn. `handle` must not throw.
 */
export function perTurn<T>(handle: (together: readonly [T, ...T[]]) => unknown): (key: string, one: T) => void {
  let coming = new Map<string, [T, ...T[]]>()
  function over() {
    const came = coming
    coming = new Map()
    for (const together of came.values()) handle(together)
  }
  return (key, one) => {
    const others = coming.get(key)
    if (others) others.push(one)
    else {
      if (coming.size === 0) setImmediate(over)
      coming.set(key, [one])
    }
  }
}
