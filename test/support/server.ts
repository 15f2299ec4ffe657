import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { remember } from './issued-secrets.js'

const built = (path: string) => fileURLToPath(new URL(`../../dist/${path}`, import.meta.url))

export type Environment = Readonly<Record<string, string>>

/** A built server as a process of its own, seen from outside only. */
export type RunningServer = {
  readonly url: string
  readonly process: ChildProcess
  stdout(): string
  stderr(): string
  /** Both. */
  output(): string
  /** With the exit code once it has ended and said all; null when a signal ended it. */
  readonly ended: Promise<number | null>
  /** SIGTERM by default; answers as `ended`. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

const started = new Set<RunningServer>()

/** What all processes of one installation share. */
export async function installation(databaseUrl: string, more: Environment = {}): Promise<Environment> {
  const MASTER_KEY = randomBytes(32).toString('base64')
  remember(MASTER_KEY, new URL(databaseUrl).password)
  return {
    DATABASE_URL: databaseUrl,
    MASTER_KEY,
    ...(await surroundings()),
    ...more,
  }
}

/** The same without a database: each data directory has its own. */
export async function embeddedInstallation(dataDir: string, more: Environment = {}): Promise<Environment> {
  return { DATA_DIR: dataDir, ...(await surroundings()), ...more }
}

const surroundings = async (): Promise<Environment> => ({
  PUBLIC_URL: `http://localhost:${await freePort()}`,
  METRICS_PORT: '0',
  LOG_LEVEL: 'info',
  // The least that is allowed: these tests are not about the strength of hashes.
  ARGON2_MEMORY_KIB: '7168',
  ARGON2_TIME_COST: '1',
  ARGON2_PROCESSES: '1',
})

const inherited = (env: Environment) => ({
  PATH: process.env['PATH'] ?? '',
  HOME: process.env['HOME'] ?? '',
  ...env,
})

/** Starts a server, and does not wait for anything. `stdout`: whether what it logs is kept. */
export async function spawnServer(env: Environment, stdout: 'pipe' | 'ignore' = 'pipe'): Promise<RunningServer> {
  const port = env['PORT'] ?? String(await freePort())
  const child = spawn(process.execPath, [built('main.js')], {
    env: inherited({ ...env, PORT: port }),
    stdio: ['ignore', stdout, 'pipe'],
  })
  let [out, err] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const server: RunningServer = {
    url: `http://127.0.0.1:${port}`,
    process: child,
    stdout: () => out,
    stderr: () => err,
    output: () => out + err,
    ended,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return ended
    },
  }
  started.add(server)
  return server
}

/** What a server's readiness says; undefined while nobody answers. */
export async function readiness({ url }: Pick<RunningServer, 'url'>) {
  const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
  return answer && { status: answer.status, body: (await answer.json()) as { status: string; reason?: string } }
}

/** Starts a server and waits until it is ready; throws with what it said when it ends before. */
export async function startServer(env: Environment, stdout?: 'pipe' | 'ignore'): Promise<RunningServer> {
  const server = await spawnServer(env, stdout)
  while (server.process.exitCode === null && server.process.signalCode === null) {
    if ((await readiness(server))?.status === 200) return server
    await wait(25)
  }
  throw new Error(`The server ended with ${await server.ended} before it was ready:\n${server.output()}`)
}

/** Ends what was started here and still runs. For `afterAll`. */
export async function stopServers(): Promise<void> {
  await Promise.all([...started].map((server) => server.stop('SIGKILL')))
}

/** All that the servers started here have written so far. */
export const everythingSaid = () => [...started].map((server) => server.output()).join('')

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string }

/** Runs an operator's script to its end. */
export function script(env: Environment, name: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const command = [built(`scripts/${name}.js`), ...args]
    const child = execFile(process.execPath, command, { env: inherited(env) }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr })
    })
    // A command that reads nothing may have ended before.
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

type Shell = (args: readonly string[]) => Promise<Ran>

const shells = new Map<string, Shell>()

/** A process that runs the commands of one environment, as `npm run admin` would. It ends with the one that started it. */
function shellOf(env: Environment): Shell {
  const key = JSON.stringify(env)
  const known = shells.get(key)
  if (known) return known
  const child = fork(fileURLToPath(new URL('admin-shell.mjs', import.meta.url)), {
    env: inherited(env),
    // Node's own flags are vitest's.
    execArgv: [],
    // Nobody is at its keyboard.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  child.unref()
  child.channel?.unref()
  const waiting = new Map<number, (ran: Ran) => void>()
  let count = 0
  child.on('message', ({ id, ...ran }: Ran & { id: number }) => {
    waiting.get(id)?.(ran)
    waiting.delete(id)
    if (waiting.size === 0) child.channel?.unref()
  })
  child.on('exit', (code) => {
    shells.delete(key)
    for (const answer of waiting.values()) answer({ code: code ?? -1, stdout: '', stderr: 'The shell ended.' })
  })
  const shell: Shell = (args) =>
    new Promise((resolve) => {
      const id = count++
      waiting.set(id, resolve)
      child.channel?.ref()
      child.send({ id, args })
    })
  shells.set(key, shell)
  return shell
}

/** Runs `admin …` without input, in a process that has run others before it. */
export const adminCommand = (env: Environment, args: readonly string[]): Promise<Ran> => shellOf(env)(args)

/** Runs `admin … --json` and answers with what it printed; throws with what it said when it fails. */
export async function admin(env: Environment, ...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await adminCommand(env, [...args, '--json'])
  if (code !== 0) throw new Error(`admin ${args.join(' ')} ended with ${code}: ${stderr}`)
  const said = JSON.parse(stdout) as Record<string, unknown>
  const privateJwk = said['private_jwk'] as { d?: string } | undefined
  remember(said['client_secret'], said['api_secret'], said['password'], privateJwk?.d)
  return said
}

// Below those that systems give to connections, one of which may hold any of them at any time; each worker has its own.
const FIRST_PORT = 10_000
const PORTS = 2_000
const WORKERS = 10
const firstOfWorker = FIRST_PORT + (Number(process.env['VITEST_POOL_ID'] ?? 0) % WORKERS) * PORTS
let lastPort = Math.floor(Math.random() * PORTS)

/** A port that nothing listens on, and that is given to nobody else here: a server may be stopped and come back to it. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS; tries++) {
    lastPort = (lastPort + 1) % PORTS
    const port = firstOfWorker + lastPort
    if (await isFree(port)) return port
  }
  throw new Error('No port is free.')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(false))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
  })
}
