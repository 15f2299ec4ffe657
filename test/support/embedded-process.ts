import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Connection } from '../../src/store/embedded/start.js'
import type { Installation } from './installation.js'

export type Answer = Record<string, unknown>

/** A running process of an installation that uses the embedded Postgres of a data directory. */
export type EmbeddedProcess = {
  pid: number
  connection: Connection
  query: (text: string) => Promise<Answer[]>
  /** Ends it in order. */
  close: () => Promise<void>
  /** Ends it, and whatever is in its process group, at once. */
  kill: () => Promise<void>
}

type Message = { id?: number; rows?: Answer[]; error?: string; ready?: Connection }

const running = new Set<ChildProcess>()

function as({ owner }: Installation): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? owner : {}
}

/** Runs a script of an installation to its end. `shell`: what a shell says before it. */
export function run(
  installation: Installation,
  { script, dataDir, shell = '' }: { script: string; dataDir: string; shell?: string | undefined },
) {
  const { status, stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', `${shell} exec "$0" "$@"`, installation.node, join(installation.folder, script)],
    { ...as(installation), cwd: installation.folder, env: { DATA_DIR: dataDir }, encoding: 'utf8' },
  )
  return { status, stdout, stderr }
}

/** Starts a process; resolves when it uses Postgres, rejects with what it said when it ended instead. */
export async function startProcess(
  installation: Installation,
  { dataDir, kind, port = 0 }: { dataDir: string; kind: 'server' | 'script'; port?: number },
): Promise<EmbeddedProcess> {
  const child = spawn(installation.node, ['embedded-child.mjs', dataDir, kind, String(port)], {
    ...as(installation),
    cwd: installation.folder,
    env: {},
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  running.add(child)
  const ended = once(child, 'close').finally(() => running.delete(child))
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const waiting = new Map<number, (message: Message) => void>()
  const ready = new Promise<Connection>((resolve) => {
    child.on('message', (message: Message) => {
      if (message.ready) resolve(message.ready)
      if (message.id !== undefined) waiting.get(message.id)?.(message)
    })
  })
  const connection = await Promise.race([
    ready,
    ended.then(([code]) => {
      throw new Error(`exit code ${code}: ${said}`)
    }),
  ])
  let id = 0
  const tell = (ask: string, text?: string): Promise<Answer[]> =>
    new Promise((resolve, reject) => {
      id += 1
      waiting.set(id, ({ rows, error }) => (error === undefined ? resolve(rows ?? []) : reject(new Error(error))))
      child.send({ id, ask, text })
    })
  return {
    pid: child.pid ?? 0,
    connection,
    query: (text) => tell('query', text),
    close: async () => {
      await tell('close')
      await ended
    },
    kill: async () => {
      process.kill(-(child.pid ?? 0), 'SIGKILL')
      await ended
    },
  }
}

/** Ends what a failed test left. */
export async function killProcesses(): Promise<void> {
  for (const child of running) {
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
  }
}
