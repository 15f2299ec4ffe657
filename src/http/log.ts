import { type DestinationStream, pino } from 'pino'

type Write = (fields: object, message: string) => void

/** Writes one JSON line per call. */
export interface Log {
  readonly debug: Write
  readonly info: Write
  readonly warn: Write
  readonly error: Write
}

export type LogLevel = 'silent' | 'debug' | 'info' | 'warn' | 'error'

// Nobody should log these. Who does by accident finds a word in their place.
const SECRET_KEYS = [
  ...['password', 'new_password', 'secret', 'client_secret', 'api_secret', 'clientSecret', 'passphrase'],
  ...['token', 'access_token', 'refresh_token', 'id_token', 'accessToken', 'refreshToken', 'auth_session', 'otp'],
  // Not `code`: that is what an error's own code is called.
  ...['code_verifier', 'client_assertion', 'assertion', 'authorization', 'cookie', '["set-cookie"]', 'body'],
]
const redact = {
  paths: SECRET_KEYS.flatMap((key) => [key, key.startsWith('[') ? `*${key}` : `*.${key}`]),
  censor: '[redacted]',
}

/** The process's log: one line of ASCII JSON per call, to `destination` or standard output. */
export function createLog(level: LogLevel, destination: DestinationStream = pino.destination(1)): Log {
  const options = {
    level,
    base: null,
    redact,
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
