import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createFetcher, type FetcherOptions, type FetchLog, type FetchOptions } from '../../../src/outbound/fetch.js'
import { FetchError } from '../../../src/outbound/fetch-error.js'
import { eventually } from '../../support/eventually.js'

const fixture = (name: string) => readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
const ca = fixture('keys.test.cert.pem')
const LIMITS: FetchOptions = { registeredBy: 'operator', maxBytes: 1000, timeoutMs: 20_000 }

let open: { server: Server; sockets: Set<Socket> }[] = []
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const { server, sockets } of open) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  open = []
})

/** A server on loopback: its port, and the requests (or connections) it got. */
async function listen<S extends Server>(server: S): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({ server, sockets })
  return (server.address() as AddressInfo).port
}

const serve = (listener: RequestListener) => listen(createServer(listener))
const serveRaw = (answer: string) =>
  listen(createTcpServer((socket) => socket.on('data', () => socket.write(answer)).on('error', () => {})))
const serveJson = (body: unknown) => serve((_request, response) => sendJson(response, body))

function sendJson(response: ServerResponse, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(200, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function fetcher(options: Partial<FetcherOptions> = {}) {
  const asked: string[] = []
  const logged: FetchLog[] = []
  const made = createFetcher({
    allow: ['127.0.0.0/8'],
    userAgent: 'bulla/test',
    log: (entry) => logged.push(entry),
    resolve: async (name) => {
      asked.push(name)
      return ['127.0.0.1']
    },
    ...options,
  })
  const get = (url: string, limits: Partial<FetchOptions> = {}) => made.fetchJson(url, { ...LIMITS, ...limits })
  const failure = async (url: string, limits: Partial<FetchOptions> = {}): Promise<FetchError> => {
    const error = await get(url, limits).catch((thrown) => thrown)
    if (error instanceof FetchError) return error
    throw new Error('This was to fail with a FetchError.', { cause: error })
  }
  return { get, failure, asked, logged }
}

describe('a request', () => {
  test('gets JSON, and says nothing of this server but its name', async () => {
    let received: string[] = []
    const port = await serve((request, response) => {
      received = [`${request.method} ${request.url}`, ...request.rawHeaders]
      sendJson(response, { keys: [] })
    })
    expect(await fetcher().get(`http://keys.test:${port}/jwks?a=b#c`)).toEqual({ keys: [] })
    const fields = {
      host: `keys.test:${port}`,
      accept: 'application/json, application/*+json',
      'accept-encoding': 'identity',
      'user-agent': 'bulla/test',
      Connection: 'close',
    }
    expect(received).toEqual(['GET /jwks?a=b', ...Object.entries(fields).flat()])
  })

  test('goes to the address that was checked: the name is looked up once', async () => {
    const port = await serveJson('here')
    // A name that no other resolver knows, and whose second answer would be another.
    const answers = [['127.0.0.1'], ['169.254.169.254'], ['169.254.169.254']]
    const resolve = vi.fn(async () => answers.shift() ?? [])
    expect(await fetcher({ resolve }).get(`http://rebinding.test:${port}/`)).toBe('here')
    expect(resolve.mock.calls).toEqual([['rebinding.test', 'operator']])
  })

  test('asks no resolver for an address, and connects to it in its one spelling', async () => {
    const port = await serveJson('here')
    const { get, asked } = fetcher()
    expect(await get(`http://2130706433:${port}/`)).toBe('here')
    expect(await get(`http://[::ffff:127.0.0.1]:${port}/`)).toBe('here')
    expect(asked).toEqual([])
  })

  test('tries the next address when one does not answer', async () => {
    const port = await serveJson('here')
    const { get } = fetcher({ allow: ['localhost.test'], resolve: async () => ['::1', '127.0.0.1'] })
    expect(await get(`http://localhost.test:${port}/`)).toBe('here')
  })

  test('goes to no proxy', async () => {
    const port = await serveJson('here')
    for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY']) vi.stubEnv(name, 'http://127.0.0.1:9')
    vi.stubEnv('NODE_USE_ENV_PROXY', '1')
    expect(await fetcher().get(`http://keys.test:${port}/`)).toBe('here')
  })

  test('is never sent to a private address for a client, whatever is allowed', async () => {
    let connections = 0
    const port = await listen(createTcpServer(() => (connections += 1)))
    const { failure } = fetcher({ allow: ['0.0.0.0/0', '::/0', 'keys.test'] })
    for (const host of ['keys.test', '127.0.0.1', '[::1]', '0x7f.1', '[::ffff:7f00:1]']) {
      const error = await failure(`https://${host}:${port}/`, { registeredBy: 'client' })
      expect(error.reason).toBe('address_refused')
    }
    expect((await failure(`http://keys.test:${port}/`, { registeredBy: 'client' })).reason).toBe('scheme_refused')
    expect(connections).toBe(0)
  })
})

describe('over TLS', () => {
  const key = fixture('keys.test.key.pem')
  const serveTls = async () => {
    const names: unknown[] = []
    const server = createTlsServer({ key, cert: ca }, (_request, response) => sendJson(response, 'sealed'))
    server.on('secureConnection', (socket) => names.push(socket.servername))
    return { port: await listen(server), names }
  }

  test('asks for the name while it connects to the address', async () => {
    const { port, names } = await serveTls()
    expect(await fetcher({ ca }).get(`https://keys.test:${port}/`)).toBe('sealed')
    expect(names).toEqual(['keys.test'])
    expect(await fetcher({ ca }).get(`https://127.0.0.1:${port}/`)).toBe('sealed')
    expect(await fetcher({ ca }).get(`https://[::ffff:127.0.0.1]:${port}/`)).toBe('sealed')
  })

  test.each([
    { name: 'of another name', host: 'other.test', ca, code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    { name: 'of an authority nobody trusts', host: 'keys.test', ca: undefined, code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
  ])('refuses a certificate $name, and no environment says otherwise', async ({ host, ca: authority, code }) => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
    const { port } = await serveTls()
    const error = await fetcher(authority ? { ca: authority } : {}).failure(`https://${host}:${port}/`)
    expect([error.reason, error.detail]).toEqual(['connection_failed', code])
  })

  test('does not fall back to http', async () => {
    const port = await serveJson('plain')
    expect((await fetcher({ ca }).failure(`https://keys.test:${port}/`)).reason).toBe('connection_failed')
  })
})

describe('an answer', () => {
  test.each([200, 201, 204, 206, 301, 302, 303, 304, 307, 308, 401, 404, 500])('with status %i', async (status) => {
    let followed = 0
    const target = await serve(() => (followed += 1))
    const port = await serve((_request, response) => {
      response.writeHead(status, { 'content-type': 'application/json', location: `http://127.0.0.1:${target}/` })
      response.end('"body"')
    })
    const { get, failure } = fetcher()
    if (status === 200) expect(await get(`http://keys.test:${port}/`)).toBe('body')
    else {
      const error = await failure(`http://keys.test:${port}/`)
      expect([error.reason, error.detail]).toEqual(['status_refused', String(status)])
    }
    expect(followed).toBe(0)
  })

  test('after an early hint counts, the hint does not', async () => {
    const port = await serve((_request, response) => {
      response.writeEarlyHints({ link: '</a>; rel=preload' }, () => sendJson(response, 'late'))
    })
    expect(await fetcher().get(`http://keys.test:${port}/`)).toBe('late')
  })

  test('that changes the protocol is refused', async () => {
    const port = await serveRaw('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n')
    expect((await fetcher().failure(`http://keys.test:${port}/`)).reason).toBe('connection_failed')
  })

  test.each([
    { type: 'application/json; charset=utf-8', accepted: true },
    { type: 'Application/JSON', accepted: true },
    { type: 'application/jwk-set+json', accepted: true },
    { type: 'application/+json', accepted: false },
    { type: 'application/jsonp', accepted: false },
    { type: 'text/html', accepted: false },
    { type: 'text/json', accepted: false },
    { type: 'text/plain; application/json', accepted: false },
    { type: '', accepted: false },
  ])('of type "$type"', async ({ type, accepted }) => {
    const port = await serve((_request, response) => sendJson(response, 'body', { 'content-type': type }))
    const outcome = await fetcher()
      .get(`http://keys.test:${port}/`)
      .catch((error) => error.reason)
    expect(outcome).toBe(accepted ? 'body' : 'content_type_refused')
  })

  test('of a type that was not asked for is refused', async () => {
    const port = await serveJson('body')
    const error = await fetcher().failure(`http://keys.test:${port}/`, { accept: ['application/jwk-set+json'] })
    expect(error.reason).toBe('content_type_refused')
  })

  test.each(['gzip', 'br', 'deflate', 'gzip, identity', 'GZIP'])(
    'compressed by %s is refused unread',
    async (encoding) => {
      const bomb = gzipSync(Buffer.alloc(10_000_000))
      const port = await serve((_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        response.end(bomb)
      })
      const error = await fetcher().failure(`http://keys.test:${port}/`, { maxBytes: 100_000_000 })
      expect(error.reason).toBe('content_encoding_refused')
    },
  )

  test.each([
    { name: 'of as many bytes as it may have', bytes: 1000, declared: true, accepted: true },
    { name: 'that says it has one more', bytes: 1001, declared: true, accepted: false },
    { name: 'that has one more without saying so', bytes: 1001, declared: false, accepted: false },
  ])('$name', async ({ bytes, declared, accepted }) => {
    const body = JSON.stringify('a'.repeat(bytes - 2))
    const port = await serve((_request, response) => {
      response.setHeader('content-type', 'application/json')
      if (declared) response.setHeader('content-length', bytes)
      response.write(body.slice(0, 500))
      response.end(body.slice(500))
    })
    const outcome = await fetcher()
      .get(`http://keys.test:${port}/`)
      .catch((error) => error.reason)
    expect(outcome).toBe(accepted ? JSON.parse(body) : 'too_large')
  })

  test('that says it is too large is not waited for', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1001 }).flushHeaders()
    })
    expect((await fetcher().failure(`http://keys.test:${port}/`)).reason).toBe('too_large')
  })

  test('that is refused has its connection closed', async () => {
    let closed = false
    const port = await serve((_request, response) => {
      response.writeHead(404).flushHeaders()
      response.on('close', () => {
        closed = true
      })
    })
    await fetcher().failure(`http://keys.test:${port}/`)
    await eventually(() => expect(closed).toBe(true))
  })

  test('without end is read no further than it may be', async () => {
    let written = 0
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))) written += 65_536
        response.once('drain', more)
      }
      more()
    })
    expect((await fetcher().failure(`http://keys.test:${port}/`)).reason).toBe('too_large')
    // What the buffers of two sockets take, at the most.
    expect(written).toBeLessThan(50_000_000)
  })

  test.each([
    { name: 'HTML', body: '<html>' },
    { name: 'nothing', body: '' },
    { name: 'half of JSON', body: '{"a":' },
    { name: 'two of JSON', body: '{}{}' },
    { name: 'text that is not UTF-8', body: Buffer.from([0x22, 0xff, 0x22]) },
    { name: 'UTF-16', body: Buffer.from('"a"', 'utf16le') },
  ])('that is $name is refused', async ({ body }) => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(body)
    })
    expect((await fetcher().failure(`http://keys.test:${port}/`)).reason).toBe('not_json')
  })

  test('that breaks off is refused', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 })
      response.write('"body"', () => response.destroy())
    })
    const error = await fetcher().failure(`http://keys.test:${port}/`)
    expect([error.reason, error.detail]).toEqual(['connection_failed', 'ECONNRESET'])
  })

  test.each([
    { name: 'too many bytes', fields: `x: ${'a'.repeat(8192)}\r\n` },
    { name: 'too many fields', fields: 'x: a\r\n'.repeat(100) },
  ])('whose header has $name is refused', async ({ fields }) => {
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n${fields}`
    const port = await serveRaw(`${head}content-length: 2\r\n\r\n{}`)
    expect((await fetcher().failure(`http://keys.test:${port}/`)).reason).toBe('headers_too_large')
  })

  test('that is not HTTP is refused', async () => {
    const port = await serveRaw('SSH-2.0-OpenSSH\r\n')
    const error = await fetcher().failure(`http://keys.test:${port}/`)
    expect([error.reason, error.detail]).toEqual(['connection_failed', 'HPE_INVALID_CONSTANT'])
  })
})

