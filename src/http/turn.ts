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
