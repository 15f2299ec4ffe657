import { expect, it } from 'vitest'
import { cacheable, madeOnce } from '../../src/http/caching.js'
import type { Route } from '../../src/http/route.js'
import { testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'

// Answers that are given again, whose bytes are prepared once.

const BODIES: Readonly<Record<string, string | Buffer>> = {
  ascii: '{"keys":[]}',
  text: '{"name":"café ✓ 🔑"}',
  bytes: Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
  'long-text': 'é'.repeat(20_000),
  'long-bytes': Buffer.alloc(50_000, 0xfe),
  empty: '',
}
const bytesOf = (name: string) => Buffer.from(BODIES[name] ?? '')

const answers = Object.entries(BODIES).map(([name, body]) => {
  const about = {}
  const answer = madeOnce(() => cacheable(body, 'application/octet-stream', 60))
  const route: Route<object> = { name, path: `/${name}`, cors: 'any', methods: { GET: async () => answer(about) } }
  return route
})

overBothTransports('an answer that is given again', (reach) => {
  it.each(Object.keys(BODIES))('has the same bytes every time: %s', async (name) => {
    const { raw } = await reach(testApp(answers, { deps: {} }))
    for (let n = 0; n < 3; n++) {
      const answer = await raw(`GET /${name} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`)
      const end = answer.indexOf('\r\n\r\n')
      expect(Buffer.from(answer.slice(end + 4), 'latin1').equals(bytesOf(name))).toBe(true)
      expect(answer.slice(0, end)).toContain(`content-length: ${bytesOf(name).length}\r\n`)
    }
  })

  it('has the same length and no body for HEAD', async () => {
    const { raw } = await reach(testApp(answers, { deps: {} }))
    const answer = await raw('HEAD /text HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
    expect(answer).toContain(`content-length: ${bytesOf('text').length}\r\n`)
    expect(answer.endsWith('\r\n\r\n')).toBe(true)
  })

  it('has the headers of the server that gives it', async () => {
    const secure = await reach(testApp(answers, { deps: {} }))
    const plain = await reach(testApp(answers, { deps: {}, publicUrl: 'http://localhost:3000' }))
    for (const { agent, sent } of [
      { ...secure, sent: true },
      { ...plain, sent: false },
      { ...secure, sent: true },
    ]) {
      const { headers } = await agent.get('/text').expect(200)
      expect('strict-transport-security' in headers).toBe(sent)
    }
  })

  it('is 304 for who has it, every time under another id, RFC 9110 §15.4.5', async () => {
    const { agent } = await reach(testApp(answers, { deps: {} }))
    const { headers } = await agent.get('/text').expect(200)
    const ids = new Set<string>()
    for (let n = 0; n < 3; n++) {
      const again = await agent.get('/text').set('if-none-match', String(headers['etag'])).expect(304)
      expect(again.headers).toMatchObject({ etag: headers['etag'], 'cache-control': headers['cache-control'] })
      expect(again.headers).not.toHaveProperty('content-type')
      expect(again.headers).not.toHaveProperty('content-length')
      ids.add(String(again.headers['x-request-id']))
    }
    expect(ids.size).toBe(3)
    await agent.get('/text').set('if-none-match', '"another"').expect(200)
  })
})