describe('time runs out', () => {
  const hurried = { timeoutMs: 400 }

  test('while a name is looked up', async () => {
    const { failure } = fetcher({ resolve: () => new Promise(() => {}) })
    expect((await failure('http://keys.test:8080/', hurried)).reason).toBe('timeout')
  })

  test('while TLS is agreed on', async () => {
    const port = await listen(createTcpServer())
    expect((await fetcher().failure(`https://keys.test:${port}/`, hurried)).reason).toBe('timeout')
  })

  test('while the head drips in, and the connection is closed', async () => {
    let closed = false
    const port = await listen(
      createTcpServer((socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        const drip = setInterval(() => socket.write('x: a\r\n'), 20)
        socket.on('close', () => {
          clearInterval(drip)
          closed = true
        })
      }),
    )
    expect((await fetcher().failure(`http://keys.test:${port}/`, hurried)).reason).toBe('timeout')
    await eventually(() => expect(closed).toBe(true))
  })

  test('while the body drips in', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    expect((await fetcher().failure(`http://keys.test:${port}/`, hurried)).reason).toBe('timeout')
  })
})

test('four requests at a time go to one host, the others wait and are answered', async () => {
  let now = 0
  let most = 0
  const held: (() => void)[] = []
  const port = await serve((_request, response) => {
    now += 1
    most = Math.max(most, now)
    held.push(() => {
      now -= 1
      sendJson(response, 'done')
    })
  })
  const { get } = fetcher()
  const answers = Promise.all(Array.from({ length: 10 }, (_, i) => get(`http://keys.test:${port}/${i}`)))
  for (let answered = 0; answered < 10; answered += 1) {
    await eventually(() => expect(held.length).toBe(Math.min(4, 10 - answered)))
    held.shift()?.()
  }
  expect(await answers).toHaveLength(10)
  expect(most).toBe(4)
})

