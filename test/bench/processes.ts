import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pool } from 'pg'

// What the system tells of processes: Linux alone does, as files. Elsewhere everything here is nothing.

type Process = { readonly pid: number; readonly parent: number }

function processes(): Process[] {
  return numbers('/proc').flatMap((pid) => {
    const stat = read(`/proc/${pid}/stat`)
    // The name before it is in brackets and may hold anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
    return stat === '' ? [] : [{ pid, parent }]
  })
}

/** A process and all that it started, and they. */
export function treeOf(root: number | undefined): number[] {
  if (root === undefined) return []
  const all = processes()
  const found = [root]
  for (const pid of found) found.push(...all.filter(({ parent }) => parent === pid).map((child) => child.pid))
  return found
}

/** The memory of all of them, in bytes; what they share is counted once in each. */
export const residentBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + 1024 * Number(/VmRSS:\s*(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0), 0)

/** What is theirs alone or their part of what they share, in bytes. */
export const proportionalBytes = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => sum + 1024 * Number(/^Pss:\s*(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0)

/** Answers, whenever it is asked, how many seconds of CPU a process and all that it started have spent since. Without those that have ended. */
export function watchCpu(root: number | undefined): () => number {
  const before = new Map(treeOf(root).map((pid) => [pid, cpuSeconds(pid)]))
  return () => treeOf(root).reduce((sum, pid) => sum + cpuSeconds(pid) - (before.get(pid) ?? 0), 0)
}

const cpuSeconds = (pid: number): number =>
  numbers(`/proc/${pid}/task`).reduce(
    (sum, thread) => sum + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0) / 1e9,
    0,
  )

/** The first process of the Postgres that has this data directory. */
export function postmasterOf(dataDirectory: string): number | undefined {
  return Number(read(join(dataDirectory, 'postmaster.pid')).split('\n')[0]) || undefined
}

export async function postmaster(pool: Pool): Promise<number | undefined> {
  const { rows } = await pool.query('SHOW data_directory')
  return postmasterOf(rows[0].data_directory)
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

function numbers(folder: string): number[] {
  try {
    return readdirSync(folder).map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

export const MB = 1e6
