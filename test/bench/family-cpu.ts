import { readdirSync, readFileSync } from 'node:fs'

/** Seconds of CPU that a process and all that it started have spent so far. Linux; elsewhere undefined. */
export function familyCpu(pid: number | undefined): number | undefined {
  try {
    return family(pid ?? 0).reduce((sum, one) => sum + cpuOf(one), 0)
  } catch {
    return undefined
  }
}

function family(pid: number): number[] {
  const children = threads(pid).flatMap((thread) =>
    readFileSync(`${thread}/children`, 'utf8').split(' ').filter(Boolean),
  )
  return [pid, ...children.flatMap((child) => family(Number(child)))]
}

const cpuOf = (pid: number): number =>
  threads(pid).reduce((sum, thread) => sum + Number(readFileSync(`${thread}/schedstat`, 'utf8').split(' ')[0]) / 1e9, 0)

const threads = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}`)
