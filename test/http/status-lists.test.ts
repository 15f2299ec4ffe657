import { brotliCompressSync, gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { statusListAggregationRoute, statusListRoute } from '../../src/http/routes/status-lists.js'
import type { StatusListToken } from '../../src/revocation/status-list.js'
import type { StatusLists } from '../../src/revocation/status-lists.js'
import { testApp } from '../support/app.js'
import { overBothTransports } from '../support/http.js'

const ID = 'AAAAAAAAAAAAAAAAAAAAA-'
const PATH = `/status-lists/${ID}`

/** A list of the default tenant, which changes when told. */
function lists(over: Partial<StatusLists> = {}) {
  let [version, coded] = [0, 0]
  const tokenOf = (): StatusListToken => {
    const jws = `eyJ.${version}.${'A'.repeat(2_000)}`
    return {
      jws,
      coded: async (coding) => {
        coded++
        return coding === 'br' ? brotliCompressSync(jws) : gzipSync(jws)
      },
    }
  }
  let token = tokenOf()
  const statusLists: StatusLists = {
    token: async ({ slug }, id) => (slug === 'default' && id === ID ? token : undefined),
    uris: async ({ issuer }) => [`${issuer}/status-lists/${ID}`],
    ...over,
  }
  const app = testApp([statusListRoute, statusListAggregationRoute], { deps: { statusLists } })
  return {
    app,
    jws: () => token.jws,
    coded: () => coded,
    change: () => {
      version++
      token = tokenOf()
    },
  }
}

overBothTransports('GET /status-lists/<id>', (reach) => {
  it('gives everybody the list as it is, draft-ietf-oauth-status-list §8.2, for a second and on any page', async () => {
    const { app, jws } = lists()
    const { agent } = await reach(app)
    const { headers, body } = await agent.get(PATH).set('accept-encoding', 'identity').responseType('blob').expect(200)
    expect(String(body)).toBe(jws())
    expect(headers).toMatchObject({
      'content-type': 'application/statuslist+jwt',
      'cache-control': 'public, max-age=1',
      'access-control-allow-origin': '*',
      vary: 'accept, accept-encoding',
    })
    expect(headers['content-encoding']).toBeUndefined()
  })

  it.each([
    ['br', 'br'],
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['*;q=0', undefined],
    ['deflate', undefined],
    ['identity', undefined],
    ['br;q=x', undefined],
  ])('is compressed for who takes it: %s', async (accepted, coding) => {
    const { app, coded } = lists()
    const { agent } = await reach(app)
    const answers = await Promise.all([1, 2, 3].map(() => agent.get(PATH).set('accept-encoding', accepted)))
    for (const { headers } of answers) expect(headers['content-encoding']).toBe(coding)
    await agent.get(PATH).set('accept-encoding', accepted)
    expect(coded()).toBeLessThanOrEqual(coding === undefined ? 0 : 3)
  })

  it.each(['br', 'gzip'])('can be read by who asked for it compressed: %s', async (coding) => {
    const { app, jws } = lists()
    const { agent } = await reach(app)
    const { body } = await agent.get(PATH).set('accept-encoding', coding).responseType('blob')
    expect(String(body)).toBe(jws())
  })

  it('answers 304 to who has it, in that coding, until it changes', async () => {
    const { app, change } = lists()
    const { agent } = await reach(app)
    const get = (coding: string, etag = '') => agent.get(PATH).set({ 'accept-encoding': coding, 'if-none-match': etag })
    const br = String((await get('br')).headers['etag'])
    expect(br).toMatch(/^"[\w-]{22}"$/)
    await get('br', br).expect(304)
    await get('identity', br).expect(200)
    change()
    const { headers } = await get('br', br).expect(200)
    expect(headers['etag']).not.toBe(br)
  })

  it('does not tell what was at another time, draft-ietf-oauth-status-list §8.4', async () => {
    const { agent } = await reach(lists().app)
    await agent.get(`${PATH}?time=1800000000`).expect(501)
  })

  it.each([
    ['another', '/status-lists/BBBBBBBBBBBBBBBBBBBBBB'],
    ['another tenant’s', `/t/acme${PATH}`],
    ['none', '/status-lists/'],
    ['one of another shape', `${PATH}A`],
    ['one below it', `${PATH}/x`],
    ['an encoded one', `/status-lists/%41${'A'.repeat(20)}-`],
    ['a prototype', '/status-lists/__proto__'],
  ])('is not there: %s', async (_, path) => {
    const { agent } = await reach(lists().app)
    const { body } = await agent.get(path).expect(404)
    expect(body).toMatchObject({ error: 'not_found' })
  })

  it.each([
    ['application/statuslist+jwt', 200],
    ['application/*', 200],
    ['application/statuslist+cwt, */*;q=0.1', 200],
    ['application/statuslist+cwt', 406],
    ['application/statuslist+jwt;q=0', 406],
    ['text/html', 406],
  ])('comes to who takes a JWT, draft-ietf-oauth-status-list §8.1: %s is %i', async (accept, status) => {
    const { agent } = await reach(lists().app)
    await agent.get(PATH).set({ accept }).expect(status)
  })

  it('is for reading, also by HEAD', async () => {
    const { agent } = await reach(lists().app)
    const { headers, text } = await agent.head(PATH).expect(200)
    expect(headers['content-type']).toBe('application/statuslist+jwt')
    expect(text ?? '').toBe('')
    await agent.post(PATH).expect(405)
    await agent.options(PATH).set({ origin: 'https://a.example', 'access-control-request-method': 'GET' }).expect(204)
  })

  it('is 503 while the database is out of reach', async () => {
    const down = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const { agent } = await reach(lists({ token: () => Promise.reject(down) }).app)
    const { headers } = await agent.get(PATH).expect(503)
    expect(headers['retry-after']).toBe('1')
    expect(headers['cache-control']).toBe('no-store')
  })
})

overBothTransports('GET /status-lists', (reach) => {
  it('names the lists in use, draft-ietf-oauth-status-list §9.3, each tenant’s own', async () => {
    const { agent } = await reach(lists().app)
    const { body, headers } = await agent.get('/status-lists').expect(200)
    expect(body).toEqual({ status_lists: [`https://id.example.com${PATH}`] })
    expect(headers['content-type']).toBe('application/json')
    expect(headers['access-control-allow-origin']).toBe('*')
    const { body: acme } = await agent.get('/t/acme/status-lists').expect(200)
    expect(acme).toEqual({ status_lists: [`https://id.example.com/t/acme${PATH}`] })
  })
})
