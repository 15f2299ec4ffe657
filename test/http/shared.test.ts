import { describe, expect, it } from 'vitest'
import { cacheable } from '../../src/http/caching.js'
import { notFound } from '../../src/http/errors.js'
import { type HttpRequest, type HttpResponse, json } from '../../src/http/handler.js'
import type { Route } from '../../src/http/route.js'
import { perTurn } from '../../src/http/turn.js'
import { testApp } from '../support/app.js'
import { eventually } from '../support/eventually.js'
import { overBothTransports } from '../support/http.js'
import { hangingUp } from '../support/hung-up.js'

interface Deps {
  readonly act: (request: HttpRequest) => HttpResponse | Promise<HttpResponse>
}

const act = async (request: HttpRequest, deps: Deps) => deps.act(request)
const routes: readonly Route<Deps>[] = [
  { name: 'document', path: '/document', cors: 'any', shared: true, methods: { GET: act } },
  { name: 'own', path: '/own', cors: 'any', methods: { GET: act } },
]

type Ask = { readonly method?: string; readonly target?: string; readonly headers?: Readonly<Record<string, string>> }

/** One piece of bytes: the server reads all of them in one turn. The last one closes the connection. */
function bytesOf(asks: readonly Ask[]): string {
  const request = ({ method = 'GET', target = '/document', headers = {} }: Ask, place: number) => {
    const all = { host: 'id.example.com', ...(place === asks.length - 1 && { connection: 'close' }), ...headers }
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`
  }
  return asks.map(request).join('')
}

const statuses = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
const valuesOf = (answers: string, name: string) =>
  [...answers.matchAll(new RegExp(`^${name}: (.*)\r$`, 'gim'))].map(([, value]) => value)

overBothTransports('requests of one moment', (reach) => {
  async function ask(asks: readonly Ask[], answer: (request: HttpRequest, nth: number) => HttpResponse) {
    const seen: HttpRequest[] = []
    const app = testApp(routes, {
      deps: {
        act: (request) => {
          seen.push(request)
          return answer(request, seen.length)
        },
      },
    })
    const { raw } = await reach(app)
    return { answers: await raw(bytesOf(asks)), seen, lines: app.lines }
  }
  const nth = (_: HttpRequest, n: number) => json(200, { n })

  it('share one answer, each under its own id and with its own line in the log', async () => {
    const { answers, seen, lines } = await ask([{}, {}, {}], nth)
    expect(seen).toHaveLength(1)
    expect(statuses(answers)).toEqual([200, 200, 200])
    expect(answers.match(/\{"n":1\}/g)).toHaveLength(3)
    const ids = valuesOf(answers, 'x-request-id')
    expect(new Set(ids).size).toBe(3)
    expect(lines().map(({ id, tenant, status }) => ({ id, tenant, status }))).toEqual(
      ids.map((id) => ({ id, tenant: 'default', status: 200 })),
    )
    expect(valuesOf(answers, 'access-control-allow-origin')).toEqual(['*', '*', '*'])
  })

  it('have an answer each where an endpoint does not say that it is the same for all', async () => {
    const { seen } = await ask([{ target: '/own' }, { target: '/own' }], nth)
    expect(seen).toHaveLength(2)
  })

  it.each<[string, Ask, Ask]>([
    ['Accept', { headers: { accept: 'a/b' } }, { headers: { accept: 'a/c' } }],
    ['no Accept', { headers: { accept: 'a/b' } }, {}],
    ['an empty Accept', { headers: { accept: '' } }, {}],
    ['which header it is', { headers: { accept: 'gzip' } }, { headers: { 'accept-encoding': 'gzip' } }],
    ['Accept, one by name', { headers: { accept: 'undefined' } }, {}],
    ['Accept, another by name', { headers: { accept: 'null' } }, {}],
    ['Accept-Encoding', { headers: { 'accept-encoding': 'br' } }, { headers: { 'accept-encoding': 'gzip' } }],
    ['query', { target: '/document?a' }, { target: '/document?b' }],
    ['tenant', {}, { target: '/t/acme/document' }],
  ])('have an answer each when they differ in %s', async (_, one, other) => {
    const { answers, seen } = await ask([one, other, one, other], nth)
    expect(seen).toHaveLength(2)
    expect([...answers.matchAll(/\{"n":(\d)\}/g)].map(([, n]) => n)).toEqual(['1', '2', '1', '2'])
  })

  it('show the endpoint nothing in which they may differ', async () => {
    const own = { authorization: 'Basic eDp5', cookie: 'a=b', origin: 'https://a.example', 'content-type': 'a/c' }
    const { seen } = await ask([{ headers: { accept: 'a/b', ...own } }, { headers: { accept: 'a/b' } }], nth)
    expect(seen).toEqual([
      expect.objectContaining({ headers: { accept: 'a/b' }, rawHeaders: [], contentType: undefined, address: '' }),
    ])
  })

  it('are refused alone', async () => {
    const twice = `GET /document HTTP/1.1\r\nhost: id.example.com\r\norigin: a\r\nOrigin: b\r\n\r\n`
    const app = testApp(routes, { deps: { act: () => json(200, {}) } })
    const { raw } = await reach(app)
    expect(statuses(await raw(twice + bytesOf([{}])))).toEqual([400, 200])
  })

  it('may have it already, or want its head alone', async () => {
    const document = cacheable('{"a":1}', 'application/json', 60)
    const headers = { 'if-none-match': String(document.headers['etag']) }
    const { answers, seen } = await ask([{}, { headers }, { method: 'HEAD' }, {}], () => document)
    expect(seen).toHaveLength(1)
    expect(statuses(answers)).toEqual([200, 304, 200, 200])
    expect(answers.match(/\{"a":1\}/g)).toHaveLength(2)
  })

  it('share an error, and each is told', async () => {
    const { answers, seen, lines } = await ask([{}, {}], () => {
      throw notFound('no_such_document')
    })
    expect(seen).toHaveLength(1)
    expect(statuses(answers)).toEqual([404, 404])
    expect(valuesOf(answers, 'access-control-allow-origin')).toEqual(['*', '*'])
    expect(lines().map(({ tenant, reason }) => ({ tenant, reason }))).toEqual([
      { tenant: 'default', reason: 'no_such_document' },
      { tenant: 'default', reason: 'no_such_document' },
    ])
  })

  it('are logged as 499, each, where the caller has hung up before the answer', async () => {
    const { untilGone, ask: hangUp } = hangingUp()
    const app = testApp(routes, { deps: { act: () => untilGone().then(() => json(200, {})) } })
    await hangUp(reach, app, bytesOf([{}, {}]))
    const gone = { route: 'document', tenant: 'default', status: 499, reason: 'caller_gone' }
    await eventually(() => expect(app.lines()).toMatchObject([gone, gone]))
  })

  it('are asked for anew in the next', async () => {
    let n = 0
    const { agent } = await reach(testApp(routes, { deps: { act: () => json(200, { n: ++n }) } }))
    await agent.get('/document').expect(200, { n: 1 })
    await agent.get('/document').expect(200, { n: 2 })
  })

  it('are not answered for another method', async () => {
    const { answers, seen } = await ask([{}, { method: 'DELETE' }, { method: 'OPTIONS' }, {}], nth)
    expect(seen).toHaveLength(1)
    expect(statuses(answers)).toEqual([200, 405, 204, 200])
  })
})

describe('an answer that is not the same for all', () => {
  it.each([
    { cors: 'clients' as const },
    { cors: 'clients_with_cookie' as const },
    { cors: 'any' as const, answers: 'page' as const },
  ])('cannot be shared: %j', (one) => {
    const route: Route<Deps> = { name: 'document', path: '/document', shared: true, methods: { GET: act }, ...one }
    expect(() => testApp([route], { deps: { act: () => json(200, {}) } })).toThrow('/document')
  })
})

describe('what is gathered in a turn', () => {
  it('is handed over by key, to the one who gathered it, and anew in the next', async () => {
    const [one, other]: (readonly number[])[][] = [[], []]
    const [ofOne, ofOther] = [perTurn<number>((all) => one?.push(all)), perTurn<number>((all) => other?.push(all))]
    ofOne('a', 1)
    ofOther('a', 2)
    ofOne('b', 3)
    ofOne('a', 4)
    expect([one, other]).toEqual([[], []])
    await new Promise<void>((resolve) => setImmediate(resolve))
    ofOne('a', 5)
    expect([one, other]).toEqual([[[1, 4], [3]], [[2]]])
    await new Promise<void>((resolve) => setImmediate(resolve))
    expect(one).toEqual([[1, 4], [3], [5]])
  })
})
