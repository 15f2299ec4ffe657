import { once as event } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Contestant, together } from './contest.js'

export type Answer = { readonly status: number; readonly head: string; readonly body: string }
/** What one connection asks, over and over; `accept` throws when an answer is wrong. */
export type Exchange = { request(): string; accept(answer: Answer): void }

/** The bytes of a POST, made once and sent often. */
export function post(url: string, body: string, headers: Readonly<Record<string, string>>): string {
  const { host, pathname } = new URL(url)
  const all = { host, 'content-length': String(Buffer.byteLength(body)), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}

export function get(url: string, headers: Readonly<Record<string, string>> = {}): string {
  const { host, pathname } = new URL(url)
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${pathname} HTTP/1.1\r\n${lines.join('')}\r\n`
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
export const JSON_BODY = { 'content-type': 'application/json' }
/** A client's or an API's credentials, RFC 6749 §2.3.1. */
export const basic = (id: string, secret: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})

/** The answer as JSON; throws when it is no success. */
export function success({ status, head, body }: Answer): Record<string, unknown> {
  if (status !== 200) throw new Error(`The server refuses:\n${head}\n\n${body}`)
  return JSON.parse(body)
}

/** Keeps as many connections busy as there are exchanges. */
export async function overHttp(url: string, exchanges: readonly Exchange[]): Promise<Contestant> {
  return together(await linesTo(url, exchanges))
}

/** A connection for each exchange; each does it once whenever it is called, one at a time. */
export function linesTo(url: string, exchanges: readonly Exchange[]): Promise<(() => Promise<void>)[]> {
  return Promise.all(
    exchanges.map(async ({ request, accept }) => {
      const send = await openConnection(url)
      return async () => accept(await send(request()))
    }),
  )
}

/** One request over a connection of its own. */
export async function once(request: string, url: string): Promise<Answer> {
  return (await openConnection(url))(request)
}

/**
 * A kept-alive connection that has one request under way at a time, opened again when the server has closed it in between. It does as
 * little as an HTTP client can, so that the server is what is measured, and not its client: `fetch` costs more than most of what it
 * would ask for.
 */
export async function openConnection(url: string): Promise<(request: string) => Promise<Answer>> {
  let send = await openSocket(url)
  return async (request) => {
    if (send.closed()) send = await openSocket(url)
    return send.over(request)
  }
}

async function openSocket(url: string) {
  const { hostname, port } = new URL(url)
  const socket: Socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await event(socket, 'connect')
  socket.setEncoding('latin1')
  let received = ''
  let closed = false
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined

  socket.on('data', (chunk: string) => {
    received += chunk
    const answer = readAnswer(received)
    if (!answer) return
    received = ''
    waiting?.resolve(answer)
    waiting = undefined
  })
  const end = (error: Error) => {
    closed = true
    waiting?.reject(error)
    waiting = undefined
  }
  const left = () => end(new Error('The server closed a connection that was in use.'))
  socket.on('error', end).on('end', left).on('close', left)

  return {
    closed: () => closed,
    over: (request: string): Promise<Answer> =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request, 'latin1')
      }),
  }
}

/** Undefined while it is not all there; the server gives the length of everything it answers. RFC 9112 §6.3. */
function readAnswer(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const head = text.slice(0, end)
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1])
  const body = text.slice(end + 4)
  return body.length < length ? undefined : { status: Number(head.slice(9, 12)), head, body }
}
