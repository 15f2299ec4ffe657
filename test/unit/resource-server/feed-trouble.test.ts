import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { createIssuerHttp, type IssuerHttp } from '../../../src/resource-server/issuer-http.js'
import { eventually } from '../../support/eventually.js'
import { closeFakeFeeds, type FakeFeed, fakeClock, fakeFeed, heldKeys } from '../../support/fake-feed.js'
import { closeReaders, readFeed } from '../../support/feed-reader.js'

const every: NodeJS.Timeout[] = []
afterEach(async () => {
  for (const timer of every.splice(0)) clearInterval(timer)
  closeReaders()
  await closeFakeFeeds()
})

const soon = (milliseconds = 60) => new Promise((resolve) => setTimeout(resolve, milliseconds))

type Passing = { readonly clock: ReturnType<typeof fakeClock>; readonly underWay?: () => number }

/** Lets so many seconds go by, in steps between which everybody has a turn and what is `underWay` comes, and looks at each. */
async function passing({ clock, underWay = () => 0 }: Passing, seconds: number, look = () => {}) {
  for (let passed = 0; passed < seconds; passed += 0.1) {
    clock.now += 0.1
    await soon(10)
    await eventually(() => expect(underWay()).toBe(0))
    look()
  }
}

const begin = (response: ServerResponse) =>
  void response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()

describe('where a stream does not get through, pages keep what is known fresh', () => {
  type OnStream = (feed: FakeFeed) => FakeFeed['onStream']
  const stalls: [string, OnStream][] = [
    ['is not answered', () => () => {}],
    ['begins and says nothing', () => (_, response) => begin(response)],
    [
      'breaks off in the middle of an event, and stays open',
      (feed) => (_, response) => {
        begin(response)
        const jws = feed.sign(feed.page(undefined))
        response.write(`event: snapshot\ndata: ${jws.slice(0, jws.length / 2)}`)
      },
    ],
    ['is told everything, and then nothing', (feed) => (request, response) => feed.stream(request, response)],
    ['is refused', (feed) => (_, response) => feed.answer(response, 503)],
    ['is another page', (feed) => (_, response) => feed.answer(response, 200, { 'content-type': 'text/html' })],
    ['is cut off', () => (_, response) => void response.destroy()],
  ]
  it.each(stalls)('where it %s', async (_, onStream) => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    feed.onStream = onStream(feed)
    const { revocations, verdict, underWay } = readFeed(feed, { clock })
    const time = { clock, underWay }
    await passing(time, 4)
    await revocations.attempted
    let oldest = 0
    await passing(time, 12, () => {
      oldest = Math.max(oldest, revocations.status().age ?? Number.POSITIVE_INFINITY)
    })
    expect(oldest).toBeLessThan(5)
    feed.revoke('jti', 'token-1')
    await passing(time, 4)
    expect(verdict()).toBe('revoked')
    expect(feed.ofStreams().length).toBeLessThan(feed.ofPages().length + 30)
  })

  it.each([
    ['events of other names', () => 'event: hello\ndata: x\n\n'.repeat(50)],
    ['comments', () => ': still here\n\n'],
    ['noise', () => Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 37) % 256))],
  ])('also where it is full of %s, which do not make it one', async (_, noise) => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    const told: ServerResponse[] = []
    feed.onStream = (_request, response) => {
      begin(response)
      // It may be gone when the next noise is written.
      response.on('error', () => {})
      told.push(response)
    }
    const { revocations, underWay } = readFeed(feed, { clock })
    const time = { clock, underWay }
    const on = () => void told.at(-1)?.write(noise())
    await passing(time, 6, on)
    await eventually(async () => {
      await passing(time, 1, on)
      expect(told.length).toBeGreaterThan(1)
      expect(revocations.status().age).toBeLessThan(5)
    })
  })

  it('ends a stream in which an event has no end', async () => {
    const feed = await fakeFeed()
    feed.onStream = (_, response) => {
      begin(response)
      for (let i = 0; i < 40; i++) response.write(`data: ${'x'.repeat(100_000)}`)
    }
    const { revocations, names } = readFeed(feed)
    await revocations.attempted
    await eventually(() => expect(names()).toContain('revocations_refused'))
    expect(revocations.status().age).toBeLessThan(5)
  })

  it('and where there is no stream they are all there is', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read, pageSize: 3 })
    feed.fill(10)
    const { revocations, verdict, names, underWay } = readFeed(feed, { clock, hasStream: false })
    const time = { clock, underWay }
    await revocations.attempted
    expect([verdict(), verdict({ jti: 'filled-9' })]).toEqual(['live', 'revoked'])
    feed.revoke('jti', 'token-1')
    await passing(time, 2)
    expect(verdict()).toBe('revoked')
    await passing(time, 10, () => expect(revocations.status().age).toBeLessThan(5))
    expect(feed.ofStreams()).toEqual([])
    expect(names()).toEqual([])
  })

  it('counts from when a page was asked for, not from when it came', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    const { onPage } = feed
    feed.onPage = (request, response) => {
      onPage(request, response)
      clock.now += 3
    }
    const { revocations } = readFeed(feed, { clock, hasStream: false })
    await revocations.attempted
    expect(revocations.status().age).toBe(3)
  })

  it('asks for one page at a time', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    const { onPage } = feed
    const waiting: (() => void)[] = []
    feed.onPage = (request, response) => void waiting.push(() => onPage(request, response))
    const { revocations } = readFeed(feed, { clock, hasStream: false })
    await passing({ clock }, 10, () => expect(waiting.length).toBeLessThan(2))
    waiting[0]?.()
    await revocations.attempted
  })
})

