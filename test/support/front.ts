import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type Front = {
  readonly port: number
  /** Where new connections go, in turn. */
  to(...ports: readonly number[]): void
  /** Ends every connection and refuses new ones. */
  cut(): void
  /** Swallows everything without a word: what a network does that has lost its way. */
  stall(): void
  /** Passes everything on, so many milliseconds late. */
  delay(milliseconds: number): void
  mend(): void
  /** Connections so far. */
  connections(): number
  close(): Promise<void>
}

/** Stands in front of several processes as a load balancer does, for connections and not for requests, and can be broken. */
export async function openFront(port = 0): Promise<Front> {
  let mode: 'through' | 'cut' | 'stalled' = 'through'
  let late = 0
  let targets: readonly number[] = []
  let count = 0
  const sockets = new Set<Socket>()
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy()
  }

  const server = createServer((near) => {
    const target = targets[count++ % targets.length]
    if (mode === 'cut' || target === undefined) return near.destroy()
    const far = connect(target, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => {
        if (mode === 'stalled') return
        if (late === 0) to.write(bytes)
        else setTimeout(() => to.destroyed || to.write(bytes), late)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))

  return {
    port: (server.address() as AddressInfo).port,
    to(...ports) {
      targets = ports
    },
    cut() {
      mode = 'cut'
      destroyAll()
    },
    stall() {
      mode = 'stalled'
    },
    delay(milliseconds) {
      late = milliseconds
    },
    mend() {
      // What was swallowed is lost: such connections can't be mended.
      if (mode === 'stalled') destroyAll()
      mode = 'through'
      late = 0
    },
    connections: () => count,
    async close() {
      destroyAll()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
