import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

// A pid alone says little: after a crash, and always in a container, another process soon has the same one.

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function ps(pid: number, column: string): string | undefined {
  try {
    const text = execFileSync('ps', ['-ww', '-o', `${column}=`, '-p', String(pid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return text.trim() || undefined
  } catch {
    return undefined
  }
}

function linuxIdentity(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The second column is the command in parentheses and may hold anything, parentheses and spaces too.
  const columns = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A zombie holds nothing any more. An orphan becomes one for good where the first process of a container doesn't reap.
  if (!columns || columns[0] === 'Z' || columns[0] === 'X') return undefined
  return `${read('/proc/sys/kernel/random/boot_id')?.trim()}/${columns[19]}`
}

function otherIdentity(pid: number): string | undefined {
  return ps(pid, 'stat')?.startsWith('Z') ? undefined : ps(pid, 'lstart')
}

/** Tells apart all processes that ever had this pid: when it was started. Undefined: there is no such process now. */
export function processIdentity(pid: number): string | undefined {
  return process.platform === 'linux' ? linuxIdentity(pid) : otherIdentity(pid)
}

/** The command line of a running process, its arguments in one string; undefined when there is none. */
export function commandLine(pid: number): string | undefined {
  return process.platform === 'linux' ? read(`/proc/${pid}/cmdline`)?.replaceAll('\0', ' ') : ps(pid, 'command')
}
