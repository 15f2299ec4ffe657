/** An event of a stream. What has no name of its own is a `message`. */
export type ServerSentEvent = { readonly event: string; readonly data: string; readonly id: string }

/** A line or an event of a stream is longer than anything that is read. */
export class EventTooLarge extends Error {
  override readonly name = 'EventTooLarge'
}

export type EventStreamParser = {
  /** The events that end in these bytes. Throws EventTooLarge, and is of no use afterwards. */
  push(bytes: Uint8Array): ServerSentEvent[]
}

const LINE_END = /\r\n|\r|\n/g

/**
 * Takes server-sent events apart as the HTML standard says, in whichever pieces the bytes come. It holds one event of `maxLength`
 * characters at most; an event that the stream breaks off in is none.
 */
export function createEventStreamParser(maxLength: number): EventStreamParser {
  // Takes a byte order mark at the beginning away.
  const decoder = new TextDecoder()
  let line = ''
  let afterReturn = false
  let [name, data, id, size] = ['', undefined as string | undefined, '', 0]

  function take(field: string, value: string): void {
    if (field === 'event') name = value
    else if (field === 'data') data = data === undefined ? value : `${data}\n${value}`
    else if (field === 'id' && !value.includes('\0')) id = value
  }

  /** The event that a line completes, if it does. */
  function endLine(whole: string): ServerSentEvent | undefined {
    if (whole === '') {
      const event = data === undefined ? undefined : { event: name || 'message', data, id }
      ;[name, data, size] = ['', undefined, 0]
      return event
    }
    size += whole.length
    const colon = whole.indexOf(':')
    if (colon < 0) take(whole, '')
    else take(whole.slice(0, colon), whole.slice(colon + (whole[colon + 1] === ' ' ? 2 : 1)))
    return undefined
  }

  return {
    push(bytes) {
      let text = decoder.decode(bytes, { stream: true })
      if (text === '') return []
      // The second half of a line end whose first half has ended the line.
      if (afterReturn && text.startsWith('\n')) text = text.slice(1)
      afterReturn = text.endsWith('\r')
      const events: ServerSentEvent[] = []
      let start = 0
      for (const { 0: end, index } of text.matchAll(LINE_END)) {
        const event = endLine(line + text.slice(start, index))
        if (event) events.push(event)
        line = ''
        start = index + end.length
        if (size > maxLength) throw new EventTooLarge(`An event was longer than ${maxLength} characters.`)
      }
      line += text.slice(start)
      if (size + line.length > maxLength) throw new EventTooLarge(`An event was longer than ${maxLength} characters.`)
      return events
    },
  }
}
