import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { canPin, cpuSeconds, ended, isPinned, setPinned, underTest, unpinned } from '../../bench/pinning.js'

afterEach(() => setPinned(false))

/** Undefined where the system does not tell. */
function coresOf(pid: number | undefined): string | undefined {
  try {
    return /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

async function withChild(work: (pid: number | undefined) => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'inherit'] })
  try {
    await work(child.pid)
  } finally {
    ended(child.pid)
    child.kill()
  }
}

it('holds a server on one core and its callers on another, where it can, and lets them go', async () => {
  const before = coresOf(process.pid)
  await withChild(async (pid) => {
    underTest(pid)
    expect(coresOf(pid)).toBe(before)
    setPinned(true)
    expect(isPinned()).toBe(canPin())
    if (canPin()) {
      expect(coresOf(pid)).toMatch(/^\d+$/)
      expect(coresOf(process.pid)).toMatch(/^\d+$/)
      expect(coresOf(pid)).not.toBe(coresOf(process.pid))
    }
    setPinned(false)
    expect(isPinned()).toBe(false)
    expect([coresOf(pid), coresOf(process.pid)]).toEqual([before, before])
  })
})

it('has something done where there is room, and pins again what was pinned', async () => {
  const before = coresOf(process.pid)
  setPinned(true)
  const pinnedTo = coresOf(process.pid)
  await unpinned(async () => expect(coresOf(process.pid)).toBe(before))
  expect(coresOf(process.pid)).toBe(pinnedTo)
  expect(isPinned()).toBe(canPin())
})

it('knows no CPU of a process that is not there', () => {
  expect(cpuSeconds(2 ** 22 + 1)).toBeUndefined()
})
