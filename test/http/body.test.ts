import { expect, it, vi } from 'vitest'
import { formParams } from '../../src/http/form.js'
import { type HttpRequest, json, NO_STORE } from '../../src/http/handler.js'
import { jsonParams } from '../../src/http/json-body.js'
import type { Route } from '../../src/http/route.js'
import { testApp } from '../support/app.js'
import { eventually } from '../support/eventually.js'
import { overBothTransports } from '../support/http.js'

interface Deps {
  readonly act: (request: HttpRequest) => unknown
}

const act = async (request: HttpRequest, deps: Deps) => json(200, deps.act(request) ?? {}, NO_STORE)

const routes: readonly Route<Deps>[] = [
  { name: 'token', path: '/oauth2/token', body: 'form', methods: { POST: act } },
  { name: 'login', path: '/auth/login', body: 'json', maxBytes: 1000, methods: { POST: act } },
  { name: 'list', path: '/list', body: 'form', methods: { GET: act } },
]

const app = (act: Deps['act'] = () => ({ ok: true })) => testApp(routes, { deps: { act } })
const form = { 'content-type': 'application/x-www-form-urlencoded' }

overBothTransports('a body', (reach) => {
  const echo = () => app((request) => ({ scope: formParams(request).get('scope') }))

  it.each([
    'application/x-www-form-urlencoded',
    'APPLICATION/X-WWW-FORM-URLENCODED',
    'application/x-www-form-urlencoded;charset=UTF-8',
    'application/x-www-form-urlencoded; charset="utf-8"',
  ])('is read as %s', async (type) => {
    const { agent } = await reach(echo())
    await agent.post('/oauth2/token').set('content-type', type).send('scope=a+b%20c').expect(200, { scope: 'a b c' })
  })

  it.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/x-www-form-urlencoded; charset=utf-7',
    'application/x-www-form-urlencoded; charset=iso-8859-1',
    'application/x-www-form-urlencoded; charset="utf-16"',
    'application/x-www-form-urlencoded; a=b; charset=utf-16',
    'application/x-www-form-urlencodedx',
    'application/x-www-form-urlencoded, text/plain',
  ])('is refused with 415 as %s', async (type) => {
    const { raw } = await reach(echo())
    const answer = await raw(
      `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nConnection: close\r\nContent-Length: 7\r\n\r\nscope=a`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 415 [\s\S]*"invalid_request"/)
  })

  it('is refused with 415 without a type, and compressed', async () => {
    const { raw } = await reach(echo())
    for (const header of ['X: y', `Content-Type: ${form['content-type']}\r\nContent-Encoding: gzip`]) {
      const answer = await raw(
        `POST /oauth2/token HTTP/1.1\r\nHost: a\r\n${header}\r\nConnection: close\r\nContent-Length: 7\r\n\r\nscope=a`,
      )
      expect(answer).toMatch(/^HTTP\/1.1 415 /)
    }
  })

  it('is refused with 415 at a JSON endpoint unless it is JSON', async () => {
    const { agent } = await reach(app((request) => ({ username: jsonParams(request).get('username') })))
    await agent.post('/auth/login').send({ username: 'ada' }).expect(200, { username: 'ada' })
    await agent.post('/auth/login').set(form).send('username=ada').expect(415)
    await agent.post('/auth/login').set('content-type', 'text/plain').send('{"username":"ada"}').expect(415)
  })

  it.each([
    ['overlong forms', '\xc0\xaf'],
    ['surrogates', '\xed\xa0\x80'],
    ['Latin-1', '\xe9'],
    ['a cut sequence', '\xe2\x82'],
  ])('is refused with raw bytes that are %s', async (_, bytes) => {
    const application = echo()
    const { raw } = await reach(application)
    const body = `scope=${bytes}`
    const answer = await raw(
      `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    expect(answer).toMatch(/^HTTP\/1.1 400 /)
    expect(application.lines()).toMatchObject([{ reason: 'malformed_utf8' }])
  })

  it('is taken up to the limit of its route, to the byte', async () => {
    const { agent } = await reach(app())
    const post = (length: number) =>
      agent
        .post('/auth/login')
        .set('content-type', 'application/json')
        .send(`{"a":"${'b'.repeat(length - 8)}"}`)
    await post(1000).expect(200)
    const { body } = await post(1001).expect(413)
    expect(body.error).toBe('invalid_request')
  })

  it('is refused with 413 when it is much too large, before it was sent', async () => {
    const { raw } = await reach(app())
    const head = `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 999999999\r\n\r\n`
    const answer = await raw(head)
    expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*connection: close/i)
  })

  it('is refused with 413 and cut off when chunks go on for ever', async () => {
    const act = vi.fn()
    const application = app(act)
    const { open } = await reach(application)
    const socket = await open(
      `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    socket.on('error', () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`
    const more = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('drain', more).resume()
    more()
    await closed
    await eventually(() => expect(application.lines()).toMatchObject([{ status: 413, reason: 'content_too_large' }]))
    expect(act).not.toHaveBeenCalled()
  })

  it('leaves the connection usable when it was a little too large', async () => {
    const { raw } = await reach(app())
    const large = 'a'.repeat(20_000)
    const answer = await raw(
      `POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: ${form['content-type']}\r\nContent-Length: 20000\r\n\r\n${large}` +
        'GET /list HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1.1 413 [\s\S]*HTTP\/1.1 200 /)
  })

  it('of a GET is not read', async () => {
    const { raw } = await reach(app((request) => ({ body: request.body })))
    const answer = await raw('GET /list HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\na=1')
    expect(answer).toContain('{"body":""}')
  })
})
