import { getEventListeners } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createIssuerHttp, IssuerUnreachable } from '../../../src/resource-server/issuer-http.js'
import { eventually } from '../../support/eventually.js'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** A real server, and what was asked of it. */
async function serve(listener: RequestListener) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    listener(request, response)
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const USUAL = { maxBytes: 1_000, timeout: 20_000 }

describe('a request to the issuer', () => {
  it('gives the whole answer, whatever its status', async () => {
    const { url } = await serve((_, response) => response.writeHead(418, { 'x-one': '1' }).end('short'))
    const { status, headers, body } = await createIssuerHttp(url).request(`${url}/a`, USUAL)
    expect({ status, one: headers.get('x-one'), body }).toEqual({ status: 418, one: '1', body: 'short' })
  })

  it('sends a form', async () => {
    let sent = ''
    const { url, asked } = await serve((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => {
        sent += text
      })
      request.on('end', () => response.end())
    })
    const form = new URLSearchParams({ token: 'a b&c' })
    await createIssuerHttp(url).request(`${url}/introspect`, { ...USUAL, form })
    expect({ asked, sent }).toEqual({ asked: ['POST /introspect'], sent: 'token=a+b%26c' })
  })

  it.each([301, 302, 303, 307, 308])('follows no %i, wherever it leads', async (status) => {
    const other = await serve((_, response) => response.end('{}'))
    for (const location of [other.url, '/elsewhere', 'file:///etc/passwd', 'http://169.254.169.254/']) {
      const { url, asked } = await serve((_, response) => response.writeHead(status, { location }).end())
      await expect(createIssuerHttp(url).request(url, USUAL)).rejects.toThrow(IssuerUnreachable)
      expect(asked).toHaveLength(1)
    }
    expect(other.asked).toEqual([])
  })

  it('goes to no other origin', async () => {
    const { url, asked } = await serve((_, response) => response.end())
    const other = await serve((_, response) => response.end())
    const { port } = new URL(url)
    const http = createIssuerHttp(url)
    const elsewhere = [
      other.url,
      `http://localhost:${port}/`,
      `https://127.0.0.1:${port}/`,
      `http://127.0.0.1.example:${port}/`,
      'file:///etc/passwd',
      'data:application/json,{}',
      '/jwks',
      '',
    ]
    for (const address of elsewhere) {
      await expect(http.request(address, USUAL)).rejects.toThrow('nothing else is asked')
      const { signal } = new AbortController()
      await expect(http.open(address, { timeout: 1_000, signal })).rejects.toThrow('nothing else is asked')
    }
    expect([...asked, ...other.asked]).toEqual([])
  })

  it('reads no more than it may, counted as it is decoded', async () => {
    const { url } = await serve((request, response) => {
      const bomb = gzipSync(Buffer.alloc(50_000_000))
      if (request.url === '/bomb') response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb)
      else response.end('x'.repeat(1_001))
    })
    const http = createIssuerHttp(url)
    await expect(http.request(`${url}/bomb`, USUAL)).rejects.toThrow('larger than 1000 bytes')
    await expect(http.request(`${url}/long`, USUAL)).rejects.toThrow('larger than 1000 bytes')
    expect((await http.request(`${url}/long`, { ...USUAL, maxBytes: 1_001 })).body).toHaveLength(1_001)
  })

  it.each([
    { name: 'no answer', listener: () => {} },
    { name: 'no end of one', listener: ((_, response) => void response.write('{')) as RequestListener },
  ])('waits no longer than it may: $name', async ({ listener }) => {
    const { url } = await serve(listener)
    await expect(createIssuerHttp(url).request(url, { ...USUAL, timeout: 50 })).rejects.toThrow('50 ms')
    await eventually(async () => {
      const open = await new Promise<number>((resolve) => servers.at(-1)?.getConnections((_, count) => resolve(count)))
      expect(open).toBe(0)
    })
  })

  it('waits no longer than it may where a fetch of somebody’s own knows no end', async () => {
    const http = createIssuerHttp('https://login.example', () => new Promise(() => {}))
    await expect(http.request('https://login.example/jwks', { ...USUAL, timeout: 20 })).rejects.toThrow('20 ms')
    const { signal } = new AbortController()
    await expect(http.open('https://login.example/', { timeout: 20, signal })).rejects.toThrow('20 ms')
  })

  it('ends when it is told to, and leaves nobody listening', async () => {
    const { url, asked } = await serve((request, response) => {
      if (request.url === '/good') response.end()
    })
    const controller = new AbortController()
    const http = createIssuerHttp(url)
    for (let n = 0; n < 50; n++) await http.request(`${url}/good`, { ...USUAL, signal: controller.signal })

    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    const waiting = http.request(`${url}/never`, { ...USUAL, signal: controller.signal })
    await eventually(() => expect(asked).toContain('GET /never'))
    controller.abort()
    await expect(waiting).rejects.toThrow(IssuerUnreachable)
    await expect(http.request(`${url}/good`, { ...USUAL, signal: controller.signal })).rejects.toThrow(
      IssuerUnreachable,
    )
  })

  it('says why in one line of plain text, whatever is in it', async () => {
    const http = createIssuerHttp('https://login.example', () =>
      Promise.reject(new TypeError('fetch failed', { cause: new Error('one\nline \u001b[31m') })),
    )
    const error = await http.request('https://login.example/jwks?secret=1', USUAL).catch((reason: Error) => reason)
    expect(error).toBeInstanceOf(IssuerUnreachable)
    expect(String(error)).toContain('one\\nline \\u001b[31m')
    expect(String(error)).not.toContain('secret')
  })
})