test("clients' URLs never keep an operator's waiting", async () => {
  const port = await serveJson('here')
  const { get } = fetcher({
    resolve: (_name, by) => (by === 'client' ? new Promise(() => {}) : Promise.resolve(['127.0.0.1'])),
  })
  const client = { registeredBy: 'client', timeoutMs: 1000 } as const
  const flood = Promise.allSettled(Array.from({ length: 300 }, () => get(`https://keys.test:${port}/`, client)))
  expect(await get(`http://keys.test:${port}/`)).toBe('here')
  const reasons = (await flood).map((each) => each.status === 'rejected' && each.reason.reason)
  // Four looked up, 256 waited, the rest were turned away.
  expect(reasons.filter((reason) => reason === 'timeout')).toHaveLength(260)
  expect(reasons.filter((reason) => reason === 'host_busy')).toHaveLength(40)
})

test('a host is free again after every failure', async () => {
  const port = await serve((_request, response) => response.destroy())
  const { failure } = fetcher()
  for (let i = 0; i < 10; i += 1) expect((await failure(`http://keys.test:${port}/`)).reason).toBe('connection_failed')
})

test('an error repeats nothing that the other side said', async () => {
  const quote = 'QUOTE-ME'
  const page = `HTTP/1.1 200 ${quote}\r\ncontent-type: application/json\r\n`
  const answers = [
    `HTTP/1.1 404 ${quote}\r\n\r\n`,
    `HTTP/1.1 301 Moved\r\nlocation: http://${quote}/\r\n\r\n`,
    `${page}content-length: 8\r\n\r\n${quote}`,
    `${page}content-encoding: ${quote}\r\n\r\n`,
    `HTTP/1.1 200 OK\r\ncontent-type: ${quote}\r\n\r\n`,
    `${page}${quote}\r\n\r\n`,
    `${quote}\r\n\r\n`,
  ]
  const ports = await Promise.all(answers.map(serveRaw))
  const tls = await listen(createTlsServer({ key: fixture('keys.test.key.pem'), cert: ca }))
  const urls = [...ports.map((port) => `http://keys.test:${port}/`), `https://other.test:${tls}/`]
  for (const url of urls) {
    const { failure, logged } = fetcher({ ca })
    const error = await failure(url)
    const shown = [error.message, error.stack, error.detail, JSON.stringify(error), String(error.cause), ...logged]
    expect(JSON.stringify(shown)).not.toContain(quote)
  }
})

