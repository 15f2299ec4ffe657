import { EventEmitter, once } from 'node:events'
import { expect, it, vi } from 'vitest'
import type { StreamWriter } from '../../src/http/handler.js'
import type { IssuerRoute } from '../../src/http/route.js'
import { testApp } from '../support/app.js'
import { eventually } from '../support/eventually.js'
import { overBothTransports } from '../support/http.js'

type Stream = (writer: StreamWriter) => void

const routes: readonly IssuerRoute<Stream>[] = [
  {
    name: 'stream',
    path: '/stream',
    timeout: 0.05,
    methods: { GET: async (_, stream) => ({ status: 200, headers: { 'content-type': 'text/event-stream' }, stream }) },
  },
]
const app = (stream: Stream, context = {}) => testApp(routes, { deps: stream, ...context })
const hello = Buffer.from('hello')

overBothTransports('a stream', (reach) => {
  it('goes on after its head, past the time a handler has, until it is ended', async () => {
    const observe = vi.fn()
    const application = app(
      (writer) => {
        writer.write(hello)
        setTimeout(() => {
          writer.write(hello)
          writer.end()
        }, 150)
      },
      { observe },
    )
    const { agent } = await reach(application)
    const { text, headers } = await agent.get('/stream').buffer(true).expect(200)
    expect(text).toBe('hellohello')
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    expect(headers).not.toHaveProperty('content-length')
    await eventually(() => expect(application.lines()).toMatchObject([{ route: 'stream', status: 200 }]))
    const [line] = application.lines()
    // The log says how long the stream was, the measurement how long its head took.
    expect(line?.['ms']).toBeGreaterThan(100)
    expect(observe.mock.calls).toEqual([['stream', 200, expect.any(Number)]])
    expect(observe.mock.calls[0]?.[2]).toBeLessThan(0.1)
  })

  it('is told when the caller hangs up, which is nobody’s failure', async () => {
    const calls = new EventEmitter()
    const application = app((writer) => {
      writer.signal.addEventListener('abort', () => {
        // What is written to nobody does no harm.
        expect(writer.write(hello)).toBe(false)
        writer.end()
        calls.emit('over')
      })
      writer.write(hello)
    })
    const { open } = await reach(application)
    const over = once(calls, 'over')
    const socket = await open('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    expect(application.lines()).toEqual([])
    socket.destroy()
    await over
    await eventually(() => expect(application.lines()).toMatchObject([{ status: 200 }]))
    expect(application.lines()[0]).not.toHaveProperty('reason')
  })

  it('says how much waits for a reader that does not read, and when it has', async () => {
    const writers: StreamWriter[] = []
    const { open } = await reach(app((writer) => void writers.push(writer)))
    const socket = await open('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
    await once(socket, 'data')
    socket.pause()
    const [writer] = writers
    if (!writer) throw new Error('There is a stream.')
    const immediately = vi.fn()
    writer.onDrain(immediately)
    expect(immediately).toHaveBeenCalledOnce()
    const block = Buffer.alloc(1_000_000)
    while (writer.buffered() < 5_000_000) {
      writer.write(block)
      await new Promise(setImmediate)
    }
    const drained = vi.fn()
    writer.onDrain(drained)
    await new Promise(setImmediate)
    expect(drained).not.toHaveBeenCalled()
    socket.resume()
    await eventually(() => expect(drained).toHaveBeenCalledOnce())
    expect(writer.buffered()).toBe(0)
    writer.destroy()
    await once(socket, 'close')
    await eventually(() => expect(writer.signal.aborted).toBe(true))
  })

  it('is not begun for HEAD, and ends with the connection for HTTP/1.0', async () => {
    const begun = vi.fn((writer: StreamWriter) => {
      writer.write(hello)
      writer.end()
    })
    const { raw } = await reach(app(begun))
    const head = await raw('HEAD /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 200 [\s\S]*text\/event-stream[\s\S]*\r\n\r\n$/)
    expect(begun).not.toHaveBeenCalled()
    const old = await raw('GET /stream HTTP/1.0\r\nHost: a\r\n\r\n')
    expect(old).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n\r\nhello$/)
    expect(old.toLowerCase()).not.toContain('transfer-encoding')
  })

  it('is begun only when the answers before it on the connection have gone out', async () => {
    const writers: StreamWriter[] = []
    const { open } = await reach(app((writer) => void writers.push(writer)))
    const request = 'GET /stream HTTP/1.1\r\nHost: a\r\n\r\n'
    const socket = await open(request.repeat(2))
    let text = ''
    socket.on('data', (data) => {
      text += data
    })
    await vi.waitFor(() => expect(writers).toHaveLength(1))
    writers[0]?.end()
    await vi.waitFor(() => expect(writers).toHaveLength(2))
    writers[1]?.write(hello)
    await vi.waitFor(() => expect(text).toMatch(/^HTTP\/1.1 200 [\s\S]*\r\n0\r\n\r\nHTTP\/1.1 200 [\s\S]*hello/))
    socket.destroy()
    await vi.waitFor(() => expect(writers[1]?.signal.aborted).toBe(true))
  })

  it('is not begun where the caller hangs up while answers before it are under way', async () => {
    const writers: StreamWriter[] = []
    const application = app((writer) => void writers.push(writer))
    const { open } = await reach(application)
    const socket = await open('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20))
    await once(socket, 'data')
    socket.destroy()
    await vi.waitFor(() => expect(application.lines()).toHaveLength(20))
    expect(writers).toHaveLength(1)
    expect(writers.filter(({ signal }) => !signal.aborted)).toEqual([])
  })

  it('that fails at its begin is cut off and logged', async () => {
    const application = app(() => {
      throw new Error('no stream')
    })
    const { raw } = await reach(application)
    await raw('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n').catch(() => {})
    await eventually(() => expect(application.lines()).toMatchObject([{ err: { message: 'no stream' } }]))
  })
})
