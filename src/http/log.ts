import { type DestinationStream, pino } from 'pino'

type Write = (fields: object, message: string) => void

/** Writes one JSON line per call. */
export interface Log {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

export type LogLevel = 'silent' | 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'

// Nobody should log these. Who does by accident finds a word in their place. Not `code`: an error's own is called that.
const SECRET = /(?:password|secret|passphrase|token|otp|auth_?session|verifier|assertion|authorization|cookie|body)$/i
const MAX_DEPTH = 3

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

/** The process's log: one line of ASCII JSON per call, to `destination` or standard output. */
export function createLog(level: LogLevel, destination: DestinationStream = pino.destination(1)): Log {
  const options = {
    level,
    base: null,
    formatters: { log: (fields: object) => redact({ ...fields }) },
    serializers: { err: describeError },
    timestamp: pino.stdTimeFunctions.isoTime,
  }
  return pino(options, { write: (line) => destination.write(terminalSafe(line)) })
}

// JSON escapes line ends and the escape character, but not C1 controls, bidirectional overrides or DEL. Beyond ASCII
// all text is inside a JSON string, where this escape is the same character.
const terminalSafe = (line: string) =>
  line.replaceAll(/[^\n\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

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
