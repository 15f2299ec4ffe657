import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestDatabase } from './database.js'

type Connection = TestDatabase['connection']

export type DatabaseProxy = {
  /** The database, by way of the proxy. */
  connection: Connection
  /** Ends every connection and refuses new ones. */
  cut: () => void
  /** Swallows everything without a word: what a network does that has lost its way. */
  stall: () => void
  mend: () => void
  close: () => Promise<void>
}

/** Stands between a process and its database, so that a test can cut the line. */
export async function proxyTo(connection: Connection): Promise<DatabaseProxy> {
  let mode: 'through' | 'cut' | 'stalled' = 'through'
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    if (mode === 'cut') return near.destroy()
    const far = connection.host.startsWith('/')
      ? connect(join(connection.host, `.s.PGSQL.${connection.port}`))
      : connect(connection.port, connection.host)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => mode === 'through' && to.write(bytes))
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    connection: { ...connection, host: '127.0.0.1', port: (server.address() as AddressInfo).port },
    cut: () => {
      mode = 'cut'
      destroyAll()
    },
    stall: () => {
      mode = 'stalled'
    },
    mend: () => {
      // What was swallowed is lost: such connections can't be mended.
      if (mode === 'stalled') destroyAll()
      mode = 'through'
    },
    close: async () => {
      destroyAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