describe('a server that asks for patience', () => {
  it('is not asked for a stream before', async () => {
    const feed = await fakeFeed()
    feed.onStream = (_, response) => feed.answer(response, 503, { 'retry-after': '2' })
    const { revocations } = readFeed(feed)
    const begun = performance.now()
    await eventually(() => expect(feed.ofStreams()).toHaveLength(2))
    expect(performance.now() - begun).toBeGreaterThan(1_900)
    expect(revocations.status().age).toBeLessThan(5)
  })

  it('is not asked for pages before either', async () => {
    const clock = fakeClock()
    const feed = await fakeFeed({ clock: clock.read })
    feed.onPage = (_, response) => feed.answer(response, 503, { 'retry-after': '9' })
    const { underWay } = readFeed(feed, { clock, hasStream: false })
    const time = { clock, underWay }
    await eventually(() => expect(feed.ofPages()).toHaveLength(1))
    await passing(time, 8.5, () => expect(feed.ofPages()).toHaveLength(1))
    await passing(time, 1)
    expect(feed.ofPages()).toHaveLength(2)
  })

  it.each([401, 403])('and one that answers %d is asked again later, with one line in the log', async (status) => {
    const feed = await fakeFeed()
    feed.onStream = feed.onPage = (_, response) => feed.answer(response, status)
    const { revocations, verdict, events, names } = readFeed(feed, { settings: { longPause: 100 } })
    await revocations.attempted
    await eventually(() => expect(feed.ofStreams().length).toBeGreaterThan(3))
    expect(events).toMatchObject([{ level: 'error', event: 'credentials_refused', detail: { status } }])
    expect(verdict()).toBe('unknown')
    feed.onStream = (request, response) => feed.stream(request, response)
    await eventually(() => expect(verdict()).toBe('live'))
    expect(names()).toEqual(['credentials_refused', 'connected'])
  })

  it('and one that refuses for long is not asked in between', async () => {
    const feed = await fakeFeed()
    feed.onStream = feed.onPage = (_, response) => feed.answer(response, 401)
    const { revocations } = readFeed(feed)
    await revocations.attempted
    await soon(300)
    // A stream and pages, once each at most.
    expect(feed.asked.length).toBeLessThanOrEqual(2)
  })
})

describe('through a proxy', () => {
  /** A way to the issuer on which everything takes so long, there and back. */
  const slowly =
    (milliseconds: number): typeof fetch =>
    async (input, init) => {
      await soon(milliseconds)
      const response = await fetch(input, init)
      await soon(milliseconds)
      const late = new TransformStream<Uint8Array, Uint8Array>({
        async transform(chunk, controller) {
          await soon(milliseconds)
          controller.enqueue(chunk)
        },
      })
      return new Response(response.body?.pipeThrough(late), response)
    }

  it('that delays all it passes on by as much, what is known is as old as that and no older', async () => {
    const feed = await fakeFeed()
    every.push(setInterval(feed.beat, 250))
    const http = createIssuerHttp(feed.issuer, slowly(400))
    const { revocations, verdict, names } = readFeed(feed, { http })
    await revocations.attempted
    for (let i = 0; i < 30; i++) {
      await soon(100)
      const { age = 0 } = revocations.status()
      expect(age).toBeGreaterThan(0.7)
      expect(verdict()).toBe('live')
    }
    expect(names()).toEqual(['connected'])
    expect(feed.ofStreams()).toHaveLength(1)
  })
})

describe('what it costs', () => {
  it('is one stream at a time and nothing that stays, through two thousand of them', async () => {
    const feed = await fakeFeed()
    const [snapshot, greeting] = [feed.sign(feed.page(undefined)), feed.heartbeat(1)]
    const signals = new Set<AbortSignal>()
    let [opened, most, listeners] = [0, 0, 0]
    const http: IssuerHttp = {
      async request() {
        throw new Error('no pages')
      },
      async open(_, { signal }) {
        opened += 1
        signals.add(signal)
        const add = signal.addEventListener.bind(signal)
        signal.addEventListener = (...args: Parameters<typeof add>) => {
          listeners += 1
          add(...args)
        }
        const remove = signal.removeEventListener.bind(signal)
        signal.removeEventListener = (...args: Parameters<typeof remove>) => {
          listeners -= 1
          remove(...args)
        }
        most = Math.max(most, [...signals].filter(({ aborted }) => !aborted).length)
        for (const one of signals) if (one.aborted) signals.delete(one)
        const body = `event: snapshot\ndata: ${opened === 1 ? snapshot : greeting}\n\n`
        return new Response(opened % 3 === 0 ? 'garbage' : body, { headers: { 'content-type': 'text/event-stream' } })
      },
    }
    const before = process.getActiveResourcesInfo().length
    const { revocations, keys } = readFeed(feed, { http, settings: { leastPause: 0, mostPause: 0, tick: 1 } })
    await revocations.attempted
    await eventually(() => expect(opened).toBeGreaterThan(2_000))
    expect(most).toBe(1)
    // That of the stream that is open, at most.
    expect(listeners).toBeLessThanOrEqual(1)
    expect(keys.listeners).toHaveLength(1)
    expect(process.getActiveResourcesInfo().length - before).toBeLessThan(10)
    revocations.close()
    await soon(20)
    const after = opened
    await soon(50)
    expect(opened).toBe(after)
  })

  it('leaves a turn to others between two pages', async () => {
    const feed = await fakeFeed({ pageSize: 5_000 })
    feed.fill(50_000)
    let turns = 0
    every.push(setInterval(() => (turns += 1), 0))
    const { revocations } = readFeed(feed, { hasStream: false, keys: heldKeys(feed.key) })
    await revocations.attempted
    expect(revocations.status().entries).toBe(50_000)
    expect(turns).toBeGreaterThan(10)
  })
})
