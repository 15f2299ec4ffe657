import { EventEmitter, once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import { createConnection } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttpServer, type HttpServer } from '../../src/http/server.js'
import { openRaw, sendRaw } from '../support/http.js'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const hello: RequestListener = (_req, res) => res.end('hello')

describe('createHttpServer', () => {
  const servers: HttpServer[] = []
  afterEach(() => Promise.all(servers.splice(0).map((server) => server.close(0))))

  const start = async (listener = hello, limits: Parameters<typeof createHttpServer>[1] = {}) => {
    const server = createHttpServer(listener, limits)
    servers.push(server)
    const { port } = await server.listen(0, '127.0.0.1')
    return { server, port }
  }

  /** A server whose answers the test gives: `next` is the one that is asked for next. */
  const startByHand = async () => {
    const calls = new EventEmitter()
    const { server, port } = await start((_req, res) => void calls.emit('called', res))
    const next = async (): Promise<ServerResponse> => (await once(calls, 'called'))[0]
    return { server, port, next }
  }

  it('rejects when the port is taken', async () => {
    const { port } = await start()
    await expect(createHttpServer(hello).listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  it.each([
    { name: 'garbage', request: 'garbage\r\n\r\n', status: 400 },
    { name: 'no Host', request: 'GET / HTTP/1.1\r\n\r\n', status: 400 },
    { name: 'a header line that is folded', request: 'GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\r\n', status: 400 },
    { name: 'a space before the colon', request: 'GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n', status: 400 },
    { name: 'two lengths', request: `${GET.slice(0, -2)}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`, status: 400 },
    {
      name: 'length and chunks',
      request: `${GET.slice(0, -2).replace('GET', 'POST')}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
      status: 400,
    },
    { name: 'a head of 17 KB', request: `${GET.slice(0, -2)}X: ${'a'.repeat(17_000)}\r\n\r\n`, status: 431 },
  ])('answers $name with $status', async ({ request, status }) => {
    const { port } = await start()
    const answer = await sendRaw(port, request)
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(answer.toLowerCase()).toContain('connection: close')
  })

  it('answers what is no HTTP as JSON, with a length that is right', async () => {
    const { port } = await start()
    const [head = '', body = ''] = (await sendRaw(port, 'garbage\r\n\r\n')).split('\r\n\r\n')
    expect(JSON.parse(body)).toMatchObject({ error: 'invalid_request' })
    expect(head).toContain(`content-length: ${body.length}`)
    expect(head).toContain('content-type: application/json')
  })

  it('takes a head of 15 KB', async () => {
    const { port } = await start()
    const request = `${GET.slice(0, -2)}X: ${'a'.repeat(15_000)}\r\nConnection: close\r\n\r\n`
    expect(await sendRaw(port, request)).toMatch(/^HTTP\/1.1 200 /)
  })

  it('cuts off who never ends the head', async () => {
    const { port } = await start(hello, { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 })
    expect(await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX: ')).toMatch(/^HTTP\/1.1 408 /)
  })

  it('cuts off who never ends the body', async () => {
    const waiting: RequestListener = (req, res) => req.resume().once('end', () => res.end('hello'))
    const { port } = await start(waiting, { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 })
    const answer = await sendRaw(port, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\na')
    expect(answer).not.toMatch(/^HTTP\/1.1 200/)
  })

  it('does not answer the second request of a connection before the first', async () => {
    const { port, next } = await startByHand()
    const called = next()
    const answered = sendRaw(port, `${GET}garbage\r\n\r\n`)
    await called
    expect(await answered).toBe('')
  })

  it('tells a caller that sends nonsense after an answer', async () => {
    const { port } = await start()
    const socket = await openRaw(port, GET)
    await once(socket, 'data')
    const ended = text(socket)
    socket.write('garbage\r\n\r\n')
    expect(await ended).toMatch(/^HTTP\/1.1 400 /)
  })

  describe('close', () => {
    it('lets a request in flight finish, and says that the connection ends', async () => {
      const { server, port, next } = await startByHand()
      const called = next()
      const answered = sendRaw(port, GET)
      const res = await called
      const closed = server.close(60_000)
      res.end('hello')
      expect(await answered).toMatch(/^HTTP\/1.1 200 [\s\S]*connection: close[\s\S]*hello$/i)
      await closed
    })

    it('ends a connection once its last answer is over whose head said nothing of that', async () => {
      const { server, port, next } = await startByHand()
      const called = next()
      const answered = sendRaw(port, GET)
      const res = await called
      res.write('hel')
      const closed = server.close(60_000)
      res.end('lo')
      expect(await answered).not.toMatch(/connection: close/i)
      await closed
    })

    it('answers what was asked meanwhile on a connection in use, and says that it ends', async () => {
      const { server, port, next } = await startByHand()
      const called = next()
      const socket = await openRaw(port, GET)
      const first = await called
      first.write('hel')
      const closed = server.close(60_000)
      const calledAgain = next()
      socket.write(GET)
      const second = await calledAgain
      const answered = text(socket)
      first.end('lo')
      second.end('second')
      expect(await answered).toMatch(/HTTP\/1.1 200 [\s\S]*HTTP\/1.1 200 [\s\S]*connection: close[\s\S]*second/i)
      await closed
    })

    it('takes no new connection', async () => {
      const { server, port } = await start()
      await server.close(60_000)
      await expect(sendRaw(port, GET)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    })

    it('ends connections that carry nothing at once: kept alive, never used, and half a head', async () => {
      const { server, port } = await start()
      const kept = await openRaw(port, GET)
      await once(kept, 'data')
      const unused = createConnection(port, '127.0.0.1')
      await once(unused, 'connect')
      const partial = await openRaw(port, 'GET / HT')
      // Answered once the server has accepted the connections before it.
      await sendRaw(port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
      const ended = [kept, unused, partial].map((socket) => {
        socket.on('error', () => {})
        return new Promise((resolve) => socket.resume().once('close', resolve))
      })
      await server.close(3_600_000)
      await Promise.all(ended)
    })

    it('cuts what is still in flight when the grace is over', async () => {
      const { server, port, next } = await startByHand()
      const called = next()
      const answered = sendRaw(port, GET).catch(() => 'cut')
      await called
      await server.close(10)
      expect(['', 'cut']).toContain(await answered)
    })
  })
})
