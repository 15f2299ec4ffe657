import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** What figures depend on, beside what is measured. */
export type Machine = {
  readonly date: string
  readonly commit: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly kernel: string
  /** How many wanted to run in the minute before the first benchmark. */
  readonly loadBefore: number
}

/** The machine as it is now. */
export function describeMachine(): Machine {
  const cores = cpus()
  return {
    date: new Date().toISOString(),
    commit: commit(),
    node: process.versions.node,
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    kernel: release(),
    loadBefore: Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

/** What is measured; told apart from what was changed since. */
function commit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ', with changes'
    return git('rev-parse', '--short', 'HEAD').trim() + changed
  } catch {
    return 'unknown'
  }
}

/** The same in one line, and whether processes are held on a core. */
export const machineLine = (machine: Machine, { pinning, pace }: { pinning: boolean; pace: string }): string =>
  `${machine.cpu}, ${machine.cores} cores, ${machine.memory}, kernel ${machine.kernel}, Node ${machine.node}; commit ${machine.commit}, ` +
  `${machine.date.slice(0, 16)}Z, load before ${machine.loadBefore}; ${pace}; ` +
  (pinning
    ? 'servers held on one core, their callers and Postgres on another.'
    : 'nothing is held on a core, for want of `taskset` or of a second one: figures are per second of CPU where there are some.')
