import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request as an app got it. */
export type Received = {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export type LogoutReceiver = {
  readonly url: string
  readonly received: Received[]
  /** How it answers from now on; 200 until told. */
  answer(by: (response: ServerResponse, nth: number) => void): void
  close(): Promise<void>
}

/** An app's back channel on loopback, that keeps what it is told. */
export async function logoutReceiver(): Promise<LogoutReceiver> {
  const received: Received[] = []
  const sockets = new Set<Socket>()
  let respond = (response: ServerResponse, _nth: number): void => void response.writeHead(200).end()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const { method, url, headers } = request
    received.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
    respond(response, received.length)
  })
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    received,
    answer: (by) => {
      respond = by
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
