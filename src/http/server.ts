import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** Milliseconds; each a bound on what one caller can hold. */
const LIMITS = {
  /** A request's head: slow senders are cut off here. */
  headersTimeout: 10_000,
  /** Head and body together. */
  requestTimeout: 30_000,
  /** How often the two above are looked at. */
  connectionsCheckingInterval: 2_000,
  /** Longer than the minute that load balancers keep theirs, else they send into a connection we just closed. */
  keepAliveTimeout: 65_000,
  /** Bytes of a request's head. A token of 7 KB must fit, and a proxy's own headers. */
  maxHeaderSize: 16_384,
} as const

// A socket on which nothing moves at all while it is our turn: a reader that stopped reading.
const IDLE_TIMEOUT = 120_000

export interface HttpServer {
  /** Starts to accept; rejects with Node's error (`EADDRINUSE`, `EACCES`). Port 0 takes a free one. */
  listen(port: number, host: string): Promise<AddressInfo>
  /** Stops accepting, lets requests in flight finish for up to `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>
}

/** An HTTP/1.1 server with limits set on purpose. `limits` is for tests. */
export function createHttpServer(
  listener: RequestListener,
  limits: Partial<Record<keyof typeof LIMITS, number>> = {},
): HttpServer {
  const connections = trackConnections()
  const server = createServer(
    { ...LIMITS, ...limits, requireHostHeader: true, insecureHTTPParser: false },
    (req, res) => {
      connections.began(res)
      listener(req, res)
    },
  )
  // Node would not refuse what is beyond a number, but leave it out: a proxy adds what it knows at the end.
  server.maxHeadersCount = 0
  server.timeout = IDLE_TIMEOUT
  server.on('connection', connections.opened)
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Before a request in flight was answered, its caller would take this for that answer.
    if (!socket.writable || error.code === 'ECONNRESET' || connections.busy(socket)) socket.destroy()
    else socket.end(refusal(error.code))
  })
  return {
    listen: (port, host) =>
      new Promise((resolve, reject) => {
        server.once('error', reject)
        server.listen(port, host, () => {
          server.off('error', reject)
          resolve(addressOf(server))
        })
      }),
    close: (graceMs) =>
      new Promise((resolve) => {
        const cut = setTimeout(() => server.closeAllConnections(), graceMs)
        server.close(() => {
          clearTimeout(cut)
          resolve()
        })
        connections.drain()
      }),
  }
}

function addressOf(server: Server): AddressInfo {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  return address
}

/**
 * Which connections carry requests. Node's own `closeIdleConnections` spares those that never sent one. `began` is told of each request
 * before it is answered: a listener of its own for that costs every request more than what it does.
 */
function trackConnections() {
  const inFlight = new Map<Socket, Set<ServerResponse>>()
  let draining = false
  function ended(this: ServerResponse) {
    const { socket } = this.req
    const others = inFlight.get(socket)
    others?.delete(this)
    if (draining && others?.size === 0) socket.destroySoon()
  }
  return {
    opened: (socket: Socket) => {
      inFlight.set(socket, new Set())
      socket.once('close', () => inFlight.delete(socket))
    },
    began: (res: ServerResponse) => {
      inFlight.get(res.req.socket)?.add(res)
      if (draining) res.setHeader('connection', 'close')
      res.on('close', ended)
    },
    busy: (socket: Socket) => (inFlight.get(socket)?.size ?? 0) > 0,
    drain: () => {
      draining = true
      for (const [socket, responses] of inFlight) {
        if (responses.size === 0) socket.destroy()
        for (const res of responses) if (!res.headersSent) res.setHeader('connection', 'close')
      }
    },
  }
}

// What Node's parser could not make a request of, RFC 9110 §15.5.
const REFUSALS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431, // RFC 6585 §5
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

function refusal(code = ''): string {
  const status = REFUSALS[code] ?? 400
  const body = JSON.stringify({ error: 'invalid_request', error_description: 'The request is not valid HTTP.' })
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/json',
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
    `content-length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}
