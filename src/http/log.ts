import { type DestinationStream, pino } from 'pino'

type Write = (fields: object, message: string) => void

/** Writes one JSON line per call. */
export interface Log {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

/** What a line about a request holds: plain values that we chose, under names that need no escape, none of them a secret. */
export type RequestFields = Readonly<Record<string, string | number | undefined>>

export interface RequestLog extends Log {
  /**
   * At level info, like the others but for what it costs: it is one line of a request of which there are thousands a second. `kind` is
   * what one often has in common with the one before, `own` what it has not.
   */
  readonly request: (kind: RequestFields, own: RequestFields) => void
}

export type LogLevel = 'silent' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

// Nobody should log these. Who does by accident finds a word in their place. Not `code`: an error's own is called that.
const SECRET = /(?:password|secret|passphrase|token|otp|auth_?session|verifier|assertion|authorization|cookie|body)$/i
const MAX_DEPTH = 3
const INFO = 30

/** The fields without what is secret by its name. By hand, since pino's own redaction took a tenth of a request's time. */
function redact(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  let copy: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(fields)) {
    const inner = isPlain(value) && depth < MAX_DEPTH ? redact(value, depth + 1) : value
    const shown = SECRET.test(key) ? '[redacted]' : inner
    if (shown !== value) copy = Object.assign(copy ?? { ...fields }, { [key]: shown })
  }
  return copy ?? fields
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/**
 * The process's log: one line of ASCII JSON per call, to `destination` or standard output, with `base` in each. Without one this process
 * is the only one that writes there of requests.
 */
export function createLog(
  level: LogLevel,
  destination?: LogDestination,
  base: Readonly<Record<string, number>> | null = null,
): RequestLog {
  const options = {
    level,
    base,
    formatters: { log: (fields: object) => redact({ ...fields }) },
    serializers: { err: describeError },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  const piece = base ? PIPE_PIECE : MAX_BATCH
  const out = destination ?? gathering(pino.destination({ dest: 1, maxWrite: piece }), piece)
  const log = pino(options, { write: (line) => out.write(terminalSafe(line)) })
  const ofProcess = Object.entries(base ?? {})
    .map(([name, value]) => `,${JSON.stringify(name)}:${value}`)
    .join('')
  let last: { readonly kind: RequestFields; readonly text: string } | undefined
  const writesInfo = log.isLevelEnabled('info')
  const writeLater = out.writeLater ?? ((line: string) => out.write(line))
  return {
    debug: log.debug.bind(log),
    info: log.info.bind(log),
    warn: log.warn.bind(log),
    error: log.error.bind(log),
    request(kind, own) {
      if (!writesInfo) return
      if (!last || !isLike(kind, last.kind))
        last = { kind: { ...kind }, text: flat(`${members(kind)},"msg":"request"}\n`) }
      writeLater(`{"level":${INFO},"time":"${isoTime()}"${ofProcess}${members(own)}${last.text}`)
    },
  }
}

/** As members of a JSON object, each with a comma before it. */
function members(fields: RequestFields): string {
  let text = ''
  for (const name in fields) {
    const value = fields[name]
    if (value !== undefined) text += `,"${name}":${typeof value === 'string' ? quoted(value) : JSON.stringify(value)}`
  }
  return text
}

function isLike(one: RequestFields, other: RequestFields): boolean {
  for (const name in one) if (one[name] !== other[name]) return false
  for (const name in other) if (one[name] !== other[name]) return false
  return true
}

/** The same text in one piece: what is put together by `+` is taken apart again wherever it is copied. ASCII. */
const flat = (text: string) => Buffer.from(text, 'latin1').toString('latin1')

/** As JSON, most often as it is. */
const quoted = (text: string) => (PLAIN.test(text) ? `"${text}"` : terminalSafe(JSON.stringify(text)))
const PLAIN = /^[\w .,:/+-]*$/

let known = { at: 0, text: '' }

/** As pino writes it; put into words once a millisecond. */
function isoTime(): string {
  const at = Date.now()
  if (at !== known.at) known = { at, text: new Date(at).toISOString() }
  return known.text
}

/** As much as a pipe takes in one piece: where several processes write to it, a line of one is not torn by another. */
const PIPE_PIECE = 4096
const MAX_BATCH = 64 * 1024

/** Milliseconds that a line waits for others at most. */
const GATHERING = 5

/** Where lines go; what there are thousands of a second may be written somewhat later. */
export type LogDestination = DestinationStream & { readonly writeLater?: (line: string) => void }

/**
 * Writes together what may be written later, as it comes within some milliseconds, up to `most` characters; all else at once, and after
 * what came before it. A line that comes alone is written once this turn of the event loop is over: to be woken for it later costs a
 * process with little to do more than the line. What waits when the process exits is written before it has.
 */
export function gathering(destination: DestinationStream, most: number): LogDestination {
  let waiting = ''
  let flushedAt = Number.NEGATIVE_INFINITY
  function flush() {
    const text = waiting
    waiting = ''
    if (text === '') return
    flushedAt = performance.now()
    destination.write(text)
  }
  // Before the destination writes what it has, and takes no more.
  process.prependListener('exit', flush)
  return {
    write(line) {
      flush()
      destination.write(line)
    },
    writeLater(line) {
      if (waiting.length + line.length > most) flush()
      if (waiting === '') {
        if (performance.now() - flushedAt < GATHERING) setTimeout(flush, GATHERING)
        else setImmediate(flush)
      }
      waiting += line
    },
  }
}

// JSON escapes line ends and the escape character, but not C1 controls, bidirectional overrides or DEL. Beyond ASCII
// all text is inside a JSON string, where this escape is the same character.
const terminalSafe = (line: string) =>
  UNSAFE.test(line)
    ? line.replaceAll(/[^\n\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : line
const UNSAFE = /[^\n\x20-\x7e]/

interface DescribedError {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly at: readonly string[]
  readonly cause?: unknown
}

/**
 * What a log may hold of an error: not its further properties (a driver's error carries the row), and of Prisma's message
 * the last line only (the lines before quote the arguments of the call).
 */
export function describeError(error: unknown, depth = 0): DescribedError | string {
  if (!(error instanceof Error)) return typeof error === 'string' ? error.slice(0, 500) : typeof error
  const lines = error.message.trim().split('\n')
  const message = error.name.startsWith('Prisma') ? lines.at(-1) : error.message
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return {
    type: error.name,
    message: (message ?? '').slice(0, 500),
    ...(code !== undefined && { code }),
    at: (error.stack ?? '')
      .split('\n')
      .flatMap((line) => /^ {4}at (.*)$/.exec(line)?.[1] ?? [])
      .slice(0, 20),
    ...(error.cause !== undefined && depth < 3 && { cause: describeError(error.cause, depth + 1) }),
  }
}
