import { execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const built = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

/** A program of ours that another one runs. */
export type ChildProgram = {
  /** With true once it has ended. */
  readonly ended: Promise<true>
  /** SIGTERM; answers when it has ended. */
  stop(): Promise<true>
}

export type ServerProcess = ChildProgram & {
  /** Answers when it serves; throws when it ended before, and has said why. */
  ready(): Promise<void>
  /** Runs an operator's command and answers with its JSON; throws with what it said. */
  admin(args: readonly string[]): Promise<Record<string, unknown>>
}

/**
 * Runs Node in a process group of its own, so that Ctrl-C reaches the program that calls this alone, which then stops everything in
 * order. What it says of errors is shown; `log`: a file descriptor for all else, or nowhere.
 */
export function spawnProgram(
  args: readonly string[],
  { env, cwd, log = 'ignore' }: { env: NodeJS.ProcessEnv; cwd?: string; log?: number | 'ignore' },
): ChildProgram {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', log, 'inherit'], detached: true })
  const ended = new Promise<true>((resolve) => child.once('exit', () => resolve(true)))
  return {
    ended,
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/** The built server, with its configuration and an installation of its own. */
export function spawnServer(
  env: NodeJS.ProcessEnv & { readonly PUBLIC_URL: string },
  log: number | 'ignore' = 'ignore',
): ServerProcess {
  const program = spawnProgram([built('main.js')], { env, log })
  return {
    ...program,
    async ready() {
      if (await answers(`${env.PUBLIC_URL}/health/ready`, program)) return
      throw new Error('The server did not become ready; what it said stands above.')
    },
    async admin(args) {
      const { stdout } = await run(process.execPath, [built('scripts/admin.js'), ...args, '--json'], { env })
      return JSON.parse(stdout)
    },
  }
}

/**
 * Calls `stop` once when this program is asked to end. Ctrl-C under npm comes twice, from the terminal and from npm, so another
 * signal does not mean that somebody is impatient.
 */
export function whenInterrupted(stop: () => void): void {
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!interrupted) stop()
      interrupted = true
    })
  }
}

/** Whether an address answers well within a minute, while the program lives that should. */
export async function answers(url: string, { ended }: ChildProgram): Promise<boolean> {
  let over = false
  void ended.then(() => {
    over = true
  })
  for (const until = Date.now() + 60_000; Date.now() < until && !over; await wait(50)) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer?.ok) return true
  }
  return false
}

/** A port of loopback that nothing listens on: the one given, or any. Undefined: another program has it. */
export function freePort(wanted = 0): Promise<number | undefined> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(undefined))
    probe.listen(wanted, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : undefined))
    })
  })
}
