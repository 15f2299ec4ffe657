// Postgres: connection lost (08), no resources (53), asked to stop (57P), serialization or deadlock (40), lock not
// available, and 25006, a write to what is a standby since the failover.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const SQL_STATE = /^(?:08\w{3}|53\w{3}|57P\w{2}|40\w{3}|55P03|25006)$/

const CODES = new Set([
  ...['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'],
  // Prisma: can't reach, timed out, closed, no connection free, no transaction, write conflict, too many.
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'],
])

const KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TlsConnectionError'])

// pg and its pool say these without a code.
const MESSAGE =
  /^(?:Connection terminated|Connection ended|timeout (?:exceeded|expired)|Client has encountered a connection error|Query read timeout|Cannot use a pool after calling end)/

/** Whether an error says that the database is out of reach or wants another try, rather than that we made a mistake. */
export function isUnavailable(error: unknown): boolean {
  return chain(error).some(
    ({ code, originalCode, kind, syscall, message }) =>
      syscall === 'connect' ||
      [code, originalCode].some((one) => typeof one === 'string' && (CODES.has(one) || SQL_STATE.test(one))) ||
      (typeof kind === 'string' && KINDS.has(kind)) ||
      (typeof message === 'string' && MESSAGE.test(message)),
  )
}

interface Clues {
  readonly code?: unknown
  readonly originalCode?: unknown
  readonly kind?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly meta?: { readonly driverAdapterError?: unknown }
}

/** The error and what it was made of: Prisma wraps the adapter's error, which wraps the driver's answer. */
function chain(error: unknown): Clues[] {
  const found: Clues[] = []
  for (let at = error; typeof at === 'object' && at !== null && found.length < 5; ) {
    const clues: Clues = at
    found.push(clues)
    at = clues.cause ?? clues.meta?.driverAdapterError
  }
  return found
}
