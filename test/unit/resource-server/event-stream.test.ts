import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createEventStreamParser,
  EventTooLarge,
  type ServerSentEvent,
} from '../../../src/resource-server/event-stream.js'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const parse = (text: string) => createEventStreamParser(10_000).push(bytesOf(text))

/** The standard's own words, on the whole text at once: lines, then fields. */
function model(text: string): ServerSentEvent[] {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  // What no line end follows is no line.
  lines.pop()
  const events: ServerSentEvent[] = []
  let [event, data, id] = ['', [] as string[], '']
  for (const line of lines) {
    if (line === '') {
      if (data.length > 0) events.push({ event: event || 'message', data: data.join('\n'), id })
      ;[event, data] = ['', []]
      continue
    }
    const [, field = line, value = ''] = /^([^:]*): ?([\s\S]*)$/.exec(line) ?? []
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
    if (field === 'id' && !value.includes('\0')) id = value
  }
  return events
}

describe('an event stream', () => {
  it.each([
    ['an event', 'event: beat\nid: 1\ndata: x\n\n', [{ event: 'beat', id: '1', data: 'x' }]],
    ['one without a name', 'data: x\n\n', [{ event: 'message', id: '', data: 'x' }]],
    ['no space after the colon', 'event:beat\ndata:x\n\n', [{ event: 'beat', id: '', data: 'x' }]],
    ['one space only taken away', 'data:  x \n\n', [{ event: 'message', id: '', data: ' x ' }]],
    ['data of several lines', 'data: a\ndata: b\ndata\n\n', [{ event: 'message', id: '', data: 'a\nb\n' }]],
    ['line ends of all kinds', 'data: a\r\n\r\ndata: b\r\rdata: c\n\n', [{ data: 'a' }, { data: 'b' }, { data: 'c' }]],
    ['a byte order mark', '\uFEFFdata: x\n\n', [{ data: 'x' }]],
    ['comments and unknown fields', ': hello\nretry: 5\nfoo: bar\ndata: x\n\n', [{ data: 'x' }]],
    ['an id that lasts', 'id: 7\ndata: a\n\ndata: b\n\n', [{ id: '7' }, { id: '7' }]],
    ['an id with a NUL', 'id: 1\ndata: a\n\nid: 2\0\ndata: b\n\n', [{ id: '1' }, { id: '1' }]],
    ['a colon in the value', 'data: a:b: c\n\n', [{ data: 'a:b: c' }]],
    ['nothing for a name without data', 'event: beat\n\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    ['nothing for what is not ended', 'data: a\n\ndata: b\n', [{ data: 'a' }]],
  ])('has %s', (_, text, expected) => {
    const events = parse(text)
    expect(events).toMatchObject(expected)
    expect(events).toHaveLength(expected.length)
  })

  const line = fc.oneof(
    fc.constantFrom('', '', 'data', 'data:', ': c', 'id: 1', 'event: e', 'retry: 10', 'data: \uFEFF', 'id: \0'),
    fc
      .tuple(
        fc.constantFrom('data', 'event', 'id', 'x', ''),
        fc.constantFrom(':', ': ', ':  ', ''),
        fc.string({ unit: 'grapheme' }),
      )
      .map((parts) => parts.join('')),
  )
  const stream = fc
    .tuple(fc.constantFrom('', '\uFEFF'), fc.array(fc.tuple(line, fc.constantFrom('\n', '\r', '\r\n'))))
    .map(([mark, lines]) => mark + lines.flat().join(''))

  it('is the same however it comes in pieces, and what the standard says it is', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(20)), (text, sizes) => {
        const parser = createEventStreamParser(1_000_000)
        const bytes = bytesOf(text)
        const events: ServerSentEvent[] = []
        let at = 0
        for (const size of sizes) {
          events.push(...parser.push(bytes.subarray(at, at + size)))
          at += size
        }
        events.push(...parser.push(bytes.subarray(at)))
        expect(events).toEqual(model(text))
      }),
      { numRuns: 2_000 },
    )
  })

  it('of any bytes at all breaks nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        const parser = createEventStreamParser(100_000)
        for (const chunk of chunks) parser.push(chunk)
      }),
    )
  })

  it.each([
    ['a line that does not end', () => 'x'.repeat(100)],
    ['an event of many lines', () => 'data: 0123456789\n'.repeat(10)],
    ['comments without an end', () => ': 0123456789\n'.repeat(10)],
  ])('holds no more than it may of %s', (_, piece) => {
    const parser = createEventStreamParser(5_000)
    expect(() => {
      for (let i = 0; i < 100; i++) parser.push(bytesOf(piece()))
    }).toThrow(EventTooLarge)
  })

  it('takes any number of events that are short enough', () => {
    const parser = createEventStreamParser(1_000)
    for (let i = 0; i < 1_000; i++) expect(parser.push(bytesOf(`data: ${'x'.repeat(900)}\n\n`))).toHaveLength(1)
  })
})
