import { expect, it } from 'vitest'
import { ACME, DEFAULT_TENANT } from '../support/app.js'
import { eventsIn, isGreeting, knownAfter } from '../support/events.js'
import { eventually } from '../support/eventually.js'
import { overBothTransports, type Reached } from '../support/http.js'
import { basic, oauthApp } from '../support/oauth-app.js'

type By = { readonly id: string; readonly secret: string }
type Headers = Readonly<Record<string, string>>

const OURS = DEFAULT_TENANT.id
// Heartbeats only where a test asks for them.
const QUIET = { heartbeat: 3_600_000 }

const request = (by: By, path: string, headers: Headers) => {
  const lines = Object.entries({ host: 'a', accept: 'text/event-stream', authorization: basic(by), ...headers })
  return `GET ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}`).join('\r\n')}\r\n\r\n`
}

/** A reader: what it has been sent so far, chunks put together. */
async function listen({ open }: Reached, by: By, path = '/revocations', headers: Headers = {}) {
  const socket = await open(request(by, path, headers))
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  socket.on('error', () => {})
  await eventually(() => expect(received).toContain('\r\n\r\n'))
  const head = received.slice(0, received.indexOf('\r\n\r\n')).toLowerCase()
  const body = () => unchunked(received.slice(head.length + 4))
  return {
    socket,
    head,
    body,
    // Without what a stream is greeted with, which comes when it is signed.
    events: () => eventsIn(body()).filter((event) => !isGreeting(event)),
    has: (text: string) => received.includes(text),
    /** The last chunk has come, or the connection is gone. */
    isOver: () => received.endsWith('0\r\n\r\n') || socket.destroyed,
  }
}

function unchunked(text: string): string {
  let whole = ''
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, end), 16)
    if (end < 0 || !(size > 0)) return whole
    whole += text.slice(end + 2, end + 2 + size)
    at = end + 4 + size
  }
}

const last = ({ events }: { events: () => ReturnType<typeof eventsIn> }) => events().at(-1) ?? expect.fail('no event')

overBothTransports('the feed', (reach) => {
  const start = async (settings: Parameters<typeof oauthApp>[0] = {}) => {
    const all = oauthApp({ ...QUIET, ...settings })
    return { ...all, reached: await reach(all.app), list: all.world.list }
  }

  it('is a stream of what is revoked and then of what comes, for an API with its credentials', async () => {
    const { reached, list, api, app } = await start()
    list.append(OURS, 'before')
    const reader = await listen(reached, api)
    expect(reader.head).toMatch(/^http\/1.1 200 /)
    for (const line of [
      'content-type: text/event-stream',
      'cache-control: no-store',
      'x-accel-buffering: no',
      'vary: accept',
    ]) {
      expect(reader.head).toContain(line)
    }
    await eventually(() => expect(reader.events()).toMatchObject([{ event: 'snapshot' }]))
    expect(reader.body().startsWith('retry: 1000\n\n')).toBe(true)
    list.append(OURS, 'after')
    list.poll(OURS)
    await eventually(() => expect(last(reader)).toMatchObject({ event: 'revocations' }))
    expect(last(reader).told).toMatchObject({ iss: DEFAULT_TENANT.issuer, max_staleness: 5, entries: [{ d: 'after' }] })
    expect(knownAfter(reader.events()).digests).toEqual(new Set(['before', 'after']))
    const [header = ''] = last(reader).data.split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString()).typ).toBe('revocations+jwt')
    expect(app.lines()).toEqual([])
    reader.socket.destroy()
    await eventually(() => expect(app.lines()).toMatchObject([{ route: 'revocations', status: 200 }]))
  })

  it('goes on after the last event a reader had, whatever the address says', async () => {
    const { reached, list, api } = await start()
    const first = await listen(reached, api)
    await eventually(() => expect(first.events()).toHaveLength(1))
    const old = last(first).id ?? ''
    list.append(OURS, 'one')
    list.poll(OURS)
    await eventually(() => expect(first.events()).toHaveLength(2))
    const { id = '' } = last(first)
    list.append(OURS, 'two')
    list.poll(OURS)
    await eventually(() => expect(first.events()).toHaveLength(3))
    const again = await listen(reached, api, `/revocations?since=${old}`, { 'last-event-id': id })
    await eventually(() =>
      expect(again.events()).toMatchObject([{ event: 'revocations', told: { entries: [{ d: 'two' }] } }]),
    )
    const bySince = await listen(reached, api, `/revocations?since=${old}`)
    await eventually(() => expect(bySince.events()).toHaveLength(2))
  })

  it.each(['nonsense', '1.id-of-acme.1000', '1.id-of-default.999999', '__proto__'])(
    'answers 410 before anything is streamed to the cursor %s',
    async (cursor) => {
      const { reached, api, feed } = await start()
      const ask = reached.agent.get('/revocations').set('authorization', basic(api)).set('accept', 'text/event-stream')
      const { body, headers } = await ask.set('last-event-id', cursor).expect(410)
      expect(body).toEqual({ error: 'reset' })
      expect(headers['cache-control']).toBe('no-store')
      expect(feed.subscribers()).toBe(0)
    },
  )

  it('tells an API of its own tenant alone', async () => {
    const { reached, list, world, api } = await start()
    const theirs = world.addApi({ tenant: ACME })
    const [ours, foreign] = [await listen(reached, api), await listen(reached, theirs, '/t/acme/revocations')]
    list.append(ACME.id, 'theirs')
    list.append(OURS, 'ours')
    for (const { id } of [ACME, DEFAULT_TENANT]) list.poll(id)
    await eventually(() => {
      expect(last(ours).told).toMatchObject({ iss: DEFAULT_TENANT.issuer, entries: [{ d: 'ours' }] })
      expect(last(foreign).told).toMatchObject({ iss: ACME.issuer, entries: [{ d: 'theirs' }] })
    })
    const cross = reached.agent.get('/t/acme/revocations').set('accept', 'text/event-stream')
    await cross.set('authorization', basic(api)).expect(401)
  })

  it('is for APIs with their credentials alone', async () => {
    const { reached, api, client, feed, world, app } = await start()
    const ask = (headers: Headers, path = '/revocations') =>
      reached.agent.get(path).set({ accept: 'text/event-stream', ...headers })
    const { headers } = await ask({}).expect(401)
    expect(headers['www-authenticate']).toBe('Basic realm="oauth2"')
    await ask({ authorization: basic(client) }).expect(401)
    await ask({ authorization: basic({ ...api, secret: 'wrong' }) }).expect(401)
    await ask({}, `/revocations?client_id=${api.id}&client_secret=${api.secret}`).expect(401)
    world.update(api, { disabled: true })
    await ask({ authorization: basic(api) }).expect(401)
    expect(feed.subscribers()).toBe(0)
    expect(app.output()).not.toContain(api.secret)
  })

  it.each([
    ['an API that is disabled', { disabled: true }],
    ['an API whose secret was replaced', { secretHashes: [] }],
  ])('ends for %s, and goes on for the others', async (_, change) => {
    const { reached, list, world, api } = await start()
    const other = world.addApi()
    const [mine, theirs] = [await listen(reached, api), await listen(reached, other)]
    world.update(api, change)
    list.configure(OURS)
    list.poll(OURS)
    await eventually(() => expect(mine.body()).not.toBe(''))
    await eventually(() => expect(mine.isOver()).toBe(true))
    list.append(OURS, 'after')
    list.poll(OURS)
    await eventually(() => expect(last(theirs).told.entries).toMatchObject([{ d: 'after' }]))
    expect(mine.events().map(({ told }) => told.entries)).not.toContainEqual([expect.objectContaining({ d: 'after' })])
  })

  it('goes on for a disabled tenant, which still says what is revoked', async () => {
    const { reached, list, world } = await start()
    const api = world.addApi({ tenant: ACME })
    const reader = await listen(reached, api, '/t/acme/revocations')
    world.disableTenant(ACME)
    list.configure(ACME.id)
    list.append(ACME.id, 'after')
    list.poll(ACME.id)
    await eventually(() => expect(last(reader).told.entries).toMatchObject([{ d: 'after' }]))
    await listen(reached, api, '/t/acme/revocations')
  })

  it('is the list to who does not ask for a stream by name', async () => {
    const { reached, api } = await start()
    const type = async (accept: string) => {
      const ask = reached.agent.get('/revocations').set('authorization', basic(api)).set('accept', accept)
      return (await ask.responseType('blob').expect(200)).headers['content-type']
    }
    for (const accept of ['*/*', 'text/*', 'application/revocations+jwt', 'text/event-stream;q=0']) {
      expect(await type(accept)).toBe('application/revocations+jwt')
    }
    const reader = await listen(reached, api, '/revocations', { accept: 'application/json, Text/Event-Stream;q=0.9' })
    expect(reader.head).toContain('text/event-stream')
  })

  it('answers HEAD without a place, and HTTP/1.0 without chunks', async () => {
    const { reached, api, feed, list } = await start({ lifetime: 200 })
    list.append(OURS, 'before')
    const head = await reached.raw(request(api, '/revocations', { connection: 'close' }).replace('GET', 'HEAD'))
    expect(head).toMatch(/^HTTP\/1.1 200 [\s\S]*text\/event-stream[\s\S]*\r\n\r\n$/)
    expect(feed.subscribers()).toBe(0)
    const old = await reached.raw(request(api, '/revocations', {}).replace('HTTP/1.1', 'HTTP/1.0'))
    const [, body = ''] = old.split('\r\n\r\n')
    expect(eventsIn(body).filter((event) => !isGreeting(event))).toMatchObject([
      { event: 'snapshot', told: { entries: [{ d: 'before' }] } },
    ])
  })

  it('is 503 with Retry-After when all places are taken, and when the database is away', async () => {
    const { reached, api, list, feed } = await start({ maxSubscribers: 1 })
    const ask = () => reached.agent.get('/revocations').set({ accept: 'text/event-stream', authorization: basic(api) })
    list.broken = true
    expect((await ask().expect(503)).headers['retry-after']).toBe('1')
    list.broken = false
    const reader = await listen(reached, api)
    const { headers, body } = await ask().expect(503)
    expect(Number(headers['retry-after'])).toBeGreaterThan(0)
    expect(body.error).toBe('temporarily_unavailable')
    reader.socket.destroy()
    await eventually(() => expect(feed.subscribers()).toBe(0))
    await listen(reached, api)
  })

  it('bounds what waits for a reader that does not read, sends it for a snapshot, and holds up nobody', async () => {
    const { reached, api, list } = await start({ buffer: 100_000, drain: 3_600_000 })
    const [slow, other] = [await listen(reached, api), await listen(reached, api)]
    slow.socket.pause()
    let revision = 0
    const heap = 'x'.repeat(1_000_000)
    // More than the sockets' own buffers hold.
    for (let i = 0; i < 12; i++) {
      revision = list.append(OURS, `${heap}${i}`)
      list.poll(OURS)
      await eventually(() => expect(other.has(`.${revision}\ndata`)).toBe(true))
    }
    slow.socket.resume()
    await eventually(() => expect(slow.isOver()).toBe(true))
    expect(last(slow)).toMatchObject({ event: 'reset', data: '{"error":"reset"}' })
    expect(slow.events().length).toBeLessThan(other.events().length)
    expect(other.socket.destroyed).toBe(false)
  })

  it('cuts off a reader that reads nothing for too long', async () => {
    const { reached, api, list, feed } = await start({ buffer: 100_000, drain: 50 })
    const slow = await listen(reached, api)
    slow.socket.pause()
    const heap = 'x'.repeat(500_000)
    await eventually(() => {
      list.append(OURS, heap)
      list.poll(OURS)
      expect(feed.subscribers()).toBe(0)
    })
  })

  it('beats while Postgres is polled, and is silent while it is not', async () => {
    const { reached, api, list } = await start({ heartbeat: 5 })
    const reader = await listen(reached, api)
    const beats = () => reader.events().filter(({ event }) => event === 'heartbeat')
    await eventually(() => expect(beats()).toHaveLength(1))
    list.poll(OURS)
    await eventually(() => expect(beats()).toHaveLength(2))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(beats()).toHaveLength(2)
    const [one, two] = beats().map(({ told }) => told.polled_at ?? 0)
    expect(two).toBeGreaterThan(one ?? 0)
  })

  it('ends with the process, before the server waits for anything', async () => {
    const { reached, api, feed } = await start()
    const reader = await listen(reached, api)
    await feed.close()
    await eventually(() => expect(reader.isOver()).toBe(true))
    const ask = reached.agent.get('/revocations').set({ accept: 'text/event-stream', authorization: basic(api) })
    await ask.expect(503)
  })
})
