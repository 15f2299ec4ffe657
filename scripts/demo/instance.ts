import { execFile, spawn } from 'node:child_process'
import { chmodSync, lstatSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const built = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export type Instance = {
  readonly url: string
  readonly folder: string
  /** Runs an operator's command and answers with its JSON. */
  admin(args: readonly string[]): Promise<Record<string, unknown>>
  /** Whether somebody asked this program to end. */
  isInterrupted(): boolean
  stop(): Promise<void>
}

/** A server with an embedded Postgres of its own, in a temporary folder that goes with it. */
export async function startInstance(): Promise<Instance> {
  const folder = mkdtempSync(join(tmpdir(), 'bulla-demo-'))
  // As root, Postgres runs as another user, who must be able to enter.
  chmodSync(folder, 0o711)
  const port = await freePort()
  const url = `http://localhost:${port}`
  const env = {
    ...process.env,
    PORT: String(port),
    PUBLIC_URL: url,
    METRICS_PORT: '0',
    DATA_DIR: folder,
    LOG_LEVEL: 'error',
    DATABASE_URL: '',
    DATABASE_DIRECT_URL: '',
    MASTER_KEY: '',
  }
  // Detached, so that Ctrl-C reaches this program alone, which then stops the server in order.
  const server = spawn(process.execPath, [built('main.js')], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true,
  })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= (async () => {
      server.kill('SIGTERM')
      await ended
      remove(folder)
    })()
    return stopped
  }
  let interrupted = false
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true
      void stop().then(() => process.exit(1))
    })
  }
  try {
    await ready(url, () => server.exitCode !== null || server.signalCode !== null)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    url,
    folder,
    stop,
    isInterrupted: () => interrupted,
    async admin(args) {
      const { stdout } = await run(process.execPath, [built('scripts/admin.js'), ...args, '--json'], { env })
      return JSON.parse(stdout)
    },
  }
}

/** With what lies outside it, where the folder is none that the user of Postgres can enter. */
function remove(folder: string): void {
  const link = join(folder, 'postgres')
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) {
    rmSync(realpathSync(link), { recursive: true, force: true })
  }
  rmSync(folder, { recursive: true, force: true })
}

async function ready(url: string, over: () => boolean): Promise<void> {
  for (const until = Date.now() + 60_000; Date.now() < until && !over(); await wait(50)) {
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
    if (answer?.ok) return
  }
  throw new Error('The server did not become ready; what it said stands above.')
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
