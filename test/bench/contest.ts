/** How much was done, in how many seconds of the clock and of CPU, as far as each says something. */
export type Sample = { readonly count: number; readonly clock?: number; readonly cpu?: number }

/** Does its work over and over for about so many milliseconds; throws when an answer is wrong. */
export type Contestant = (milliseconds: number) => Promise<Sample>

/** A ratio for every Node, or one for Node 20 and one for what came after it, whose cryptography costs less to call. */
export type Ratio = number | { readonly node20: number; readonly node24: number }

/** What the server does, beside what this machine could do at most. */
export type Contest = {
  readonly what: string
  readonly ours: Contestant
  readonly limits: Readonly<Record<string, Contestant>>
  /** By the name of a limit: the part of it that ours should be, at least. */
  readonly goals?: Readonly<Record<string, Ratio>>
  /** What ours should do a second, at least. */
  readonly atLeast?: number
  /** Milliseconds that each takes in each round, and before the first. */
  readonly turn: number
  readonly warmUp: number
}

export type Comparison = {
  readonly limit: string
  readonly speed: number
  /** Ours as a part of it: the median of the rounds, the least and the most. */
  readonly ratio: number
  readonly least: number
  readonly most: number
}

/** Speeds are per second of the clock or of CPU. */
export type Result = {
  readonly what: string
  readonly by: 'clock' | 'cpu'
  readonly speed: number
  readonly against: readonly Comparison[]
}

/** How many rounds, and what part of its turn and warm-up each contestant is given. */
export type Pace = { readonly rounds: number; readonly turn: number; readonly warmUp: number }

export const PACES = {
  full: { rounds: 9, turn: 1, warmUp: 1 },
  quick: { rounds: 3, turn: 0.4, warmUp: 0.1 },
  /** Says whether answers are right, and nothing of speed. */
  smoke: { rounds: 1, turn: 0.1, warmUp: 0.02 },
} as const satisfies Record<string, Pace>

/**
 * Lets all take turns, so that what else the machine does meets each of them. A ratio is taken within a round, where both met
 * the same machine.
 */
export async function compete({ what, ours, limits, turn, warmUp }: Contest, pace: Pace): Promise<Result[]> {
  const contestants = [{ name: '', run: ours }, ...Object.entries(limits).map(([name, run]) => ({ name, run }))]
  const samples = new Map(contestants.map(({ name }) => [name, [] as Sample[]]))
  for (const { run } of contestants) await warm(run, warmUp * pace.warmUp)
  for (let round = 0; round < pace.rounds; round++) {
    const order = round % 2 === 0 ? contestants : contestants.toReversed()
    for (const { name, run } of order) samples.get(name)?.push(await run(turn * pace.turn))
  }
  return (['clock', 'cpu'] as const).flatMap((by) => {
    const speeds = (name: string) =>
      (samples.get(name) ?? []).flatMap(({ count, [by]: seconds }) => (seconds === undefined ? [] : [count / seconds]))
    const own = speeds('')
    const against = Object.keys(limits).flatMap((limit) => compare(own, { limit, speeds: speeds(limit) }))
    return against.length > 0 ? [{ what, by, speed: median(own), against }] : []
  })
}

const MAX_WARM_UPS = 4

/**
 * Until it has spent about so long on CPU, where that is known: code is compiled as it is used, and beside others that takes longer by
 * the clock.
 */
async function warm(run: Contestant, milliseconds: number): Promise<void> {
  let left = milliseconds
  for (let n = 0; n < MAX_WARM_UPS && left > 0.2 * milliseconds; n++) {
    const { cpu } = await run(left)
    left = cpu === undefined ? 0 : left - cpu * 1000
  }
}

function compare(
  own: readonly number[],
  { limit, speeds }: { limit: string; speeds: readonly number[] },
): Comparison[] {
  if (own.length === 0 || own.length !== speeds.length) return []
  const ratios = own.map((speed, round) => speed / (speeds[round] ?? Number.NaN))
  return [
    { limit, speed: median(speeds), ratio: median(ratios), least: Math.min(...ratios), most: Math.max(...ratios) },
  ]
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

const BATCH = 8

/** Repeats work of this process alone, by the CPU it takes: what the rest of the machine does then counts little. */
export const onOneCore =
  (work: () => unknown): Contestant =>
  async (milliseconds) => {
    const until = performance.now() + milliseconds
    const before = process.cpuUsage()
    let count = 0
    for (; performance.now() < until; count += BATCH) for (let n = 0; n < BATCH; n++) await work()
    const { user, system } = process.cpuUsage(before)
    return { count, cpu: (user + system) / 1e6 }
  }

/** Repeats work that waits for others, as many at a time as there are workers. */
export const together =
  (workers: readonly (() => Promise<unknown>)[]): Contestant =>
  async (milliseconds) => {
    const started = performance.now()
    const counts = await Promise.all(
      workers.map(async (work) => {
        let count = 0
        for (; performance.now() < started + milliseconds; count++) await work()
        return count
      }),
    )
    return { count: counts.reduce((sum, count) => sum + count, 0), clock: (performance.now() - started) / 1000 }
  }
