import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Contestant } from './contest.js'

// While pinned, what is measured has one core and no other, and what measures it another: this process, and Postgres beside it.

const serversUnderTest = new Set<number>()
const helpers = new Set<number>([process.pid])
const cores = allowedCores()
let pinned = false

/** Whether processes can be held on a core: Linux with `taskset` and two cores. */
export const canPin = (): boolean => cores.length >= 2 && spawnSync('taskset', ['--version']).status === 0

export const isPinned = (): boolean => pinned

/** Pins all that was named so far, and all that will be named, or lets them go wherever there is room. */
export function setPinned(wanted: boolean): void {
  pinned = wanted && canPin()
  for (const pid of serversUnderTest) bind(pid, 'server')
  for (const pid of helpers) bind(pid, 'load')
}

/** What is started or made ready where there is room, whatever comes after. */
export async function unpinned<T>(work: () => Promise<T>): Promise<T> {
  const before = pinned
  setPinned(false)
  try {
    return await work()
  } finally {
    setPinned(before)
  }
}

/** A process that is measured, with those it has started. */
export const underTest = (pid: number | undefined): void => place(pid, 'server')

/** A process that measures, or that those measured ask for something. */
export const besideLoad = (pid: number | undefined): void => place(pid, 'load')

/** It has ended: its id may be another's from now on. */
export const ended = (pid: number | undefined): void => {
  if (pid !== undefined) serversUnderTest.delete(pid)
}

/** This process's own work where a server would do it. */
export const onServerCore =
  (work: Contestant): Contestant =>
  async (milliseconds) => {
    bind(process.pid, 'server')
    try {
      return await work(milliseconds)
    } finally {
      bind(process.pid, 'load')
    }
  }

function place(pid: number | undefined, role: 'server' | 'load'): void {
  if (pid === undefined) return
  const known = role === 'server' ? serversUnderTest : helpers
  known.add(pid)
  bind(pid, role)
}

let everPinned = false

function bind(pid: number, role: 'server' | 'load'): void {
  if (!pinned && !everPinned) return
  everPinned = true
  const [first = 0, second = 0] = cores
  const list = pinned ? String(role === 'server' ? first : second) : cores.join(',')
  // This process has children of every kind: each is bound for itself.
  const all = pid === process.pid ? [pid] : family(pid)
  // One that has just ended can't be bound, and need not be.
  for (const each of all) spawnSync('taskset', ['-a', '-c', '-p', list, String(each)])
}

/** It and all that came of it. Only itself where the system does not tell. */
export function family(pid: number): number[] {
  const children = tasks(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' '))
  return [pid, ...children.filter((child) => child !== '').flatMap((child) => family(Number(child)))]
}

/** The threads of a process; none where the system does not tell. */
function tasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch {
    return ''
  }
}

/** Seconds of CPU that it and all that came of it have spent; undefined where the system does not tell. */
export function cpuSeconds(pid: number): number | undefined {
  const spent = family(pid).flatMap((each) => tasks(each).map((task) => read(`/proc/${each}/task/${task}/schedstat`)))
  if (spent.every((line) => line === '')) return undefined
  return spent.reduce((sum, line) => sum + Number(line.split(' ')[0]) / 1e9, 0)
}

/** The parent of a process, where the system tells. */
export const parentOf = (pid: number): number | undefined =>
  Number(/^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1]) || undefined

/** Those this process may use: a container may have been given some of them. */
function allowedCores(): number[] {
  const ranges = /^Cpus_allowed_list:\s*(.+)$/m.exec(read('/proc/self/status'))?.[1]?.split(',') ?? []
  return ranges.flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, n) => first + n)
  })
}
