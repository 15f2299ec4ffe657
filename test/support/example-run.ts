import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from './server.js'
import { ROOT } from './source.js'

/** `npm run example` in a terminal. */
export type ExampleRun = {
  readonly stdout: () => string
  readonly stderr: () => string
  /** The lines of the server's log that have these members. */
  logged(members: Readonly<Record<string, string>>): readonly Record<string, unknown>[]
  /** Ctrl-C: the signal goes to npm and to what it runs alike. Answers with the exit code. */
  interrupt(): Promise<number | null>
  readonly ended: Promise<number | null>
}

const runs = new Set<{ child: ChildProcess; run: ExampleRun }>()

export function runExample(env: Environment): ExampleRun {
  const inherited = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const child = spawn('npm', ['run', '-s', 'example'], {
    cwd: ROOT,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text
    })
  }
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const run: ExampleRun = {
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    logged: (members) =>
      readFileSync(join(env['DATA_DIR'] ?? '', 'example.log'), 'utf8')
        .split('\n')
        .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []))
        .filter((line) => Object.entries(members).every(([name, value]) => line[name] === value)),
    interrupt: () => {
      if (child.pid && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGINT')
      return ended
    },
    ended,
  }
  runs.add({ child, run })
  return run
}

/** Ends what runs still. For `afterAll`. */
export async function stopExamples(): Promise<void> {
  for (const { run } of runs) await run.interrupt()
}
