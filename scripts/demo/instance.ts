import { chmodSync, lstatSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, type ServerProcess, spawnServer, whenInterrupted } from '../server-process.js'

export type Instance = Pick<ServerProcess, 'admin'> & {
  readonly url: string
  readonly folder: string
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
  const server = spawnServer({
    ...process.env,
    PORT: String(port),
    PUBLIC_URL: url,
    METRICS_PORT: '0',
    DATA_DIR: folder,
    LOG_LEVEL: 'error',
    DATABASE_URL: '',
    DATABASE_DIRECT_URL: '',
    MASTER_KEY: '',
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= server.stop().then(() => remove(folder))
    return stopped
  }
  let interrupted = false
  whenInterrupted(() => {
    interrupted = true
    void stop().then(() => process.exit(1))
  })
  try {
    await server.ready()
  } catch (error) {
    await stop()
    throw error
  }
  return { url, folder, stop, isInterrupted: () => interrupted, admin: server.admin }
}

/** With what lies outside it, where the folder is none that the user of Postgres can enter. */
function remove(folder: string): void {
  const link = join(folder, 'postgres')
  if (lstatSync(link, { throwIfNoEntry: false })?.isSymbolicLink()) {
    rmSync(realpathSync(link), { recursive: true, force: true })
  }
  rmSync(folder, { recursive: true, force: true })
}
