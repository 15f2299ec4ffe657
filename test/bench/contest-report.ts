import type { Contest, Ratio, Result } from './contest.js'
import type { Goal, Report } from './report.js'

export type Competed = {
  readonly contest: Pick<Contest, 'what' | 'goals' | 'atLeast'>
  readonly results: readonly Result[]
}

/** Of the run: whether each server had a core for itself, and the major version of Node. */
export type Circumstances = { readonly pinned: boolean; readonly node: number }

const COLUMNS = ['what', 'ours', 'per', 'against', 'theirs', 'ratio', 'least', 'most']
const UNIT = { clock: 's', cpu: 's of CPU' }

/** Contests as a table: a line for each limit, by the clock and by CPU. */
export function contestReport(title: string, competed: readonly Competed[], run: Circumstances): Report {
  const rows = competed.flatMap(({ results }) =>
    results.flatMap(({ what, by, speed, against }) =>
      against.map(({ limit, speed: theirs, ratio, least, most }) => [
        what,
        Math.round(speed),
        UNIT[by],
        limit,
        Math.round(theirs),
        ratio,
        least,
        most,
      ]),
    ),
  )
  return { title, columns: COLUMNS, rows, goals: competed.flatMap((one) => goalsOf(one, run)) }
}

function goalsOf(
  { contest: { what, goals = {}, atLeast }, results }: Competed,
  { pinned, node }: Circumstances,
): Goal[] {
  const judged = judges(results, pinned)
  const ratios = Object.entries(goals).map(([limit, ratio]): Goal => {
    const found = judged.flatMap(({ against }) => against.filter((one) => one.limit === limit))
    if (found.length === 0) throw new Error(`${what}: there is no ${limit} to be held against.`)
    return {
      what: `${what}, to ${limit}`,
      value: Math.min(...found.map((one) => one.ratio)),
      atLeast: ratioOn(node, ratio),
    }
  })
  if (atLeast === undefined) return ratios
  return [
    ...ratios,
    { what: `${what}, a second`, value: Math.round(Math.min(...judged.map(({ speed }) => speed))), atLeast },
  ]
}

/**
 * What counts. Pinned, the lower of both: the clock where the server waits for Postgres, CPU where what asks is slower than what
 * answers, for then all look alike by the clock. Where all share the cores the clock says nothing, unless there is nothing else.
 */
function judges(results: readonly Result[], pinned: boolean): readonly Result[] {
  const byCpu = results.filter(({ by }) => by === 'cpu')
  return pinned || byCpu.length === 0 ? results : [...byCpu, ...onlyByClock(results, byCpu)]
}

/** What is left to be said of limits that have no figure by CPU. */
function onlyByClock(results: readonly Result[], byCpu: readonly Result[]): Result[] {
  const known = new Set(byCpu.flatMap(({ against }) => against.map(({ limit }) => limit)))
  return results
    .filter(({ by }) => by === 'clock')
    .map((result) => ({ ...result, against: result.against.filter(({ limit }) => !known.has(limit)) }))
    .filter(({ against }) => against.length > 0)
}

const ratioOn = (node: number, ratio: Ratio): number =>
  typeof ratio === 'number' ? ratio : node < 22 ? ratio.node20 : ratio.node24
