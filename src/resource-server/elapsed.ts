export type Clocks = {
  /** Seconds since 1970, by a clock that may be set. */
  readonly now: () => number
  /** Seconds of a clock that is never set, and that may stand still while the machine sleeps. */
  readonly monotonic: () => number
}

// Seconds that the first clock may gain on the second before it counts: by drift, and by what lies between two readings.
const JUMP = 1

/**
 * Seconds of a clock that goes on while the machine sleeps: what the wall clock jumps ahead counts as time gone by, for nobody can tell it
 * from sleep. Then things look older than they are, and are asked for anew; never younger. What it is set back counts for nothing.
 */
export function elapsedTime({ now, monotonic }: Clocks): () => number {
  let gained = 0
  let last = { wall: now(), steady: monotonic() }
  return () => {
    const current = { wall: now(), steady: monotonic() }
    const gain = current.wall - last.wall - (current.steady - last.steady)
    if (gain > JUMP) gained += gain
    last = current
    return current.steady + gained
  }
}
