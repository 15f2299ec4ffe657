import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Environment, freePort, type RunningServer, startServer } from '../support/server.js'
import type { Profile } from './flame-svg.js'
import type { Stage } from './stage.js'

export type Memory = { readonly rss: number; readonly heapUsed: number; readonly external: number }
/** Milliseconds. */
export type Delay = { readonly p50: number; readonly p99: number; readonly max: number }

/** A server that says how it is from the inside; the code of the server itself is what it always is. */
export type ProbedServer = RunningServer & {
  /** Bytes; `collect` after all garbage is gone. */
  memory(): Promise<Memory>
  collect(): Promise<Memory>
  /** Writes what is on its heap to a file. */
  snapshot(path: string): Promise<void>
  /** What it spends its time on while `work` is done. */
  profile(work: () => Promise<unknown>): Promise<Profile>
  /** By how much its event loop is late while `work` is done. */
  delay(work: () => Promise<unknown>): Promise<Delay>
}

let count = 0

/** Another process of the same installation, beside the one that is there. */
export async function startProbed(stage: Pick<Stage, 'env'>, more: Environment = {}): Promise<ProbedServer> {
  count += 1
  const PROBE = join(tmpdir(), `bulla-probe-${process.pid}-${count}.sock`)
  const PORT = String(await freePort())
  const hook = new URL('./probe-hook.mjs', import.meta.url)
  const server = await startServer({ ...stage.env, PORT, PROBE, NODE_OPTIONS: `--import=${hook}`, ...more }, 'ignore')
  const ask = async (question: string): Promise<unknown> => {
    const socket = connect(PROBE)
    socket.write(`${question}\n`)
    return JSON.parse(await text(socket))
  }
  return {
    ...server,
    memory: async () => (await ask('memory')) as Memory,
    collect: async () => (await ask('collect')) as Memory,
    snapshot: async (path) => void (await ask(`snapshot ${path}`)),
    async profile(work) {
      await ask('profile')
      await work()
      return (await ask('profiled')) as Profile
    },
    async delay(work) {
      await ask('delay')
      await work()
      return (await ask('delayed')) as Delay
    },
  }
}
