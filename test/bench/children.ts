import { type ChildProcess, fork } from 'node:child_process'
import type { Argon2Turn } from './argon2-loop.js'
import type { BareTask } from './bare-server.js'
import type { Contestant, Sample } from './contest.js'
import { cpuSeconds, ended, underTest } from './pinning.js'

const children = new Set<ChildProcess>()

/** A process of the benchmark, measured like a server. */
export function start(file: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = fork(new URL(file, import.meta.url), {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  })
  underTest(child.pid)
  child.once('exit', () => ended(child.pid))
  children.add(child)
  return child
}

/** What it says to this; throws when it ends instead. */
export const ask = (child: ChildProcess, question: object): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const failed = (code: number | null) => reject(new Error(`A process of the benchmark ended with ${code}.`))
    child.once('exit', failed)
    child.once('message', (answer) => {
      child.off('exit', failed)
      resolve(answer)
    })
    child.send(question)
  })

export type BareServer = { readonly url: string; readonly pid: number | undefined }

/** node:http in a process of its own, which gives this answer to whatever it is asked. */
export async function startBareServer(task: BareTask): Promise<BareServer> {
  const child = start('./bare-server.ts')
  return { url: `http://127.0.0.1:${await ask(child, task)}`, pid: child.pid }
}

/** argon2 in as many processes at a time. */
export function argon2Alone(processes: number, cost: Argon2Turn['cost']): Contestant {
  const loops = Array.from({ length: processes }, () => start('./argon2-loop.ts'))
  return async (milliseconds) => {
    const turns = await Promise.all(
      loops.map((child) => ask(child, { cost, milliseconds }) as Promise<Required<Pick<Sample, 'count' | 'clock'>>>),
    )
    return { count: turns.reduce((sum, { count, clock }) => sum + count / clock, 0), clock: 1 }
  }
}

/** The work, and the CPU that a process spends on it, where the system tells: Linux. */
export const withCpuOf =
  (pid: number | undefined, work: Contestant): Contestant =>
  async (milliseconds) => {
    const before = pid && cpuSeconds(pid)
    const sample = await work(milliseconds)
    const after = pid && cpuSeconds(pid)
    return before === undefined || after === undefined ? sample : { ...sample, cpu: after - before }
  }

export function stopChildren(): void {
  for (const child of children) if (child.connected) child.disconnect()
  children.clear()
}
