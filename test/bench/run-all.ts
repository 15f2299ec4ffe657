import type { Benchmark } from './benchmarks.js'
import { stopChildren } from './children.js'
import { compete, type Pace } from './contest.js'
import { type Competed, contestReport } from './contest-report.js'
import { isMet, markdownOf } from './markdown.js'
import { isPinned, setPinned } from './pinning.js'
import type { Bench, Goal, Report } from './report.js'

/** `pinned`: whether servers had a core for themselves. */
export type Found = Report & { readonly benchmark: string; readonly pinned: boolean }

export type Done = {
  readonly reports: readonly Found[]
  /** Benchmarks that had a wrong answer, or none. */
  readonly failures: readonly { readonly name: string; readonly error: string }[]
}

type Run = { readonly bench: Bench; readonly pace: Pace; readonly say: (text: string) => void }

/** One after the other, each said as soon as it is known. What fails keeps nothing of what comes after it from being measured. */
export async function runAll(benchmarks: Iterable<readonly [string, Benchmark]>, run: Run): Promise<Done> {
  const reports: Found[] = []
  const failures: { name: string; error: string }[] = []
  for (const [name, benchmark] of benchmarks) {
    setPinned(benchmark.pinned)
    try {
      for (const report of await reportsOf(benchmark, run)) {
        reports.push({ benchmark: name, pinned: isPinned(), ...report })
        run.say(markdownOf(report))
      }
    } catch (error) {
      const reason = String(error instanceof Error ? error.stack : error)
      failures.push({ name, error: reason })
      console.error(`${name}: ${reason}\n`)
    } finally {
      stopChildren()
    }
  }
  setPinned(false)
  return { reports, failures }
}

async function reportsOf(benchmark: Benchmark, { bench, pace }: Run): Promise<readonly Report[]> {
  if ('report' in benchmark) return benchmark.report(bench)
  const competed: Competed[] = []
  for await (const contest of await benchmark.contests(bench)) {
    competed.push({ contest, results: await compete(contest, pace) })
  }
  const node = Number(process.versions.node.split('.')[0])
  return [contestReport(benchmark.title, competed, { pinned: isPinned(), node })]
}

/** What is kept of a run: every goal says whether it was met. */
export function judged({ reports, failures }: Done) {
  const goals = reports.flatMap((report) => report.goals).map((goal: Goal) => ({ ...goal, met: isMet(goal) }))
  return { reports, goals, failures }
}
