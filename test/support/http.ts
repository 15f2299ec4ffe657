import { connect, type Socket } from 'node:net'
import supertest from 'supertest'
import { afterEach, describe } from 'vitest'
import type { App } from '../../src/http/router.js'
import { createHttpServer, type HttpServer } from '../../src/http/server.js'

export type Agent = ReturnType<typeof supertest>

export interface Reached {
  readonly agent: Agent
  /** Sends bytes as they stand and returns all that comes back until the server closes. */
  readonly raw: (request: string) => Promise<string>
  /** Sends bytes and leaves the connection open. */
  readonly open: (request: string) => Promise<Socket>
}

/** Runs a suite twice: against the Express app, and against a server that listens with the plain endpoints in front. */
export function overBothTransports(name: string, suite: (reach: (app: App) => Promise<Reached>) => void): void {
  describe.each(['supertest', 'server'] as const)(`${name}, through %s`, (transport) => {
    const servers: HttpServer[] = []
    afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))
    suite(async (app) => {
      const server = createHttpServer(transport === 'server' ? app.listener : app.express)
      servers.push(server)
      const { port } = await server.listen(0, '127.0.0.1')
      const agent = transport === 'server' ? supertest(`http://127.0.0.1:${port}`) : supertest(app.express)
      return { agent, raw: (request) => sendRaw(port, request), open: (request) => openRaw(port, request) }
    })
  })
}

/** Sends bytes to a port of this machine and returns all that comes back until the connection ends. */
export function sendRaw(port: number, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.once('error', reject)
    socket.once('close', () => resolve(Buffer.concat(chunks).toString('latin1')))
    socket.write(request, 'latin1')
  })
}

/** Opens a connection to a port of this machine and sends bytes. */
export function openRaw(port: number, request: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.write(request, 'latin1', () => resolve(socket.off('error', reject)))
  })
}
