import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createFetcher, type FetcherOptions, type FetchLog, type PostOptions } from '../../../src/outbound/fetch.js'
import { FetchError } from '../../../src/outbound/fetch-error.js'
import { eventually } from '../../support/eventually.js'

const open = new Set<{ server: Server; sockets: Set<Socket> }>()
afterEach(async () => {
  for (const { server, sockets } of open) {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  open.clear()
})

/** A server on loopback: its port. */
async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.add({ server, sockets })
  return (server.address() as AddressInfo).port
}
const serve = (listener: RequestListener) => listen(createServer(listener))

function poster(options: Partial<FetcherOptions> = {}) {
  const logged: FetchLog[] = []
  const made = createFetcher({
    allow: ['127.0.0.0/8'],
    userAgent: 'bulla/test',
    log: (entry) => logged.push(entry),
    resolve: async () => ['127.0.0.1'],
    ...options,
  })
  const post = (url: string, more: Partial<PostOptions> = {}) =>
    made.postForm(url, { registeredBy: 'operator', timeoutMs: 20_000, form: { logout_token: 'a.b.c' }, ...more })
  const failure = async (url: string, more: Partial<PostOptions> = {}) => {
    const error = await post(url, more).catch((thrown) => thrown)
    if (error instanceof FetchError) return error.reason
    throw new Error('This was to fail with a FetchError.', { cause: error })
  }
  return { post, failure, logged }
}

test('posts a form with nothing of this server but its name, and answers the status', async () => {
  let received: string[] = []
  const port = await serve(async (request, response) => {
    received = [`${request.method} ${request.url}`, ...request.rawHeaders]
    for await (const chunk of request) received.push(String(chunk))
    response.writeHead(204).end()
  })
  const { post, logged } = poster()
  const form = { logout_token: 'a.b.c', odd: 'ü &=+%' }
  expect(await post(`http://app.test:${port}/out?a=b#c`, { form })).toBe(204)
  const body = 'logout_token=a.b.c&odd=%C3%BC+%26%3D%2B%25'
  const fields = {
    host: `app.test:${port}`,
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
    'accept-encoding': 'identity',
    'user-agent': 'bulla/test',
    Connection: 'close',
  }
  expect(received).toEqual(['POST /out?a=b', ...Object.entries(fields).flat(), body])
  expect(logged).toMatchObject([{ origin: `http://app.test:${port}`, outcome: 'posted' }])
})

test.each([301, 302, 303, 307, 308])('follows no redirect with status %i, and posts nothing twice', async (status) => {
  let asked = 0
  const inner = await serve((_request, response) => {
    asked += 1
    response.end()
  })
  const port = await serve((_request, response) =>
    response.writeHead(status, { location: `http://127.0.0.1:${inner}/` }).end(),
  )
  expect(await poster().post(`http://app.test:${port}/`)).toBe(status)
  expect(asked).toBe(0)
})

test('reads no body: one without end is closed as soon as the status is known', async () => {
  let closed = false
  const port = await serve((request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write('x'.repeat(1000)), 1)
    request.socket.on('close', () => {
      clearInterval(timer)
      closed = true
    })
  })
  expect(await poster().post(`http://app.test:${port}/`)).toBe(200)
  await eventually(() => expect(closed).toBe(true))
})

test('connects to no private address that is not opened', async () => {
  let connections = 0
  const port = await listen(createTcpServer(() => (connections += 1)))
  const { failure } = poster({ allow: [] })
  for (const host of ['app.test', '127.0.0.1', '[::1]', '0x7f.1', '[::ffff:7f00:1]', '169.254.169.254']) {
    expect(await failure(`https://${host}:${port}/`)).toBe('address_refused')
  }
  expect(await poster().failure(`http://app.test:${port}/`, { registeredBy: 'client' })).toBe('scheme_refused')
  expect(connections).toBe(0)
})

test('goes to the address that was checked: the name is looked up once', async () => {
  const port = await serve((_request, response) => response.end())
  const answers = [['127.0.0.1'], ['169.254.169.254']]
  const { post } = poster({ resolve: async () => answers.shift() ?? [] })
  expect(await post(`http://rebinding.test:${port}/`)).toBe(200)
  expect(answers).toHaveLength(1)
})

test('ends in its time, whoever is slow, and tells of it', async () => {
  const port = await listen(createTcpServer(() => {}))
  const { failure, logged } = poster()
  expect(await failure(`http://app.test:${port}/`, { timeoutMs: 100 })).toBe('timeout')
  expect(logged).toMatchObject([{ outcome: 'timeout' }])
})

test('posts to one host no more than four at a time', async () => {
  let most = 0
  const waiting: (() => void)[] = []
  const port = await serve((_request, response) => {
    waiting.push(() => response.end())
    most = Math.max(most, waiting.length)
  })
  const { post } = poster()
  const all = Array.from({ length: 12 }, () => post(`http://app.test:${port}/`))
  for (let answered = 0; answered < 12; answered++) {
    await eventually(() => expect(waiting.length).toBeGreaterThan(0))
    waiting.shift()?.()
  }
  expect(await Promise.all(all)).toEqual(Array.from({ length: 12 }, () => 200))
  expect(most).toBeLessThanOrEqual(4)
})
