import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url))

export type Environment = Readonly<Record<string, string>>

/** A built server as a process of its own, seen from outside only. */
export type RunningServer = {
  readonly url: string
  readonly process: ChildProcess
  /** Everything it wrote so far. */
  output(): string
  /** SIGTERM by default; answers with the exit code, null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** What all processes of one installation share. */
export async function installation(databaseUrl: string, more: Environment = {}): Promise<Environment> {
  return {
    DATABASE_URL: databaseUrl,
    MASTER_KEY: randomBytes(32).toString('base64'),
    PUBLIC_URL: `http://localhost:${await freePort()}`,
    METRICS_PORT: '0',
    LOG_LEVEL: 'info',
    // The least that is allowed: these tests are not about the strength of hashes.
    ARGON2_MEMORY_KIB: '7168',
    ARGON2_TIME_COST: '1',
    ARGON2_PROCESSES: '1',
    ...more,
  }
}

const surroundings = (env: Environment) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  ...env,
})

/** Starts a server and waits until it is ready; throws with what it said when it ends before. */
export async function startServer(env: Environment): Promise<RunningServer> {
  const port = env['PORT'] ?? String(await freePort())
  const child = spawn(process.execPath, [built('main.js')], {
    env: surroundings({ ...env, PORT: port }),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const url = `http://127.0.0.1:${port}`
  while (child.exitCode === null && child.signalCode === null) {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
    if (answer?.ok) {
      return {
        url,
        process: child,
        output: () => said,
        stop: (signal = 'SIGTERM') => {
          child.kill(signal)
          return ended
        },
      }
    }
    await wait(25)
  }
  throw new Error(`The server ended with ${await ended} before it was ready:\n${said}`)
}

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs an operator's script to its end. */
export async function script(env: Environment, name: string, args: readonly string[], input = ''): Promise<Ran> {
  const run = promisify(execFile)(process.execPath, [built(`scripts/${name}.js`), ...args], { env: surroundings(env) })
  run.child.stdin?.end(input)
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  )
}

/** Runs `admin … --json` and answers with what it printed; throws with what it said when it fails. */
export async function admin(env: Environment, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await script(env, 'admin', [...args, '--json'])
  if (code !== 0) throw new Error(`admin ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout)
}

/** A port that nothing listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => (typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port'))))
    })
  })
}