test('the log has every fetch: where, for whom, how it ended, and nothing that the path may hide', async () => {
  const port = await serveJson('here')
  const { get, failure, logged } = fetcher()
  await get(`http://keys.test:${port}/capability?token=secret`)
  await failure('https://user:secret@keys.test/', { registeredBy: 'client' })
  await failure('https://10.0.0.1/')
  await failure('secret')
  const registeredBy = 'operator'
  const milliseconds = expect.any(Number)
  expect(logged).toEqual([
    { origin: `http://keys.test:${port}`, registeredBy, outcome: 'fetched', detail: undefined, milliseconds },
    {
      origin: 'https://keys.test',
      registeredBy: 'client',
      outcome: 'userinfo_refused',
      detail: undefined,
      milliseconds,
    },
    { origin: 'https://10.0.0.1', registeredBy, outcome: 'address_refused', detail: '10.0.0.1', milliseconds },
    { origin: undefined, registeredBy, outcome: 'url_malformed', detail: undefined, milliseconds },
  ])
})

test('a name of this machine is found when an operator registered it', async () => {
  const port = await serveJson('here')
  const { fetchJson } = createFetcher({ allow: ['localhost'], userAgent: 'bulla/test' })
  expect(await fetchJson(`http://localhost:${port}/`, LIMITS)).toBe('here')
})
